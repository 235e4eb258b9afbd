"""memory.py: the search for promises."""

from __future__ import annotations

import io
from unittest import mock

from made_up import MadeUp, ModelTest

from asio_coroutines import memory
from asio_coroutines.memory import BLOCK, LARGE, MOST, PAGE, RESERVED, Search, promises_in, touched_ranges

SOURCE = """
awaitable<void> session(int id) {
    co_await pause(10);
}
"""


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little") for value in values)


class InBytes(ModelTest):
    """promises_in()."""

    def check(self, memory_: bytes, first: int, *expected: int) -> None:
        self.assertEqual([hex(each) for each in promises_in(memory_, first)], [hex(each) for each in expected])

    def test_words_that_hold_their_own_address_less_sixteen(self) -> None:
        first = 0x7FFFF7C50000
        self.check(words(1, 2, first, 4, first + 16), first, first + 16, first + 32)

    def test_other_addresses_are_none(self) -> None:
        first = 0x7FFFF7C50000
        self.check(words(first, first, first + 16, first + 16, first), first)

    def test_addresses_with_zeros_in_their_middle(self) -> None:
        for first in 0x7F0000C50000, 0x7F00000A0000, 0x7F000A000000, 0x550000000000:
            with self.subTest(hex(first)):
                self.check(words(0, 0, first, first + 8), first, first + 16, first + 24)

    def test_addresses_with_bytes_that_mean_something_in_a_pattern(self) -> None:
        for first in 0x2A2E5B5C0000, 0x0A0A0A0A0000, 0x7F2B2A280000:
            with self.subTest(hex(first)):
                self.check(words(0, 0, first), first, first + 16)

    def test_at_both_ends_of_a_block(self) -> None:
        first = 0x7FFFF7C50000
        block = bytearray(BLOCK)
        block[:8] = words(first - 16)
        block[16:24] = words(first)
        block[-8:] = words(first + BLOCK - 24)
        # The frame of the first one begins in the block before.
        self.check(bytes(block), first, first, first + 16, first + BLOCK - 8)

    def test_a_word_that_is_cut_off(self) -> None:
        first = 0x7FFFF7C50000
        self.check(words(0, 0, first)[:-1], first)
        self.check(words(first)[2:], first + 2)
        self.check(b"", first)

    def test_from_the_middle_of_a_block(self) -> None:
        first = 0x7FFFF7C51220
        self.check(words(0, 0, first), first, first + 16)

    def test_zeros(self) -> None:
        self.check(bytes(BLOCK), 0x7F0000000000)
        self.check(bytes(BLOCK), 0x10000)


class InMappings(ModelTest):
    """Search."""

    source = SOURCE

    def setUp(self) -> None:
        self.made = self.programs()[0]

    def found(self, stacks: tuple[int, ...] = ()) -> list[int]:
        self.search = Search(self.made, stacks)
        return list(self.search.promises())

    def put_promise(self, at: int) -> int:
        self.made.memory.write_words(at, at - 16)
        return at

    def test_all_coroutines_of_the_heap(self) -> None:
        for self.made in self.programs():
            expected = [self.made.coroutine("session", line=2).promise for _ in range(2_000)]  # in several blocks
            self.assertTrue(self.found() == expected)  # the difference would be long
            self.assertEqual(self.search.left_out, [])

    def test_a_promise_whose_frame_begins_in_the_block_before(self) -> None:
        self.made.memory.map(0x7F0000000000, 2 * BLOCK)
        expected = self.put_promise(0x7F0000000000 + BLOCK)
        self.assertEqual(self.found(), [expected])

    def test_a_mapping_that_begins_and_ends_in_the_middle_of_a_block(self) -> None:
        start = 0x7F0000000000 + 3 * PAGE
        self.made.memory.map(start, BLOCK)
        expected = [self.put_promise(start + 16), self.put_promise(start + BLOCK - 8)]
        self.assertEqual(self.found(), expected)

    def test_only_anonymous_memory_and_heaps_are_searched(self) -> None:
        for number, (name, is_searched) in enumerate(
            [("", True), ("[anon: arena]", True), ("/usr/lib/libc.so", False), ("[stack]", False)]
        ):
            start = 0x7F0000000000 + number * BLOCK
            self.made.memory.map(start, BLOCK, name)
            self.put_promise(start + 64)
            with self.subTest(name):
                self.assertEqual(start + 64 in self.found(), is_searched)

    def test_stacks_are_left_out(self) -> None:
        start = 0x7F0000000000
        self.made.memory.map(start, BLOCK)
        self.put_promise(start + 64)
        self.assertEqual(self.found(stacks=(start + 0x8000,)), [])
        self.assertEqual(self.found(stacks=(start + BLOCK,)), [start + 64])

    def test_a_page_that_cannot_be_read_is_passed_over_and_said(self) -> None:
        start = 0x7F0000000000
        self.made.memory.map(start, 3 * BLOCK)
        unreadable = start + BLOCK + 3 * PAGE
        places = start + 64, start + BLOCK + 64, unreadable + PAGE + 64, start + 2 * BLOCK + 64
        expected = [self.put_promise(place) for place in places]
        self.made.memory.make_unreadable(unreadable, PAGE)
        self.assertEqual(self.found(), expected)
        self.assertEqual([(each.start, each.end) for each in self.search.left_out], [(unreadable, unreadable + PAGE)])


class LargeMappings(ModelTest):
    """Of large ones only what was ever touched is read."""

    START = 0x7E0000000000

    def search(self, size: int, pagemap: io.BytesIO | None, name: str = "") -> Search:
        """A search of a mapping of so many bytes, in a process with this pagemap, or one that is not to be asked."""
        made = MadeUp()
        made.memory.mappings.clear()
        made.memory.map(self.START, size, name)
        made.memory.write_words(self.START + 5 * PAGE, self.START + 5 * PAGE - 16)
        made.process = 1234
        self.made = made
        search = Search(made, [])
        with mock.patch.object(memory, "open", create=True, side_effect=[pagemap] if pagemap else OSError):
            self.found = list(search.promises())
        return search

    def pagemap(self, *touched: int) -> io.BytesIO:
        """The entries of a process's pages, of which these, counted from the mapping's start, are in memory."""
        return SparseFile({(self.START // PAGE + page) * 8 + 7: 0x80 for page in touched})

    def test_what_was_touched_is_read(self) -> None:
        search = self.search(6 << 30, self.pagemap(5))
        self.assertEqual(self.found, [self.START + 5 * PAGE])
        self.assertEqual(search.left_out, [])
        self.assertLessEqual(sum(size for _, size in self.made.memory.reads), PAGE)

    def test_where_that_is_not_known_all_is_read(self) -> None:
        search = self.search(LARGE, None)
        self.assertEqual(self.found, [self.START + 5 * PAGE])
        self.assertEqual(search.left_out, [])

    def test_where_that_is_not_known_the_largest_are_left_out(self) -> None:  # B9
        search = self.search(MOST + PAGE, None)
        self.assertEqual(self.found, [])
        self.assertEqual([(each.start, each.end) for each in search.left_out], [(self.START, self.START + MOST + PAGE)])

    def test_address_space_that_is_only_reserved_is_no_memory(self) -> None:
        search = self.search(RESERVED, self.pagemap(5))
        self.assertEqual((self.found, search.left_out, self.made.memory.reads), ([], [], []))


class SparseFile(io.BytesIO):
    """A file that is all zeros but for a few bytes."""

    def __init__(self, bytes_: dict[int, int]) -> None:
        super().__init__()
        self._bytes = bytes_
        self._at = 0

    def seek(self, at: int, _whence: int = 0) -> int:
        self._at = at
        return at

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None and size >= 0
        data = bytearray(size)
        for at, value in self._bytes.items():
            if self._at <= at < self._at + size:
                data[at - self._at] = value
        return bytes(data)


class Pagemap(ModelTest):
    """touched_ranges()."""

    def ranges(self, pages: int, touched: dict[int, int], start: int = 16 * PAGE) -> list[tuple[int, int]]:
        """The ranges as page numbers from `start`. `touched` has the last byte of pages' entries."""
        file = SparseFile({(start // PAGE + page) * 8 + 7: value for page, value in touched.items()})
        found = touched_ranges(file, start, start + pages * PAGE)
        return [((first - start) // PAGE, (last - start) // PAGE) for first, last in found]

    def test_present_or_swapped(self) -> None:
        touched = {3: 0x80, 40: 0x40, 80: 0xC1, 99: 0x80}
        self.assertEqual(self.ranges(100, touched), [(3, 4), (40, 41), (80, 81), (99, 100)])

    def test_other_bits_say_nothing(self) -> None:
        self.assertEqual(self.ranges(100, {3: 0x20, 5: 0x01}), [])

    def test_small_gaps_are_read_along(self) -> None:
        self.assertEqual(self.ranges(100, {3: 0x80, 10: 0x80, 26: 0x80, 43: 0x80}), [(3, 27), (43, 44)])

    def test_nothing_before_and_behind(self) -> None:
        self.assertEqual(self.ranges(10, {-1: 0x80, 0: 0x80, 9: 0x80, 10: 0x80}), [(0, 10)])

    def test_more_than_one_part(self) -> None:
        pages = memory.CHUNK // PAGE
        self.assertEqual(self.ranges(2 * pages, {0: 0x80, pages + 1: 0x80}), [(0, 1), (pages + 1, pages + 2)])

    def test_a_byte_that_is_a_line_end_in_a_pattern(self) -> None:
        self.assertEqual(self.ranges(100, {3: 0x80, 4: 0x0A, 5: 0x80}), [(3, 6)])
