"""stack.py: a thread's call stack -> its logical stack."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from made_up import ASIOS_OWN, SESSIONS, MadeUp, MadeUpCoroutine, MadeUpFrame, ModelTest

from asio_coroutines.coroutine import chain
from asio_coroutines.debugger import Frame
from asio_coroutines.names import plain_name
from asio_coroutines.stack import (
    MOST_WITHOUT_ROW, Ahead, CoroutineRow, FrameRow, Remark, Row, awaiting, bodies, logical_stack, unused_parts
)  # fmt: skip



def drawn(row: Row) -> str:
    """A row in words."""
    if isinstance(row, Remark):
        return f"({row.text})"
    if isinstance(row, FrameRow):
        return plain_name(row.frame.name)
    how = "waits for task" if row.is_waiter else "runs" if row.frame else "waits"
    return f"{row.name} {how} in {row.line}"


class StackTest(ModelTest):
    """Has the program SESSIONS, compiled by each compiler in turn."""

    source = SESSIONS

    def task(self, made: MadeUp, waiter: MadeUpCoroutine | None = None) -> tuple[MadeUpCoroutine, ...]:
        """A task: pause, awaited by session, and the entry point."""
        session, pause = made.coroutine("session", line=6), made.coroutine("pause", line=2)
        return pause, session, made.spawn(session, pause, waiter=waiter)

    def check(self, made: MadeUp, frames: Iterable[Frame], *expected: str) -> None:
        self.assertEqual([drawn(row) for row in logical_stack(made.snapshot(), frames)], list(expected))


class LogicalStacks(StackTest):
    """logical_stack()."""

    def test_a_running_coroutine_and_those_that_await_it(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            self.check(made, frames, "pause runs in 3", "session waits in 6", "main")

    def test_functions_that_a_coroutine_calls(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(
                made.calls("trace"),
                made.frames_of_library("std::invoke"),
                made.running(pause, line=3),
                made.scheduler(),
            )
            self.check(made, frames, "trace", "pause runs in 3", "session waits in 6")

    def test_library_functions_at_the_top_are_shown(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            library = made.frames_of_library("std::f", "std::g")
            frames = made.thread(library, made.running(pause, line=3), made.scheduler())
            self.check(made, frames, "std::f", "std::g", "pause runs in 3", "session waits in 6")

    def test_a_thread_without_coroutines(self) -> None:
        made = self.programs()[0]
        work, main = made.calls("work()"), made.calls("main()")
        frames = made.thread(made.frames_of_library("std::f"), work, made.scheduler(), main)
        self.check(made, frames, "std::f", "work", "main")
        self.check(made, [])

    def test_who_waits_for_a_task(self) -> None:
        for made in self.programs():
            joining = made.coroutine("session", line=7)
            pause, _, _ = self.task(made, waiter=made.spawn(joining))
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            self.check(
                made, frames, "pause runs in 3", "session waits in 6", "session waits for task in 7", "main"
            )

    def test_a_coroutine_that_is_resumed_inside_another_ones_co_await(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            outer = made.coroutine("session", line=6)
            made.spawn(outer)
            frames = made.thread(
                made.running(pause, line=3), made.scheduler(), made.running(outer, line=6), made.scheduler()
            )
            self.check(made, frames, "pause runs in 3", "session waits in 6", "session runs in 6")

    def test_each_coroutine_is_shown_once(self) -> None:
        for made in self.programs():
            pause, session, _ = self.task(made)
            frames = made.thread(
                made.running(pause, line=3), made.scheduler(), made.running(session, line=6), made.calls("main()")
            )
            self.check(made, frames, "pause runs in 3", "session waits in 6", "main")

    def test_clangs_wrapper_is_left_out(self) -> None:
        made = self.programs()[1]
        pause, _, _ = self.task(made)
        frames = made.thread(made.wrapper(pause, line=2), made.running(pause, line=2), made.scheduler())
        self.check(made, frames, "pause runs in 2", "session waits in 6")


class Suspended(StackTest):
    """A coroutine that has suspended itself, while what it waits for is being started."""

    def test_it_waits(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(made.calls("trace"), made.starting_operation(pause), made.scheduler())
            self.check(made, frames, "trace", "pause waits in 2", "session waits in 6")

    def test_one_that_another_thread_has_ended_meanwhile(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(made.calls("trace"), made.starting_operation(pause), made.calls("main()"))
            made.destroy(pause)
            self.check(made, frames, "trace", "main")

    def test_one_whose_memory_is_something_else_by_now(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(made.calls("trace"), made.starting_operation(pause), made.calls("main()"))
            made.memory.write_words(pause.promise, 0x1234)
            self.check(made, frames, "trace", "main")


class AsiosOwn(StackTest):
    """No row is one of Asio's own coroutines, but at the top."""

    def test_where_one_runs_it_is_shown_as_a_function(self) -> None:  # B1
        for made in self.programs():
            own, session = made.coroutine(ASIOS_OWN, line=10), made.coroutine("session", line=7)
            made.spawn(session, own)
            frames = made.thread(made.running(own, line=10), made.scheduler(), made.calls("main()"))
            self.check(made, frames, ASIOS_OWN, "session waits in 7", "main")

    def test_below_a_row_of_the_program_it_is_not(self) -> None:  # entry_point_row
        for made in self.programs():
            own, session = made.coroutine(ASIOS_OWN, line=10), made.coroutine("session", line=7)
            made.spawn(session, own)
            frames = made.thread(made.calls("trace"), made.running(own, line=10), made.scheduler())
            self.check(made, frames, "trace", "session waits in 7")

    def test_an_entry_point_that_runs_below_a_row_of_the_program(self) -> None:
        for made in self.programs():
            entry_point = made.spawn()
            frames = made.thread(made.calls("trace"), made.running(entry_point, line=2), made.calls("main()"))
            self.check(made, frames, "trace", "main")

    def test_between_two_coroutines_of_the_program(self) -> None:
        for made in self.programs():
            pause, own = made.coroutine("pause", line=2), made.coroutine(ASIOS_OWN, line=10)
            made.spawn(made.coroutine("session", line=7), own, pause)
            frames = made.thread(made.running(pause, line=3), made.scheduler())
            self.check(made, frames, "pause runs in 3", "session waits in 7")


class Unreadable(StackTest):
    """What cannot be read is a remark, and what is below it is still shown."""

    def test_a_body_without_debug_information(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            made.strip("session")
            rows = [drawn(row) for row in logical_stack(made.snapshot(), frames)]
            self.assertEqual(rows[0], "pause runs in 3")
            self.assertRegex(rows[2], "^.coroutines can only be read in a build with -O0 -g")
            self.assertEqual(rows[3:], ["main"])

    def test_a_body_whose_promise_is_not_told(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            frames[2].handle.parameters.clear()  # awaitable_frame_base::resume without this
            rows = [drawn(row) for row in logical_stack(made.snapshot(), frames)]
            self.assertRegex(rows[-2], "^.coroutines can only be read in a build with -O0 -g")
            self.assertEqual([rows[0], rows[-1]], ["pause", "main"])

    def test_an_awaiting_coroutine_in_memory_that_cannot_be_read(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            made.memory.write_words(pause.promise + 16, 0x123450)
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            self.check(
                made,
                frames,
                "pause runs in 3",
                "(not all coroutines are readable: cannot read memory at 0x123450)",
                "main",
            )

    def test_an_awaiting_coroutine_that_is_none(self) -> None:
        for made in self.programs():
            pause, session, _ = self.task(made)
            made.memory.write_words(session.promise, 0x1234)
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            self.check(
                made,
                frames,
                "pause runs in 3",
                f"(not all coroutines are readable: there is no coroutine at 0x{session.promise:x})",
                "main",
            )

    def test_asio_with_another_name_is_blamed(self) -> None:
        for made in self.programs():
            made.top_of_stack = "renamed_"
            pause, _, _ = self.task(made, waiter=made.spawn(made.coroutine("session", line=7)))
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            rows = [drawn(row) for row in logical_stack(made.snapshot(), frames)]
            self.assertRegex(rows[2], "Asio's co_spawn_entry_point has no top_of_stack_ here")
            self.assertEqual(rows[3:], ["main"])

    def test_coroutines_that_await_each_other_in_a_circle(self) -> None:
        for made in self.programs():
            pause, session = made.coroutine("pause", line=2), made.coroutine("session", line=6)
            made.set_caller(pause, session)
            made.set_caller(session, pause)
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            self.check(made, frames, "pause runs in 3", "session waits in 6", "main")

    def test_tasks_that_wait_for_each_other_in_a_circle(self) -> None:
        for made in self.programs():
            first = made.spawn(made.coroutine("session", line=6))
            pause, _, second = self.task(made, waiter=first)
            other = made.spawn(made.coroutine("session", line=7), waiter=second)
            made.memory.write_words(second.address_of("handler"), other.promise)
            frames = made.thread(made.running(pause, line=3), made.scheduler())
            found = list(itertools.islice(logical_stack(made.snapshot(), frames), 10))
            self.assertEqual(
                [drawn(row) for row in found], ["pause runs in 3", "session waits in 6", "session waits for task in 7"]
            )

    def test_the_innermost_has_ended_and_nobody_has_taken_its_result(self) -> None:
        for made in self.programs():
            pause, session, _ = self.task(made)
            made.memory.write_words(pause.frame, 0)  # at its final suspension
            found = list(awaiting(made.snapshot(), chain(made.snapshot(), pause.promise), set()))
            self.assertEqual([(each.promise, waits) for each, waits in found], [(session.promise, False)])


class Laziness(StackTest):
    """No frame is asked for beyond those that are shown, and two more."""

    def stack(self, made: MadeUp) -> list[Frame]:
        pause, _, _ = self.task(made)
        deep = [made.calls("recurse(int)") for _ in range(1_000)]
        return made.thread(*deep[:500], made.running(pause, line=3), made.scheduler(), *deep[500:])

    def test_rows_are_made_as_they_are_asked_for(self) -> None:  # B14
        made = self.programs()[0]
        frames = self.stack(made)
        rows = logical_stack(made.snapshot(), made.asked_for(frames))
        self.assertEqual(made.frames_asked_for, 0)
        for count in 1, 5, 100:
            made.frames_asked_for = 0
            rows = logical_stack(made.snapshot(), made.asked_for(frames))
            self.assertEqual(len(list(itertools.islice(rows, count))), count)
            self.assertLessEqual(made.frames_asked_for, count + 3)

    def test_bodies_are_looked_for_in_the_newest_frames_only(self) -> None:
        made = self.programs()[0]
        frames = self.stack(made)
        self.assertEqual(list(bodies(made.snapshot(), made.asked_for(frames))), [])
        self.assertLessEqual(made.frames_asked_for, 203)
        self.assertEqual(len(list(bodies(made.snapshot(), frames, most=600))), 1)
        made.frames_asked_for = 0
        next(bodies(made.snapshot(), made.asked_for(frames[500:])))
        self.assertEqual(made.frames_asked_for, 3)

    def test_rows_have_what_is_shown(self) -> None:
        for made in self.programs():
            pause, session, _ = self.task(made)
            frames = made.thread(made.running(pause, line=3), made.scheduler())
            rows = list(logical_stack(made.snapshot(), frames))
            assert isinstance(rows[0], CoroutineRow) and isinstance(rows[1], CoroutineRow)
            self.assertIs(rows[0].frame, frames[0])
            self.assertEqual(rows[0].pc, frames[0].pc)
            self.assertIsNone(rows[1].frame)
            self.assertEqual(rows[1].pc, made.read_coroutine(session).waiting_pc)


class Repeated(StackTest):
    """Coroutines that are resumed on top of each other, until the stack overflows."""

    def deep(self, made: MadeUp, rounds: int) -> list[Frame]:
        pause, session, _ = self.task(made)
        parts = [made.running(pause, line=3), made.scheduler()]
        for _ in range(rounds):
            parts += [made.calls("trace"), made.frames_of_library("std::f"), [made.resume(session)], made.scheduler()]
        return made.thread(*parts, made.calls("main()"))

    def test_a_function_that_is_there_again_is_counted(self) -> None:
        for made in self.programs():
            rows = [drawn(row) for row in logical_stack(made.snapshot(), self.deep(made, 10))]
            self.assertEqual(rows[:3], ["pause runs in 3", "session waits in 6", "trace"])
            self.assertEqual(rows.count("trace") + int(re.search(r"\d+", rows[-2])[0]), 10)  # type: ignore[index]
            self.assertRegex(rows[-2], r"^.trace\(\) is on the call stack \d more times here.$")
            self.assertEqual(rows[-1], "main")
            self.assertLess(len(rows), 9)

    def test_a_coroutine_that_is_there_again_is_counted(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            parts = [part for _ in range(5) for part in (made.running(pause, line=3), made.scheduler())]
            frames = made.thread(*parts, made.calls("main()"))
            self.check(
                made, frames, "pause runs in 3", "session waits in 6",
                "(pause() is on the call stack 4 more times here)", "main",
            )  # fmt: skip

    def test_the_first_rows_take_the_first_frames(self) -> None:
        for made in self.programs():
            frames = made.asked_for(self.deep(made, 200))
            first = list(itertools.islice(logical_stack(made.snapshot(), frames), 3))
            self.assertEqual(len(first), 3)
            self.assertLess(made.frames_asked_for, 20)

    def test_frames_that_show_nothing_new_have_an_end(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            library = made.frames_of_library(*["std::f"] * (MOST_WITHOUT_ROW + 100))
            frames = made.thread(made.running(pause, line=3), library, made.calls("main()"))
            rows = [drawn(row) for row in logical_stack(made.snapshot(), frames)]
            self.assertEqual(rows[:2], ["pause runs in 3", "session waits in 6"])
            self.assertRegex(rows[2], "the rest is not looked at")
            self.assertEqual(len(rows), 3)


class Completion(StackTest):
    """A task that has ended calls its completion handler."""

    def test_whom_it_completes_for(self) -> None:
        for made in self.programs():
            waiting = made.coroutine("session", line=7)
            task = made.spawn()
            handler = made.handler_of_group(made.spawn(waiting))
            frames = made.thread(
                made.calls("trace"),
                [handler],
                made.frames_of_library("std::f"),
                made.running(task, line=2),
                made.scheduler(),
            )
            self.check(made, frames, "trace", "session waits for task in 7")

    def test_a_handler_that_has_been_moved_from(self) -> None:
        for made in self.programs():
            task = made.spawn()
            frames = made.thread(made.calls("trace"), [made.handler_of_group(None)], made.running(task, line=2))
            self.check(made, frames, "trace")


class Lines(StackTest):
    """Where a coroutine runs."""

    def test_where_a_co_await_ends_it_is_the_co_awaits(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            awaitable = "boost::asio::awaitable<void, boost::asio::any_io_executor>"
            resumed = made.frames_of_library(f"{awaitable}::await_resume()")
            frames = made.thread(made.frames_of_library("std::rethrow_exception"), resumed, made.running(pause, line=4))
            rows = [drawn(row) for row in logical_stack(made.snapshot(), frames)]
            self.assertIn("pause runs in 2", rows)


LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
STACK_START, STACK_END, NEWEST = 0x7FFFFFFDE000, 0x7FFFFFFFF000, 0x7FFFFFFF0000
RED_ZONE = 128  # bytes


def frames_named(*names: str, thread_pointer: int = 0) -> list[Frame]:
    """Frames of functions with these names, the newest first, with 0x100 bytes each. The C library's have a * before
    their names."""
    handle = MadeUpFrame({}, {"fs_base": thread_pointer})
    return [
        Frame(handle, name.lstrip("*"), 1, NEWEST + 0x100 * at, 1, "", LIBC if name.startswith("*") else "")
        for at, name in enumerate(names)
    ]


class UnusedParts(ModelTest):
    """unused_parts()."""

    WAITING = (
        "*epoll_wait",
        "boost::asio::detail::epoll_reactor::run",
        "boost::asio::detail::scheduler::do_run_one",
        "boost::asio::detail::scheduler::run",
        "boost::asio::io_context::run",
    )

    def setUp(self) -> None:
        self.made = MadeUp()
        self.made.memory.map(STACK_START, STACK_END - STACK_START, "[stack]")

    def is_unused(self, frames: list[Frame], place: int) -> bool:
        return any(place in part for part in unused_parts(self.made.snapshot(), frames))

    def check(self, frames: list[Frame], unused: list[int], used: list[int]) -> None:
        """These places, counted from the newest frame, are unused, and those are not."""
        self.assertEqual([at for at in unused if not self.is_unused(frames, NEWEST + at)], [])
        self.assertEqual([at for at in used if self.is_unused(frames, NEWEST + at)], [])

    def test_newer_than_the_programs_newest_function(self) -> None:
        frames = frames_named(*self.WAITING, "main")
        self.check(frames, [-0x8000, -RED_ZONE - 1, 0, 0x4FF], [-RED_ZONE, -1, 0x500, 0x600])

    def test_in_the_programs_newest_function_and_older_only_what_runs_handlers(self) -> None:
        frames = frames_named("serve()", "boost::asio::detail::do_complete", *self.WAITING[2:], "main")
        self.check(frames, [-RED_ZONE - 1, 0x200, 0x4FF], [0, 0xFF, 0x100, 0x1FF, 0x500])

    def test_a_thread_with_nothing_of_the_program(self) -> None:
        thread = [*self.WAITING, "boost_asio_detail_posix_thread_function", "*start_thread", "*clone3"]
        self.check(frames_named(*thread), [0, 0x6FF], [0x700, 0x800])

    def test_not_if_the_end_of_the_stack_is_not_known(self) -> None:
        self.check(frames_named("*epoll_wait", "boost::asio::detail::epoll_reactor::run"), [], [0, 0x100, 0x200])
        self.assertEqual(unused_parts(self.made.snapshot(), []), [])

    def test_functions_without_a_name_may_be_the_programs(self) -> None:
        self.check(frames_named("*epoll_wait", "", *self.WAITING[4:]), [0, 0xFF], [0x100])

    def test_below_all_frames_only_if_it_is_a_stack(self) -> None:
        above = 0x7FFFFFFFF000
        self.made.memory.map(above, 0x1000)
        below = -0x8000
        self.check(frames_named("main"), [], [below])
        self.check(frames_named("main", thread_pointer=STACK_END - 0x100), [below], [])
        self.check(frames_named("main", thread_pointer=above), [], [below])
        elsewhere = [Frame(MadeUpFrame(), "main", 1, 0x1000, 1, "")]
        self.assertFalse(self.is_unused(elsewhere, 0x1000 - 0x200))


class LookingAhead(StackTest):
    """Ahead, and what a logical stack knows of unused parts."""

    def test_frames_keep_their_turn(self) -> None:
        asked: list[int] = []
        frames = frames_named("a", "b", "c", "d")

        def coming() -> Iterator[Frame]:
            for number, frame in enumerate(frames):
                asked.append(number)
                yield frame

        ahead = Ahead(coming())
        self.assertEqual(next(ahead), frames[0])
        self.assertEqual(asked, [0])
        self.assertEqual(ahead.newest(3), frames[:3])
        self.assertEqual(asked, [0, 1, 2])
        self.assertEqual(list(ahead), frames[1:])
        self.assertEqual(ahead.newest(1), frames)

    def test_a_logical_stack_tells_its_snapshot(self) -> None:
        for made in self.programs():
            pause, _, _ = self.task(made)
            frames = made.thread(made.running(pause, line=3), made.scheduler(), made.calls("main()"))
            snapshot = made.snapshot()
            rows = logical_stack(snapshot, frames)
            next(rows)
            scheduler = next(frame for frame in frames if "scheduler::run" in frame.name)
            self.assertTrue(snapshot.is_unused_stack(scheduler.sp))
            self.assertFalse(snapshot.is_unused_stack(frames[0].sp))
            self.assertEqual(len(list(rows)), 2)
