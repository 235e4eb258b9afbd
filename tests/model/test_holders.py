"""holders.py: who holds the awaitable of a coroutine that has not started."""

from __future__ import annotations

from made_up import MadeUp, MadeUpCoroutine, ModelTest

from asio_coroutines import tasks
from asio_coroutines.holders import Start, holders

SOURCE = """
awaitable<void> part(int number) {
    co_await timer.async_wait();
}
awaitable<void> whole(long held) {
    co_await group();
    trace(held);
}
"""


class Holders(ModelTest):
    """A coroutine, and one that has not started."""

    source = SOURCE

    def held(self) -> list[tuple[MadeUp, MadeUpCoroutine, MadeUpCoroutine]]:
        """For each compiler: the program, the coroutine that waits in whole(), and the part() that has not started."""
        found = []
        for made in self.programs():
            found.append((made, made.coroutine("whole", line=5), made.coroutine("part", number=1)))
        return found

    def held_by(self, made: MadeUp, part: MadeUpCoroutine, whole: MadeUpCoroutine, *starts: Start) -> int | None:
        """The promise of who holds `part`."""
        return holders(made.snapshot(), {part.promise}, [made.read_coroutine(whole)], starts).get(part.promise)

    def test_in_a_local(self) -> None:
        for made, whole, part in self.held():
            made.memory.write_words(whole.address_of("held"), part.promise)
            self.assertEqual(self.held_by(made, part, whole), whole.promise)

    def test_in_a_heap_block_of_a_local(self) -> None:
        for made, whole, part in self.held():
            vector = made.heap.allocate(48)
            made.memory.write_words(vector, 0, 0, part.promise)
            made.memory.write_words(whole.address_of("held"), vector)
            self.assertEqual(self.held_by(made, part, whole), whole.promise)

    def test_on_the_call_stack_while_a_group_starts(self) -> None:
        for made, whole, part in self.held():
            stack = 0x7FFF12340000
            made.memory.map(stack, 0x1000)
            made.memory.write_words(stack + 0x100, part.promise)
            self.assertEqual(self.held_by(made, part, whole, Start(stack, stack + 0x200, whole.promise)), whole.promise)
            self.assertIsNone(self.held_by(made, part, whole, Start(stack, stack + 0x100, whole.promise)))

    def test_old_words_beside_its_variables_are_not_its(self) -> None:
        for made, whole, part in self.held():
            block = made.heap.allocate(48)
            made.memory.write_words(block, part.promise)
            beside = whole.frame + whole.function.frame_size - 16  # where temporaries are
            for word in part.promise, block:
                made.memory.write_words(beside, word)
                self.assertIsNone(self.held_by(made, part, whole))

    def test_by_nobody(self) -> None:
        for made, whole, part in self.held():
            self.assertIsNone(self.held_by(made, part, whole))

    def test_it_stands_below_who_holds_it(self) -> None:
        for made, whole, part in self.held():
            made.spawn(whole)
            made.memory.write_words(whole.address_of("held"), part.promise)
            (root,) = tasks.find(made.snapshot()).roots
            self.assertEqual([task.coroutines[0].promise for task in root.children], [part.promise])
            self.assertEqual(root.children[0].state, tasks.NOT_STARTED)


