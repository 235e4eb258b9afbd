"""Who holds the awaitable of a coroutine that has not started, and so is the one that is going to start it.

Knows the words of coroutines' variables, of heap blocks and of call stacks. An awaitable is one word, the promise's
address, and there is one of them for each coroutine that has not started: Asio's move clears the one that is moved
from. It is a local of a coroutine, or in a heap block that one of its locals points to, as that of a vector; or, while
a group is being started, in the call stack above the coroutine that starts it. A stale copy of the word could be taken
for it; it would put one row below the wrong one."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .coroutine import Coroutine
from .debugger import WORD, NoMemory
from .heap import chunk_size
from .program import Snapshot

MOST = 1 << 16  # bytes that are looked through of one object
MOST_COROUTINES = 2_000  # whose frames are looked through: where there are more, hardly anybody looks at one


@dataclass(frozen=True, slots=True)
class Start:
    """A part of a call stack in which a coroutine, which has suspended itself, starts what it waits for."""

    begin: int  # addresses
    end: int
    promise: int


def holders(
    snapshot: Snapshot, unstarted: set[int], coroutines: Iterable[Coroutine], starts: Iterable[Start]
) -> Mapping[int, int]:
    """The promise of the coroutine that holds each of these, by their promises; those that nobody holds are left out,
    and those whose holder is not among the first MOST_COROUTINES."""
    found: dict[int, int] = {}
    own = [coroutine for coroutine in coroutines if coroutine.promise not in unstarted][:MOST_COROUTINES]
    places = itertools.chain(  # the more certain ones first
        ((each.promise, _words_in_variables(each)) for each in own),
        ((each.promise, _words_behind(each)) for each in own),
        ((each.promise, _words(snapshot, each.begin, each.end - each.begin)) for each in starts),
    )
    for promise, words in places:
        for word in unstarted.intersection(words):
            if word != promise:
                found.setdefault(word, promise)
    return found


def _words_in_variables(coroutine: Coroutine) -> Iterator[int]:
    """The words of its arguments, and of its locals where it waits. (Elsewhere in its frame there may be anything:
    what is for temporaries has old words in it.)"""
    for variable in [*coroutine.function.arguments, *coroutine.locals]:
        try:
            address = coroutine.address_of(variable)
        except NoMemory:
            continue
        yield from _words(coroutine.snapshot, address, coroutine.snapshot.debugger.size(variable.type))


def _words_behind(coroutine: Coroutine) -> Iterator[int]:
    """The words of the heap blocks that these words point to."""
    for word in _words_in_variables(coroutine):
        is_aligned = word % (2 * WORD) == 0  # as all that malloc returns is
        size = chunk_size(coroutine.snapshot, word) if word and is_aligned else 0
        if size:
            yield from _words(coroutine.snapshot, word, size)


def _words(snapshot: Snapshot, address: int, size: int) -> list[int]:
    """The words of an object of this size in bytes, up to MOST of them; none where it cannot be read."""
    size = min(size, MOST) // WORD * WORD
    try:
        return list(struct.unpack(f"<{size // WORD}Q", snapshot.read(address, size)))
    except NoMemory:
        return []
