"""Where coroutines are: the search of a program's memory for promises. Knows bytes and addresses, and from layout.py
how a promise can be told."""

from __future__ import annotations

import itertools
import os
import re
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from .debugger import WORD, Debugger, Mapping, NoMemory
from .layout import PROMISE

BLOCK = 1 << 16  # bytes, whose addresses differ in the two lowest bytes only
LOWER = 2  # those two
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes, of this machine
LARGE = 1 << 26  # of a mapping of so many bytes or more, only what was ever touched is read
MOST = 4 << 30  # larger ones are left out where that is not to be known
RESERVED = 1 << 40  # no heap is so large: address space that is only reserved, as AddressSanitizer's shadow
CHUNK = 1 << 29  # bytes of memory whose entries in /proc/PID/pagemap are read at once: 1 MiB of them
ENTRY = 8  # bytes of /proc/PID/pagemap for a page; in the last of them, bit 7 is "present" and bit 6 "swapped out"
# Runs of touched pages, by the last bytes of their entries, with less than 16 others between them.
TOUCHED = re.compile(rb"[\x40-\xff](?:.{0,15}?[\x40-\xff])*", re.S)


class Search:
    """A search of the writable memory for promises. `left_out` has, after it, what was not read."""

    def __init__(self, debugger: Debugger, stacks: Iterable[int]) -> None:
        """`stacks` has a place in each thread's call stack: those mappings have no coroutine frames."""
        self._debugger = debugger
        self._stacks = list(stacks)
        self.left_out: list[Mapping] = []

    def promises(self) -> Iterator[int]:
        """The addresses of what may be promises: words that have the address of what may be their coroutine frame."""
        for mapping in self._debugger.mappings():
            is_file = mapping.name and not mapping.name.startswith(("[heap", "[anon"))
            is_stack = any(mapping.start <= stack < mapping.end for stack in self._stacks)
            if is_file or is_stack or mapping.end - mapping.start >= RESERVED:
                continue
            for start, end in self._touched(mapping):
                yield from self._promises_between(start, end)

    def _touched(self, mapping: Mapping) -> Iterator[tuple[int, int]]:
        """The ranges of a mapping that are worth reading."""
        size = mapping.end - mapping.start
        process = self._debugger.process_id() if size >= LARGE else None
        if process is not None:
            try:
                with open(f"/proc/{process}/pagemap", "rb", buffering=0) as pagemap:
                    yield from touched_ranges(pagemap, mapping.start, mapping.end)
                return
            except OSError:  # the process is not one of this machine's, or not ours to ask about
                pass
        if size <= MOST:
            yield mapping.start, mapping.end
        else:
            self.left_out.append(mapping)

    def _promises_between(self, start: int, end: int) -> Iterator[int]:
        for block in range(start // BLOCK * BLOCK, end, BLOCK):
            for first, memory in self._read(max(start, block), min(block + BLOCK, end)):
                yield from promises_in(memory, first)

    def _read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """What can be read between these addresses, with the address that it begins at: all at once or, where that
        fails, page by page."""
        try:
            yield start, self._debugger.read(start, end - start)
            return
        except NoMemory:
            pass
        for first in range(start, end, PAGE):
            last = min(first + PAGE, end)
            try:
                yield first, self._debugger.read(first, last - first)
            except NoMemory:
                self.left_out.append(Mapping(first, last, ""))


def promises_in(memory: bytes, first: int) -> Iterator[int]:
    """The addresses of the words in these bytes, the first of which is at `first`, that hold their own address less
    PROMISE. The bytes are of one BLOCK.

    Nearly all such words have the same upper bytes, which Python finds fast: in the block at 0x7ffff7c50000, the word
    at 0x7ffff7c51230 must be 0x7ffff7c51220, in memory 20 12 c5 f7 ff 7f 00 00. So c5 f7 ff 7f is looked for, without
    the zeros, which are everywhere. The words in the first PROMISE bytes of a block hold an address of the block
    before: they are looked at one by one.

    >>> [hex(at) for at in promises_in(bytes(16) + (0x7ffff7c51220).to_bytes(8, "little"), 0x7ffff7c51220)]
    ['0x7ffff7c51230']
    """
    upper = re.escape((first // BLOCK).to_bytes(WORD, "little").rstrip(b"\0"))
    end = len(memory) - WORD
    in_first_bytes = range(0, first // BLOCK * BLOCK + PROMISE - first, WORD)
    at_upper_bytes = (match.start() - LOWER for match in re.finditer(upper, memory))
    for at in itertools.chain(in_first_bytes, at_upper_bytes):
        if 0 <= at <= end and struct.unpack_from("<Q", memory, at)[0] == first + at - PROMISE:
            yield first + at


def touched_ranges(pagemap: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The ranges of [start, end) that are in memory or swapped out, as /proc/PID/pagemap has it: an ENTRY for each
    page. Ranges with less than 16 pages between them are one."""
    for chunk in range(start, end, CHUNK):
        pagemap.seek(chunk // PAGE * ENTRY)
        last_bytes = pagemap.read((min(chunk + CHUNK, end) - chunk) // PAGE * ENTRY)[ENTRY - 1 :: ENTRY]
        for run in TOUCHED.finditer(last_bytes):
            yield chunk + run.start() * PAGE, chunk + run.end() * PAGE
