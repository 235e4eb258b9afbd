"""Whether a coroutine lives, or only its frame's old bytes are still there: the compiler tells, or glibc's heap. Knows
glibc's malloc.

GCC notes it in the coroutine frame. Clang does not; but glibc's malloc, which the frame comes from, knows whether it
has got the memory back. It puts a header of two words before each chunk:

    chunk  |  size of the chunk before, if that is free  |  own size + flags  |  the frame ...
    next   |  size of the chunk before, if that is free  |  own size + flags  |  ...

The flags, in the lowest bits of the size: 1, the chunk *before* is in use; 2, mapped by itself; 4, not of the main
heap. So whether a chunk is in use stands in the next one. (A chunk that malloc keeps for its next call counts as in
use; but free() has written over its first two words then, and so over what a frame begins with.)
"""

from __future__ import annotations

import enum

from .coroutine import Coroutine
from .debugger import WORD, Debugger, NoMemory
from .program import Snapshot

PREVIOUS_IN_USE, MAPPED, OTHER_HEAP, NO_CHUNK = 1, 2, 4, 8
FLAGS = 7
SMALLEST, LARGEST = 32, 1 << 32  # bytes that a chunk may have, for one coroutine
# Functions that other allocators have: where one of these is, malloc is not glibc's.
OTHER_ALLOCATORS = ("mallctl", "tc_malloc", "mi_malloc", "__asan_init", "__msan_init", "__tsan_init", "scalable_malloc")
GLIBC = "gnu_get_libc_version"


class Life(enum.Enum):
    """What is known of a coroutine's life."""

    ALIVE = "alive"
    DESTROYED = "destroyed"
    UNKNOWN = "unknown"


def has_glibc_heap(debugger: Debugger) -> bool:
    """Whether malloc is glibc's: not with AddressSanitizer, jemalloc and their like, nor with another C library."""
    return debugger.has_symbol(GLIBC) and not any(map(debugger.has_symbol, OTHER_ALLOCATORS))


def life(coroutine: Coroutine, is_glibc: bool) -> Life:
    """Whether it lives; `is_glibc` as has_glibc_heap() tells. Raises NoMemory."""
    compiler, number = coroutine.function.compiler, coroutine.number
    is_destroyed = compiler.is_destroyed(number) if compiler and number is not None else None
    if is_destroyed is not None:
        return Life.DESTROYED if is_destroyed else Life.ALIVE
    return _in_glibc(coroutine.snapshot, coroutine.frame) if is_glibc else Life.UNKNOWN


def chunk_size(snapshot: Snapshot, address: int) -> int:
    """The bytes of the object there, as glibc's header has it; 0 if there is no header of a chunk."""
    try:
        size = snapshot.word(address - WORD)
    except NoMemory:
        return 0
    return (size & ~FLAGS) - WORD if _may_be_size(size) else 0


def _may_be_size(word: int) -> bool:
    """Whether this may be the size and the flags in a chunk's header."""
    return SMALLEST <= word < LARGEST and not word & NO_CHUNK


def _in_glibc(snapshot: Snapshot, frame: int) -> Life:
    """Whether the chunk with this coroutine frame is in use; UNKNOWN where there is no header of a chunk. Freed chunks
    are merged, with the old headers left inside: so what a header says holds only if the neighbours agree. Raises
    NoMemory."""
    chunk = frame - 2 * WORD
    before, size = snapshot.word(chunk), snapshot.word(chunk + WORD)
    if not _may_be_size(size):
        return Life.UNKNOWN
    if size & MAPPED:
        return Life.ALIVE
    try:
        if not snapshot.word(chunk + (size & ~FLAGS) + WORD) & PREVIOUS_IN_USE:
            return Life.DESTROYED
        if size & PREVIOUS_IN_USE or not before:
            return Life.ALIVE
        header_before = snapshot.word(chunk - before + WORD) & ~(MAPPED | OTHER_HEAP)
        return Life.ALIVE if header_before == before | PREVIOUS_IN_USE else Life.DESTROYED
    except NoMemory:  # what was merged with the end of the heap reaches up to there
        return Life.DESTROYED
