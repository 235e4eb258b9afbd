"""heap.py: whether a coroutine lives."""

from __future__ import annotations

from made_up import By, MadeUp, MadeUpCoroutine, ModelTest

from asio_coroutines.heap import Life, has_glibc_heap, life

SOURCE = """
awaitable<void> session(int id) {
    co_await pause(10);
}
"""
CHUNK_SIZE = -8  # bytes from what malloc gives to the header's word with the size


class HeapTest(ModelTest):
    """Has programs with the coroutine above."""

    def made(self, by: By) -> MadeUp:
        made = MadeUp(by)
        made.compile(SOURCE)
        return made

    def life_of(self, made: MadeUp, coroutine: MadeUpCoroutine, is_glibc: bool = True) -> Life:
        return life(made.read_coroutine(coroutine), is_glibc)


class InGCCsBuilds(HeapTest):
    """GCC's coroutines tell it."""

    def test_an_odd_number_means_destroyed(self) -> None:
        made = self.made(By.GCC)
        session = made.coroutine("session", line=2)
        self.assertEqual(self.life_of(made, session), Life.ALIVE)
        made.destroy(session)
        self.assertEqual(self.life_of(made, session), Life.DESTROYED)

    def test_the_heap_does_not_matter(self) -> None:
        made = self.made(By.GCC)
        session = made.coroutine("session", line=2)
        made.memory.write_words(session.frame + CHUNK_SIZE, 0)
        self.assertEqual(self.life_of(made, session, is_glibc=False), Life.ALIVE)


class InClangsBuilds(HeapTest):
    """Of Clang's coroutines glibc's heap tells it."""

    def sessions(self, made: MadeUp, count: int) -> list[MadeUpCoroutine]:
        return [made.coroutine("session", line=2) for _ in range(count)]

    def test_in_a_chunk_that_is_in_use(self) -> None:
        made = self.made(By.CLANG)
        for session in self.sessions(made, 3):
            self.assertEqual(self.life_of(made, session), Life.ALIVE)

    def test_in_a_chunk_that_is_free(self) -> None:
        made = self.made(By.CLANG)
        before, session, after = self.sessions(made, 3)
        made.destroy(session)
        self.assertEqual(self.life_of(made, session), Life.DESTROYED)
        self.assertEqual([self.life_of(made, each) for each in (before, after)], [Life.ALIVE] * 2)

    def test_chunks_that_have_been_merged(self) -> None:
        for order in [1, 2, 3], [3, 2, 1], [1, 3, 2]:
            with self.subTest(order):
                made = self.made(By.CLANG)
                sessions = self.sessions(made, 5)
                for number in order:
                    made.destroy(sessions[number])
                found = [self.life_of(made, each) for each in sessions]
                self.assertEqual(found, [Life.ALIVE, *[Life.DESTROYED] * 3, Life.ALIVE])

    def test_merged_with_the_top_of_the_heap(self) -> None:
        made = self.made(By.CLANG)
        first, second, third = self.sessions(made, 3)
        made.destroy(second)
        made.destroy(third)
        self.assertEqual(self.life_of(made, first), Life.ALIVE)
        self.assertEqual(self.life_of(made, second), Life.DESTROYED)

    def test_in_a_mapping_of_its_own(self) -> None:
        made = self.made(By.CLANG)
        (session,) = self.sessions(made, 1)
        made.memory.write_words(session.frame + CHUNK_SIZE, 0x41000 | 2)
        self.assertEqual(self.life_of(made, session), Life.ALIVE)

    def test_in_a_threads_heap(self) -> None:
        made = self.made(By.CLANG)
        session, _ = self.sessions(made, 2)
        size = made.memory.word(session.frame + CHUNK_SIZE)
        made.memory.write_words(session.frame + CHUNK_SIZE, size | 4)
        self.assertEqual(self.life_of(made, session), Life.ALIVE)

    def test_where_there_is_no_chunk(self) -> None:
        for header in 0, 16, 0x7FFFF7C51230, 0x58, 1 << 40:
            with self.subTest(hex(header)):
                made = self.made(By.CLANG)
                (session,) = self.sessions(made, 1)
                made.memory.write_words(session.frame + CHUNK_SIZE, header)
                self.assertEqual(self.life_of(made, session), Life.UNKNOWN)

    def test_in_another_heap(self) -> None:
        made = self.made(By.CLANG)
        (session,) = self.sessions(made, 1)
        made.destroy(session)
        self.assertEqual(self.life_of(made, session, is_glibc=False), Life.UNKNOWN)


class Allocators(HeapTest):
    """Whose malloc it is."""

    def test_glibcs(self) -> None:
        self.assertTrue(has_glibc_heap(MadeUp()))

    def test_others(self) -> None:
        for name in "mallctl", "tc_malloc", "mi_malloc", "__asan_init", "__tsan_init":
            made = MadeUp()
            made.symbols.add(name)
            self.assertFalse(has_glibc_heap(made), name)

    def test_another_c_library(self) -> None:
        made = MadeUp()
        made.symbols.clear()
        self.assertFalse(has_glibc_heap(made))


class WithoutDebugInformation(HeapTest):
    """A body of which only the name is known."""

    def test_only_the_heap_tells(self) -> None:
        for by in By:
            made = self.made(by)
            session, _ = made.coroutine("session", line=2), made.coroutine("session", line=2)
            made.strip("session")
            self.assertEqual(self.life_of(made, session), Life.ALIVE)
            self.assertEqual(self.life_of(made, session, is_glibc=False), Life.UNKNOWN)
            made.heap.free(session.frame)
            self.assertEqual(self.life_of(made, session), Life.DESTROYED)
