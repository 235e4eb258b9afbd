"""Tests next and async-next: the statements at which they stop, whatever threads and coroutines run in between.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_next.py GDBTest
"""

import os
import re
import signal
import unittest

from cases import DebuggerTest, InGDB, InLLDB, without_braces
from common import COROUTINES, OTHER, line_of, threads, wait_for
from printed import rows
from sessions import CTRL_C, terminal
from walks import AFTER_WALK, ASYNC_MAIN, ASYNC_TASK, FETCH_DATA, HEAD_OF_ITEMS, PROCESS, SLEEPING, STEPS, TRACE, WALK

IN_BODY = '$_caller_matches(".*coroutine_handle", 1)'  # not in what a compiler puts around the coroutine
LOOP_HEAD, LOOP_BODY = "for (;;) {", "limit -= co_await risky(limit);"
DEEPER, DEEPEST = (
    "if (depth > 0) below = co_await recurse(depth - 1);",
    'if (depth == 0) below = co_await net::pause_for(1ms, "deep");',
)
RISKS = "co_await risky(0);"


class NextTest(DebuggerTest):
    """Steps over a co_await, in both debuggers."""

    def test_next_walks_as_async_next_does(self):
        lines = self.walk_from('trace("Fetching', "next", 10)
        self.assertEqual(lines, self.walk_from('trace("Fetching', "async-next", 10))
        self.assertEqual(lines[:2], FETCH_DATA[1:])

    def test_async_step_off(self):
        fetching, _sleeping, after = FETCH_DATA
        self.assertNotIn(after, self.walk_from(fetching, "next", 4, before=("async-step off",)))
        self.assertIn(after, self.walk_from(fetching, "next", 2, before=("async-step off", "async-step on")))

    def test_next_in_a_frame_that_is_used_again(self):
        for step in "async-next", "next":
            said = self.session(self.break_at("visit: end", OTHER, once=True), "run", step, program=COROUTINES)
            self.assertEqual(self.texts(said[step]), [])
            self.assertRegex(said[step], "exited|requires a current process")

    def test_next_at_a_throw(self):
        lines = self.walk_from("risky: throw", self.over_throw, 3, OTHER, COROUTINES)
        lines = [line for line in lines if line not in ("}", RISKS)]
        self.assertRegex(lines[0], "catch|error.what")
        self.assertIn("std::puts(", lines[-1])

    def test_async_next_to_a_last_line(self):
        """Clang has no code for the brace after it."""
        said = self.session(self.break_at("mixed: start", OTHER, once=True), "run", "async-next", program=COROUTINES)
        self.assertEqual(self.texts(said["async-next"]), ["co_return number;"])

    def test_async_next_from_a_throw(self):
        said = self.session(
            self.catch_throw, "run", self.backtrace, "async-next", "async-next", program=COROUTINES)
        self.assertIn("risky", [row.function for row in rows(said[self.backtrace])])
        first = self.texts("".join(said.each("async-next")), RISKS)[0]
        self.assertRegex(first, r"catch \(|error\.what")

    def test_async_next_from_what_a_coroutine_calls_and_creates(self):
        """It stops once, in that coroutine. (LLDB also stops where a call returns to, in the middle of the line.)"""
        said = self.session(
            self.break_at("steps: callee", OTHER, once=True), "run", "async-next", "async-next",
            self.break_function("one_line"), "continue", "async-next", program=COROUTINES)  # fmt: skip
        *in_callee, created = said.each("async-next")
        last_of_callee = line_of("steps: callee", OTHER) + 1
        beyond = [line for line in self.lines("".join(in_callee)) if line > last_of_callee]
        lines_before = line_of("steps: called", OTHER) - beyond[0]
        self.assertIn(lines_before, (0, 1) if self.stops_in_mid_line else (0,), in_callee)
        self.assertIn(self.texts(created), (["co_await one_line();"], ['std::puts("stepped");']), created)

    def test_async_next_where_braces_have_their_own_lines(self):
        """It stops at statements, not at the signature: a function begins at its brace."""
        said = self.session(
            self.break_at("steps: start", OTHER, once=True), "run", *(5 * ["async-next"]), program=COROUTINES)
        found = self.texts("".join(said.each("async-next")))
        self.assertTrue(set(found) <= set(STEPS[1:]), found)
        self.assertIn("co_await one_line();", found)

    def test_next_in_a_loop_of_one_line(self):
        """It stops at that line again, in each round."""
        lines = self.walk_from("loop: body", "next", 6, OTHER, COROUTINES)
        self.assertEqual([line for line in lines if line not in (LOOP_HEAD, "}")][:2], [LOOP_BODY, LOOP_BODY], lines)

    def test_async_next_in_a_recursion(self):
        """51 instances run the same lines: from the end of the innermost, then over a co_await of the outermost."""
        steps = "async-next", "async-next", self.backtrace
        said = self.session(
            self.break_at("recursion: up", OTHER, once=True), "run", *steps,
            self.break_at("recursion: start", OTHER, once=True), "continue", *steps, program=COROUTINES)  # fmt: skip
        inner, outer = said.each("async-next")[:2], said.each("async-next")[2:]
        up, down = said.each(self.backtrace)
        self.assertEqual(self.texts("".join(inner), DEEPER)[0], DEEPEST, inner)
        found = [(row.function, row.arguments) for row in rows(up)[:51]]
        self.assertEqual(found, [*(("recurse", f"depth={depth}") for depth in range(1, 51)), ("deep", "")], up)
        self.assertEqual(self.texts("".join(outer)), [DEEPER, DEEPEST], outer)
        self.assertEqual((rows(down)[0].function, rows(down)[0].arguments), ("recurse", "depth=50"), down)

    def test_async_next_and_ctrl_c(self):
        """Ctrl-C ends a step that waits, for an hour here, and the debugger goes on."""
        with terminal(*self.on_terminal, COROUTINES) as type_line:
            type_line(self.break_at("tree: shadow", OTHER, once=True), self.prompt)
            type_line(self.run_to_wait, rf"(?s)tree: shadow.*{self.prompt}")
            number = re.search(r"(?i)process (\d+)", type_line(self.status, self.prompt))
            assert number
            program = int(number[1])
            try:
                type_line("async-next", r"\n")
                wait_for(lambda: threads(program) == {"S"}, "wait in the step")
                type_line(CTRL_C, self.prompt)
                self.assertEqual(threads(program), {"t"})
                type_line(f"{self.expression} 41 + 1", "= 42")
            finally:
                os.kill(program, signal.SIGKILL)


class GDBTest(InGDB, NextTest):
    """Also where a step begins in the middle of another thread's work."""

    def assert_in_order(self, expected: list[str], lines: list[str]) -> None:
        """Each of the expected texts begins one of the lines, in this order."""
        rest = iter(lines)
        self.assertTrue(all(any(line.startswith(text) for line in rest) for text in expected), lines)

    def test_async_next_at_an_end_with_nothing_left_to_do_above(self):
        """The one that awaits is at its own end then: it goes on in the one above that."""
        said = self.session(
            self.break_at("steps: called", OTHER, once=True), "run",
            self.break_at("chain: innermost", OTHER, once=True), "continue", *2 * ["async-next"],
            program=COROUTINES)  # fmt: skip
        _returns, above = said.each("async-next")
        self.assertIn(self.texts(above), (["co_await one_line();"], ['std::puts("stepped");']), above)

    def test_next_from_a_last_brace(self):
        """It does not stop at the function's first line: with GCC, that is where a coroutine ends."""
        first, *_ = self.walk_from('trace("Item {} processed"', "next 2", 1)
        self.assertIn(first, (PROCESS, HEAD_OF_ITEMS))

    def test_async_next_over_every_co_await_of_the_main_thread(self):
        start = self.break_at("asio::steady_timer timer", once=True, condition=IN_BODY)
        lines = self.walk(start, "run", step="async-next", steps=5)
        self.assert_in_order([SLEEPING, 'co_return fmt::format("Data_{}", id);'], lines)

        lines = without_braces(self.walk_from("Starting async", "async-next", 24))
        self.assertEqual(lines[: len(ASYNC_MAIN)], ASYNC_MAIN)

        start = self.break_at("auto joined =", once=True, condition=IN_BODY)
        lines = self.walk(start, "run", step="async-next", steps=30)
        self.assert_in_order(["co_return outcomes;"], lines)

        lines = self.walk_from("Processing item", "async-next", 5)
        self.assert_in_order(["co_await sleep_for(50ms);", 'trace("Item {} processed", item);', "for ("], lines)

    def test_async_next_stays_in_the_task_it_started_in(self):
        for task in 1, 2, 3:
            start = self.break_at("milliseconds delay{", once=True, condition=f"task_id == {task}")
            said = self.session(start, "run", *(4 * ["async-next"]), "output task_id", "async-next")
            *lines, last = [self.stops(output)[0].statement for output in said.each("async-next")]
            self.assertEqual(said["output task_id"], str(task))
            self.assertEqual(lines, ASYNC_TASK)
            # At the end of the task, and so of the last of the three, the one that waits for them goes on.
            self.assertRegex(last, r"co_await std::move\(joined\)|outcomes")

    def test_async_next_stays_with_one_of_eight_instances(self):
        lines = self.walk(
            self.break_at("walk: start", OTHER, once=True, condition="walker == 5"), "run",
            step="async-next", steps=21, program=COROUTINES)  # fmt: skip
        lines = [line for line in lines if line != "}" and not line.startswith("const int steps = co_await")]
        expected = [*WALK, AFTER_WALK]
        self.assertEqual(lines[: len(expected)], expected)

    def test_async_next_lets_breakpoints_stop_it(self):
        completed = "co_return task_id * 10;"
        said = self.session(
            self.break_at("milliseconds delay{", once=True, condition="task_id == 3"), "run", "async-next",
            self.break_at(completed, once=True, condition="task_id == 1"), "async-next", "output task_id",
            self.breakpoints)
        self.assertIn(f"main.cpp:{line_of(completed)}", said.each("async-next")[-1])
        self.assertEqual(said["output task_id"].split()[-1], "1")
        self.assertIn("No breakpoints", said[self.breakpoints])

    def test_async_next_is_next_elsewhere(self):
        said = self.session(self.break_at("lock{trace_mutex}"), "run", "next", "async-next")
        empty, elapsed, _prints = TRACE
        self.assertIn(empty, said["next"])
        self.assertIn(elapsed, said["async-next"])


class LLDBTest(InLLDB, NextTest):
    """In LLDB."""

    def test_async_next_over_every_co_await_of_the_main_thread(self):
        lines = without_braces(self.walk_from("Starting async", "async-next", 22))
        expected = ASYNC_MAIN[:-2]  # as far as 22 steps lead
        self.assertEqual(lines[: len(expected)], expected)

    def test_async_next_stays_with_one_of_eight_instances(self):
        lines = without_braces(self.walk_from("walk: start", "async-next", 17, OTHER, COROUTINES))
        self.assertEqual(lines[: len(WALK)], WALK)


if __name__ == "__main__":
    unittest.main(verbosity=2)
