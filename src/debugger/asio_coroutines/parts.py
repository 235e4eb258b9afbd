"""The parts of an object that are of some type: where they are in it. Knows types, no memory.

A debugger may not know all members of a class: then the words that no member covers may be such parts, too.

    class handler, 24 bytes         known members
    +--------------------+
    |  0                 |          count   at  0, 4 bytes, and what aligns the next one
    |  8                 |          none: an unknown word
    | 16                 |          state   at 16, 8 bytes
    +--------------------+
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .debugger import WORD, Debugger, Type

MOST_TYPES = 3_000  # that are looked at, in one search
MOST_UNKNOWN = 1_000  # words that are kept, of one search
NAMELESS = re.compile(r"lambda|\$_\d|unnamed|anonymous|^$")

# The way from an object to a part of it: offsets in bytes, between which a pointer is followed.
# (8, 16) is: the pointer at offset 8, and in what that points to, offset 16.
Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a search has found: the ways to it, the shortest first."""

    wanted: list[Path] = field(default_factory=list)  # parts of a type that was looked for
    unknown: list[Path] = field(default_factory=list)  # words of which the debugger does not know what they are


def search(
    debugger: Debugger, start: Sequence[tuple[int, Type]], wanted: re.Pattern[str], skipped: re.Pattern[str], pointers:
    int
) -> Parts:
    """The parts whose type's name begins as `wanted`.

    `start` has the offset and the type of each object to look through; `skipped` matches the names, without template
    arguments, of types that are not looked through; `pointers` is how many pointers a way may follow."""
    found = Parts()
    queue: list[tuple[Path, Type]] = [((offset,), type_) for offset, type_ in start]
    seen: set[str] = set()
    for count, (path, type_) in enumerate(queue):  # which grows
        if count > MOST_TYPES:
            break
        target = debugger.pointee(type_)
        name = debugger.type_name(type_)
        if target is not None:
            if len(path) <= pointers:
                queue.append((path + (0,), target))
        elif wanted.match(name):
            found.wanted.append(path)
        elif not skipped.search(name.partition("<")[0]) and name not in seen:
            if not NAMELESS.search(name):  # two lambdas may share a name: each is looked through
                seen.add(name)
            for member in debugger.members(type_):
                queue.append((_further(path, member.offset), member.type))
            room = MOST_UNKNOWN - len(found.unknown)
            found.unknown.extend(_further(path, offset) for offset in itertools.islice(_unknown(debugger, type_), room))
    return found


def _further(path: Path, offset: int) -> Path:
    """The way to what is so many bytes behind the end of a way."""
    return path[:-1] + (path[-1] + offset,)


def _unknown(debugger: Debugger, type_: Type) -> Iterator[int]:
    """The offsets of the words in a class that no known member has a part in."""
    if not debugger.is_class(type_):
        return
    known = sorted((member.offset, member.offset + debugger.size(member.type)) for member in debugger.members(type_))
    at = 0
    for start, end in [*known, (debugger.size(type_), 0)]:
        yield from range(at, start - WORD + 1, WORD)
        at = max(at, (end + WORD - 1) // WORD * WORD)
