"""tasks.py: all coroutines -> tasks -> a forest."""

from __future__ import annotations

from collections.abc import Sequence

from made_up import ASIOS_OWN, SESSIONS, MadeUp, MadeUpCoroutine, ModelTest, awaitable_thread, struct
from made_up.program import HAS_EXECUTOR

from asio_coroutines import tasks
from asio_coroutines.debugger import UnknownAsio
from asio_coroutines.tasks import Task

ENTRY_POINT = "boost::asio::detail::co_spawn_entry_point"


def drawn(found: Sequence[Task], depth: int = 0) -> list[str]:
    """A forest in words: one line for each task, indented below the one that waits for it."""
    lines: list[str] = []
    for task in found:
        chain = " > ".join(f"{each.name} {task.line(each)}" for each in task.coroutines)
        more = "".join(f" [{each}]" for each in (task.problem, task.state) if each)
        lines += ["  " * depth + chain + more, *drawn(task.children, depth + 1)]
    return lines


class TasksTest(ModelTest):
    """Has the program SESSIONS, compiled by each compiler in turn."""

    source = SESSIONS

    def session(self, made: MadeUp, waiter: MadeUpCoroutine | None = None, line: int = 6) -> MadeUpCoroutine:
        """A task of one coroutine. Returns its entry point."""
        return made.spawn(made.coroutine("session", line=line), waiter=waiter)

    def check(self, made: MadeUp, *expected: str) -> None:
        forest = tasks.find(made.snapshot())
        self.assertEqual(drawn(forest.roots), list(expected))
        self.assertEqual((forest.remark, forest.left_out), ("", []))


class Chains(TasksTest):
    """Tasks of one chain each."""

    def test_none(self) -> None:
        for made in self.programs():
            self.check(made)

    def test_the_outermost_is_first(self) -> None:
        for made in self.programs():
            made.spawn(made.coroutine("session", line=6), made.coroutine("pause", line=2))
            self.session(made, line=7)
            self.check(made, "session 6 > pause 2", "session 7")

    def test_asios_own_are_left_out(self) -> None:
        for made in self.programs():
            made.spawn(made.coroutine("session", line=7), made.coroutine(ASIOS_OWN, line=10))
            self.check(made, "session 7")

    def test_phantom_entry_points_of_asio_are_no_tasks(self) -> None:  # phantom_entry
        for made in self.programs():
            made.spawn()
            made.spawn(made.coroutine(ASIOS_OWN, line=10))
            self.check(made)

    def test_standalone_asio(self) -> None:
        for asio in "asio", "asio::v103802":
            for made in self.programs(asio=asio):
                self.session(made, waiter=self.session(made, line=7))
                self.check(made, "session 7", "  session 6")

    def test_another_allocator(self) -> None:
        for made in self.programs():
            made.symbols.add("mallctl")
            self.session(made)
            self.check(made, "session 6")

    def test_an_allocator_of_the_programs_own_within_glibcs_heap(self) -> None:
        for made in self.programs():
            for _ in range(10):
                session = made.coroutine("session", line=6)
                made.memory.write_words(made.spawn(session).frame - 8, 0)  # no header of a chunk
                made.memory.write_words(session.frame - 8, 0)
            self.check(made, *["session 6"] * 10)


class NotWaiting(TasksTest):
    """Tasks that run, or have not started."""

    def test_one_that_runs(self) -> None:
        for made in self.programs():
            pause = made.coroutine("pause", line=2)
            made.spawn(made.coroutine("session", line=6), pause)
            made.thread(made.calls("main()"))
            made.thread(made.calls("print(int)"), made.running(pause, line=3), made.scheduler())
            self.check(made, "session 6 > pause 3 [running on thread 2]")

    def test_one_that_has_suspended_itself_waits(self) -> None:
        for made in self.programs():
            pause = made.coroutine("pause", line=2)
            made.spawn(pause)
            made.thread(made.calls("print(int)"), made.starting_operation(pause), made.scheduler())
            self.check(made, "pause 2")

    def test_a_coroutine_that_nobody_has_awaited_yet(self) -> None:
        for made in self.programs():
            made.coroutine("pause")
            self.check(made, "pause 1 [not started]")

    def test_a_task_that_is_still_to_begin(self) -> None:
        for made in self.programs():
            made.spawn_unstarted(made.coroutine("pause"))
            self.check(made, "pause 1 [not started]")

    def test_members_of_a_group_that_are_still_to_begin(self) -> None:  # not_started_parent
        for made in self.programs():
            handler = struct("group_handler", self_=awaitable_thread())
            parent = self.session(made, line=7)
            for _ in range(2):
                entry_point = made.spawn(handler=handler)
                made.memory.write_words(entry_point.address_of("handler"), parent.promise)
                made.memory.write_words(entry_point.address_of("f"), made.coroutine("pause").promise)
            self.check(made, "session 7", *["  pause 1 [not started]"] * 2)

    def test_where_a_thread_runs_a_coroutine(self) -> None:
        for made in self.programs():
            pause, session = made.coroutine("pause", line=2), made.coroutine("session", line=6)
            made.spawn(session, pause)
            made.thread(made.calls("main()"))
            frames = made.thread(made.calls("print(int)"), made.running(pause, line=3), made.scheduler())
            self.assertIs(tasks.running_frame(made.snapshot(), pause.promise), frames[1])
            self.assertIsNone(tasks.running_frame(made.snapshot(), session.promise))

    def test_a_coroutine_that_is_suspended_on_a_call_stack_is_run_by_none(self) -> None:
        for made in self.programs():
            pause = made.coroutine("pause", line=2)
            made.thread(made.calls("print(int)"), made.starting_operation(pause), made.scheduler())
            self.assertIsNone(tasks.running_frame(made.snapshot(), pause.promise))

    def test_of_a_deep_call_stack_the_newest_frames_are_looked_at(self) -> None:
        made = self.programs()[0]
        made.thread(*[made.calls("recurse(int)")] * 5_000)
        tasks.find(made.snapshot())
        self.assertLessEqual(made.frames_asked_for, 2_000)


class Destroyed(TasksTest):
    """What has been destroyed is not listed."""

    def test_destroyed_coroutines(self) -> None:
        for made in self.programs():
            first, second = self.session(made), made.coroutine("session", line=7)
            entry_point = made.spawn(second)
            self.session(made)
            made.destroy(second)
            made.destroy(entry_point)
            self.check(made, "session 6", "session 6")
            made.destroy(first)
            self.assertEqual(len(tasks.find(made.snapshot()).roots), 1)

    def test_a_destroyed_coroutine_that_had_not_started(self) -> None:
        for made in self.programs():
            pause = made.coroutine("pause")
            self.session(made)
            made.destroy(pause)
            self.check(made, "session 6")

    def test_where_most_are_in_chunks_of_the_heap_the_others_are_gone(self) -> None:
        made = self.programs()[1]
        for _ in range(5):
            self.session(made)
        overwritten = self.session(made, line=7)
        made.memory.write_words(overwritten.frame - 8, 0x7FFFF7C51238)  # where the size of its chunk has been
        self.check(made, *["session 6"] * 5)

    def test_a_walk_that_does_not_end_where_it_began(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=6)
            entry_point = made.spawn(session)
            made.set_caller(session, self.session(made, line=7))
            self.check(made, "session 7")
            made.memory.write_words(entry_point.promise + 96, 0)
            self.check(made, "session 7")
            made.memory.write_words(entry_point.promise + 96, 0x66660000)
            self.check(made, "session 7")


class Waiting(TasksTest):
    """Tasks that wait for tasks."""

    def test_below_the_one_that_waits(self) -> None:
        for made in self.programs():
            top = self.session(made, line=7)
            middle = self.session(made, waiter=top)
            self.session(made, waiter=middle)
            self.session(made, waiter=top, line=7)
            self.check(made, "session 7", "  session 6", "    session 6", "  session 7")

    def test_below_the_one_behind_asios_own(self) -> None:
        for made in self.programs():
            top = self.session(made, line=7)
            asios = made.spawn(made.coroutine(ASIOS_OWN, line=10), waiter=top)
            more = made.spawn(made.coroutine(ASIOS_OWN, line=10), waiter=asios)
            self.session(made, waiter=more)
            self.check(made, "session 7", "  session 6")

    def test_a_circle_of_two_is_cut_open_and_says_so(self) -> None:  # B11
        for made in self.programs():
            self.circle(made, 2)
            self.check(made, "session 6 [waits in a circle]", "  session 6")

    def test_a_circle_with_a_task_that_hangs_on_it(self) -> None:
        for made in self.programs():
            circle = self.circle(made, 3)
            self.session(made, waiter=circle[1], line=7)
            forest = tasks.find(made.snapshot())
            self.assertEqual(len(forest.roots), 1)
            lines = drawn(forest.roots)
            self.assertEqual(sorted(line.strip() for line in lines),
                             ["session 6", "session 6", "session 6 [waits in a circle]", "session 7"])  # fmt: skip

    def test_two_circles(self) -> None:
        for made in self.programs():
            self.circle(made, 2)
            self.circle(made, 3)
            roots = tasks.find(made.snapshot()).roots
            self.assertEqual([root.problem for root in roots], ["waits in a circle"] * 2)
            self.assertEqual(sorted(len(drawn([root])) for root in roots), [2, 3])

    def test_a_task_that_waits_for_itself(self) -> None:
        for made in self.programs():
            self.circle(made, 1)
            self.check(made, "session 6")

    def test_a_circle_of_asios_own(self) -> None:  # B11
        for made in self.programs():
            first = made.spawn(made.coroutine(ASIOS_OWN, line=10), waiter=self.session(made, line=7))
            second = made.spawn(made.coroutine(ASIOS_OWN, line=10), waiter=first)
            made.memory.write_words(first.address_of("handler"), second.promise)
            self.session(made, waiter=second)
            self.check(made, "session 7", "session 6")

    def test_a_forest_that_is_deep(self) -> None:
        made = self.programs()[0]
        above = self.session(made)
        for _ in range(2_000):
            above = self.session(made, waiter=above)
        roots = tasks.find(made.snapshot()).roots
        self.assertEqual(len(roots), 1)

    def circle(self, made: MadeUp, size: int) -> list[MadeUpCoroutine]:
        """Tasks, each of which waits for the one before it, and the first for the last."""
        found: list[MadeUpCoroutine] = []
        for _ in range(size):
            found.append(self.session(made, waiter=found[-1] if found else made.spawn()))
        made.memory.write_words(found[0].address_of("handler"), found[-1].promise)
        return found


class Unreadable(TasksTest):
    """What cannot be read is said."""

    def test_an_entry_point_without_debug_information(self) -> None:
        for made in self.programs():
            self.session(made)
            made.strip(ENTRY_POINT)
            forest = tasks.find(made.snapshot())
            self.assertEqual(drawn(forest.roots), [])
            self.assertRegex(forest.remark, "not all tasks are shown: .*-O0 -g")

    def test_asio_with_another_name_is_blamed_not_the_build(self) -> None:
        for made in self.programs():
            made.top_of_stack = "renamed_"
            self.session(made)
            with self.assertRaisesRegex(UnknownAsio, "co_spawn_entry_point has no top_of_stack_"):
                tasks.find(made.snapshot())

    def test_a_body_without_debug_information(self) -> None:
        for made in self.programs():
            made.spawn(made.coroutine("session", line=6), made.coroutine("pause", line=2))
            made.strip("session")
            self.assertEqual(drawn(tasks.find(made.snapshot()).roots), ["session 0 > pause 2"])

    def test_memory_that_was_left_out(self) -> None:
        made = self.programs()[0]
        self.session(made)
        made.memory.map(0x7E0000000000, 5 << 30)
        forest = tasks.find(made.snapshot())
        self.assertEqual(drawn(forest.roots), ["session 6"])
        self.assertEqual([each.start for each in forest.left_out], [0x7E0000000000])


IO_CONTEXT = "boost::asio::io_context::basic_executor_type<std::allocator<void>, 0>"
STRAND = f"boost::asio::strand<{IO_CONTEXT} >"


class Executors(TasksTest):
    """Which tasks' executors say something."""

    def executors(self, made: MadeUp) -> list[str]:
        """Those that do, from the top down."""
        pending, found = tasks.find(made.snapshot()).roots, []
        while pending:
            task = pending.pop(0)
            pending += task.children
            found.append(task.executor if task.has_own_executor else "")
        return found

    def test_roots_on_the_same_one(self) -> None:
        for made in self.programs():
            for _ in range(2):
                made.set_executor(self.session(made), IO_CONTEXT)
            self.session(made)  # of which none is known
            self.assertEqual(self.executors(made), ["", "", ""])

    def test_roots_on_different_ones(self) -> None:
        for made in self.programs():
            for type_ in IO_CONTEXT, STRAND:
                made.set_executor(self.session(made), type_)
            self.session(made)
            self.assertEqual(sorted(self.executors(made)), ["", "io_context", "strand of io_context"])

    def test_another_one_than_that_of_the_task_above(self) -> None:
        for made in self.programs():
            top = self.session(made, line=7)
            children = [self.session(made, waiter=top) for _ in range(3)]
            for entry_point, type_ in (top, IO_CONTEXT), (children[0], IO_CONTEXT), (children[1], STRAND):
                made.set_executor(entry_point, type_)
            self.assertEqual(sorted(self.executors(made)), ["", "", "", "strand of io_context"])

    def test_has_executor_tells(self) -> None:
        for made in self.programs():
            for type_ in IO_CONTEXT, STRAND:
                entry_point = self.session(made)
                made.set_executor(entry_point, type_)
            made.memory.write(entry_point.promise + HAS_EXECUTOR, b"\0")
            self.assertEqual(self.executors(made), ["", ""])


class Cancelled(TasksTest):
    """Whether a task was cancelled."""

    def test_tasks(self) -> None:
        for type_, is_cancelled in (None, False), (0, False), (1, True), (7, True), (8, False), (0xFFFFFFFF, True):
            for made in self.programs():
                entry_point = self.session(made)
                if type_ is not None:
                    made.cancel(entry_point, type_)
                (task,) = tasks.find(made.snapshot()).roots
                self.assertEqual(task.is_cancelled, is_cancelled, type_)

    def test_an_asio_without_these_members(self) -> None:
        for made in self.programs():
            entry_point = self.session(made)
            made.set_executor(entry_point, IO_CONTEXT)
            function = made.read_coroutine(entry_point).function
            function.__dict__.update(executor=None, cancellation=None)
            (task,) = tasks.find(made.snapshot()).roots
            self.assertEqual((task.executor, task.is_cancelled), ("", False))


class Stacks(TasksTest):
    """What the search of threads tells of their stacks."""

    def test_all_threads(self) -> None:
        for made in self.programs():
            coroutine = made.coroutine("session", line=6)
            made.spawn(coroutine)
            stacks = [made.thread(made.scheduler(), made.calls("main()")) for _ in range(2)]
            found, looked_into = made.snapshot(), made.snapshot()
            tasks.find(found)
            tasks.running_frame(looked_into, coroutine.promise)
            for snapshot in found, looked_into:
                for frames in stacks:
                    self.assertTrue(snapshot.is_unused_stack(frames[0].sp))
                    self.assertFalse(snapshot.is_unused_stack(frames[-1].sp))
