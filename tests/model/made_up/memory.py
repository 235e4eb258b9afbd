"""The memory of a made-up program: pages, mappings, and heap chunks as glibc lays them out."""

from __future__ import annotations

from asio_coroutines.debugger import Mapping, NoMemory

PAGE = 1 << 12
WORD = 8
PREVIOUS_IN_USE = 1
FLAGS = 7


class Memory:
    """Memory that is all zeros until something is written. Only pages that were written to take space here."""

    def __init__(self) -> None:
        self.mappings: list[Mapping] = []
        self.reads: list[tuple[int, int]] = []  # what was asked for: address and size
        self._pages: dict[int, bytearray] = {}
        self._unreadable: set[int] = set()  # numbers of pages

    def map(self, start: int, size: int, name: str = "") -> Mapping:
        """More memory that the program may write to."""
        mapping = Mapping(start, start + size, name)
        self.mappings.append(mapping)
        return mapping

    def make_unreadable(self, start: int, size: int) -> None:
        """The pages in this range can no longer be read, as where a core dump has left them out."""
        self._unreadable.update(range(start // PAGE, (start + size - 1) // PAGE + 1))

    def read(self, address: int, size: int) -> bytes:
        """The bytes there. Raises NoMemory."""
        self.reads.append((address, size))
        return self._get(address, size)

    def word(self, address: int) -> int:
        """The word there. This is not counted among the reads."""
        return int.from_bytes(self._get(address, WORD), "little")

    def write(self, address: int, data: bytes) -> None:
        """Puts these bytes there."""
        self._check(address, len(data))
        while data:
            number, offset = divmod(address, PAGE)
            page = self._pages.setdefault(number, bytearray(PAGE))
            part = data[: PAGE - offset]
            page[offset : offset + len(part)] = part
            address, data = address + len(part), data[len(part) :]

    def write_words(self, address: int, *words: int) -> None:
        """Puts these words there, one after the other."""
        self.write(address, b"".join(word.to_bytes(WORD, "little") for word in words))

    def _get(self, address: int, size: int) -> bytes:
        self._check(address, size)
        first, offset = divmod(address, PAGE)
        numbers = range(first, (address + size - 1) // PAGE + 1)
        if not self._unreadable.isdisjoint(numbers):
            raise NoMemory(f"cannot read memory at 0x{address:x}")
        if self._pages.keys().isdisjoint(numbers):
            return bytes(size)
        zeros = bytes(PAGE)
        pages = b"".join(self._pages.get(number, zeros) for number in numbers)
        return pages[offset : offset + size]

    def _check(self, address: int, size: int) -> None:
        if not any(mapping.start <= address and address + size <= mapping.end for mapping in self.mappings):
            raise NoMemory(f"cannot read memory at 0x{address:x}")


class Heap:
    """glibc's heap: chunks one after the other, each with a header of two words before what the program gets.

        the size of the chunk before, if that is free | this chunk's size, with bit 0 set if the chunk before is in use

    The last chunk is the top: what has never been given away."""

    def __init__(self, memory: Memory, start: int, size: int, name: str = "[heap]") -> None:
        memory.map(start, size, name)
        self._memory = memory
        self._end = start + size
        self._set_top(start)

    def allocate(self, size: int) -> int:
        """Memory for so many bytes."""
        chunk, chunk_size = self._top, max(32, (size + WORD + 15) // 16 * 16)
        if chunk + chunk_size + 2 * WORD > self._end:
            raise MemoryError("the made-up heap is full")
        self._set_size(chunk, chunk_size, PREVIOUS_IN_USE)
        self._set_top(chunk + chunk_size)
        return chunk + 2 * WORD

    def free(self, address: int) -> None:
        """Takes the memory back, and merges it with what is free on either side. Old headers stay inside."""
        chunk = address - 2 * WORD
        end = chunk + self._size(chunk)
        if not self._flags(chunk) & PREVIOUS_IN_USE:
            chunk -= self._memory.word(chunk)
        if end != self._top and not self._flags(end + self._size(end)) & PREVIOUS_IN_USE:
            end += self._size(end)
        if end == self._top:
            self._set_top(chunk)
            return
        self._set_size(chunk, end - chunk, self._flags(chunk))
        self._memory.write_words(end, end - chunk)
        self._set_size(end, self._size(end), self._flags(end) & ~PREVIOUS_IN_USE)

    def _set_top(self, chunk: int) -> None:
        self._top = chunk
        self._set_size(chunk, self._end - chunk, PREVIOUS_IN_USE)

    def _size(self, chunk: int) -> int:
        return self._memory.word(chunk + WORD) & ~FLAGS

    def _flags(self, chunk: int) -> int:
        return self._memory.word(chunk + WORD) & FLAGS

    def _set_size(self, chunk: int, size: int, flags: int) -> None:
        self._memory.write_words(chunk + WORD, size | flags)
