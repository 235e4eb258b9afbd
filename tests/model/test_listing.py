"""listing.py: a forest -> numbered lines."""

from __future__ import annotations

import re
import time

from made_up import SESSIONS, MadeUp, MadeUpCoroutine, ModelTest

from asio_coroutines import tasks
from asio_coroutines.listing import Listing, Request, listing
from asio_coroutines.requests import tasks_request

EVERYTHING = Request(everything=True)


class ListingTest(ModelTest):
    """Has the program SESSIONS, compiled by each compiler in turn."""

    source = SESSIONS

    def session(self, made: MadeUp, id_: int, waiter: MadeUpCoroutine | None = None, line: int = 6) -> MadeUpCoroutine:
        """A task of one coroutine. Returns its entry point."""
        return made.spawn(made.coroutine("session", line=line, id=id_), waiter=waiter)

    def listing(self, made: MadeUp, request: Request = Request()) -> Listing:
        return listing(tasks.find(made.snapshot()), request)

    def check(self, made: MadeUp, words: str, *expected: str) -> Listing:
        """async-tasks with these words shows these lines."""
        found = self.listing(made, tasks_request(words))
        self.assertEqual(found.lines, list(expected))
        return found


class Rows(ListingTest):
    """The lines."""

    def test_a_tree(self) -> None:
        for made in self.programs():
            top = self.session(made, 1, line=7)
            session, pause = made.coroutine("session", line=6, id=2), made.coroutine("pause", line=2, ms=10)
            made.spawn(session, pause, waiter=top)
            self.session(made, 3, waiter=top)
            found = self.check(
                made,
                "",
                "  1  session(id=1) at server.cpp:7",
                "  2    session(id=2) at server.cpp:6",
                "  3      pause(ms=10) at server.cpp:2: co_await timer.async_wait();",
                "  4    session(id=3) at server.cpp:6: co_await pause(10);",
            )
            self.assertEqual([each.promise for each in found.coroutines][1:3], [session.promise, pause.promise])

    def test_what_is_said_of_a_task(self) -> None:
        for made in self.programs():
            top = self.session(made, 1, line=7)
            session, pause = made.coroutine("session", line=6, id=2), made.coroutine("pause", line=2, ms=10)
            child = made.spawn(session, pause, waiter=top)
            made.set_executor(top, "boost::asio::thread_pool::basic_executor_type<std::allocator<void>, 0>")
            made.set_executor(child, "boost::asio::strand<boost::asio::any_io_executor>")
            made.cancel(child)
            self.check(
                made,
                "",
                "  1  session(id=1) at server.cpp:7",
                "  2    session(id=2) at server.cpp:6 [on strand of ...] [cancelled]",
                "  3      pause(ms=10) at server.cpp:2: co_await timer.async_wait();",
            )

    def test_states(self) -> None:
        for made in self.programs():
            pause = made.coroutine("pause", line=2, ms=1)
            made.spawn(pause)
            made.coroutine("pause", ms=2)
            made.thread(made.running(pause, line=3), made.scheduler())
            self.check(
                made,
                "",
                "  1  pause(ms=1) at server.cpp:3 [running on thread 1]",
                "  2  pause(ms=2) at server.cpp:1 [not started]",
            )

    def test_numbers_in_the_text_count_as_numbers(self) -> None:
        for made in self.programs():
            for id_ in 10, 9, 100:
                self.session(made, id_)
            self.assertEqual([row.split()[1] for row in self.listing(made).lines],
                             ["session(id=9)", "session(id=10)", "session(id=100)"])  # fmt: skip

    def test_a_circle_of_tasks(self) -> None:  # B11
        for made in self.programs():
            first = self.session(made, 1, waiter=made.spawn())
            second = self.session(made, 2, waiter=first)
            made.memory.write_words(first.address_of("handler"), second.promise)
            self.check(
                made,
                "",
                "  1  session(id=2) at server.cpp:6 [waits in a circle]",
                "  2    session(id=1) at server.cpp:6: co_await pause(10);",
            )


class Groups(ListingTest):
    """Tasks of the same shape."""

    def test_up_to_a_screen_each_is_shown(self) -> None:
        for made in self.programs():
            for id_ in range(40):
                self.session(made, id_)
            self.assertEqual(len(self.listing(made).lines), 40)

    def test_more_are_counted(self) -> None:
        for made in self.programs():
            for id_ in range(41):
                self.session(made, id_)
            found = self.check(
                made,
                "",
                "  1  41 x session(id=0) at server.cpp:6: co_await pause(10);",
                "(41 tasks. async-tasks -all shows each, async-tasks WORD those with a word.)",
            )
            self.assertEqual(len(found.coroutines), 1)
            self.assertEqual(len(self.listing(made, EVERYTHING).lines), 41)

    def test_rare_ones_are_first(self) -> None:
        for made in self.programs():
            for id_ in range(50):
                self.session(made, id_)
            self.session(made, 99, line=7)
            lines = self.listing(made).lines
            self.assertEqual(lines[0], "  1  session(id=99) at server.cpp:7: co_await group();")
            self.assertRegex(lines[1], "^  2  50 x session")

    def test_different_all_the_way_down_is_different(self) -> None:
        for made in self.programs():
            for id_ in range(30):
                top = self.session(made, id_, line=7)
                self.session(made, id_, waiter=top)
                if id_ == 20:
                    self.session(made, 77, waiter=top, line=7)
            rows = [re.sub(r"^ *\d+", "", line) for line in self.listing(made).lines[:-1]]
            self.assertEqual(
                rows,
                [
                    "  session(id=20) at server.cpp:7",
                    "    session(id=20) at server.cpp:6: co_await pause(10);",
                    "    session(id=77) at server.cpp:7: co_await group();",
                    "  29 x session(id=0) at server.cpp:7",
                    "    session(id=0) at server.cpp:6: co_await pause(10);",
                ],
            )

    def test_the_order_of_what_is_below_does_not_matter(self) -> None:
        for made in self.programs():
            for id_ in range(30):
                top = self.session(made, id_, line=7)
                for line in (6, 7) if id_ % 2 else (7, 6):
                    self.session(made, id_, waiter=top, line=line)
            self.assertEqual(len(self.listing(made).lines), 4)

    def test_what_is_said_of_a_task_makes_it_another_one(self) -> None:
        for made in self.programs():
            entry_points = [self.session(made, number) for number in range(50)]
            made.cancel(entry_points[7])
            lines = self.listing(made).lines
            self.assertEqual(lines[0], "  1  session(id=7) at server.cpp:6 [cancelled]: co_await pause(10);")
            self.assertTrue(lines[1].startswith("  2  49 x session(id="), lines)

    def test_running_ones_are_alike_on_whichever_thread(self) -> None:
        for made in self.programs():
            for id_ in range(50):
                pause = made.coroutine("pause", line=2, ms=id_)
                made.spawn(pause)
                made.thread(made.running(pause, line=3), made.scheduler())
            self.assertRegex(self.listing(made).lines[0], "^  1  50 x pause.* .running on thread 1.$")

    def test_below_a_group_the_numbers_are_those_of_one(self) -> None:
        for made in self.programs():
            top = self.session(made, 1, line=7)
            for id_ in range(60):
                self.session(made, id_, waiter=top)
            lines = self.listing(made).lines
            self.assertEqual(lines[1], "  2    60 x session(id=0) at server.cpp:6: co_await pause(10);")


class Patterns(ListingTest):
    """Only some tasks."""

    def forest(self, made: MadeUp) -> None:
        top = self.session(made, 1, line=7)
        self.session(made, 2, waiter=top)
        made.spawn(made.coroutine("pause", line=2, ms=33), waiter=top)
        self.session(made, 3)

    def test_those_above_are_shown_too(self) -> None:
        for made in self.programs():
            self.forest(made)
            self.check(
                made,
                "ms=33",
                "  1  session(id=1) at server.cpp:7",
                "  2    pause(ms=33) at server.cpp:2: co_await timer.async_wait();",
            )

    def test_a_name_a_value_a_place_or_a_statement(self) -> None:
        for made in self.programs():
            self.forest(made)
            for words, count in {"session": 3, "id=3": 1, r"cpp:2\b": 2, "timer.async": 2, "id=[23]": 3}.items():
                with self.subTest(words):
                    self.assertEqual(len(self.listing(made, tasks_request(words)).lines), count)

    def test_of_many_that_match_one_is_shown(self) -> None:
        for made in self.programs():
            for id_ in range(100):
                self.session(made, id_)
            self.assertRegex(self.listing(made, tasks_request("session")).lines[0], "100 x session")
            self.assertEqual(len(self.listing(made, tasks_request("-all session")).lines), 100)

    def test_nothing_matches(self) -> None:
        for made in self.programs():
            self.forest(made)
            self.check(made, "nobody", "No coroutine matches nobody.")


class Sentences(ListingTest):
    """What is said besides."""

    def test_nothing_is_found(self) -> None:
        for made in self.programs():
            for words in "", "word", "-all":
                found = self.listing(made, tasks_request(words))
                self.assertEqual(len(found.lines), 1)
                self.assertRegex(found.lines[0], "^No coroutines of asio::awaitable here .*-O0 -g")
                self.assertEqual(found.coroutines, [])

    def test_memory_that_was_left_out(self) -> None:  # B9
        for made in self.programs():
            self.session(made, 1)
            made.memory.map(0x7E0000000000, 5 << 30)
            self.check(
                made,
                "",
                "  1  session(id=1) at server.cpp:6: co_await pause(10);",
                "(5,242,880 KiB of memory, from 0x7e0000000000 on, were not searched: too large, or not to be read.)",
            )

    def test_what_could_not_be_read(self) -> None:
        for made in self.programs():
            self.session(made, 1)
            self.session(made, 2, waiter=made.spawn())  # its entry point is another function of the same name
            made.strip("boost::asio::detail::co_spawn_entry_point")
            lines = self.listing(made).lines
            self.assertEqual(len(lines), 2)
            self.assertRegex(lines[1], r"^\(not all tasks are shown: .*-O0 -g.*\)$")


class Thousands(ListingTest):
    """A server with 5,000 sessions, one of which hangs elsewhere."""

    def test_the_one_that_hangs_is_seen_at_once(self) -> None:
        for made in self.programs(heap_size=1 << 22):
            for id_ in range(5_000):
                session = made.coroutine("session", line=7 if id_ == 3_777 else 6, id=id_)
                made.spawn(session, made.coroutine("pause", line=2, ms=10))
            begin = time.process_time()
            lines = self.listing(made).lines
            self.assertLess(time.process_time() - begin, 2)
            self.assertLess(len(lines), 20)
            self.assertEqual(lines[0], "  1  session(id=3777) at server.cpp:7")
            self.assertRegex(lines[2], "^  3  4999 x session")
