"""Tests the lines of co_awaits as compilers scatter them, and stacks that are unlike others: overflowing, ended tasks.

    COROUTINES=<path> GDB=<path> python3 test_awaits.py GDBTest

The program, awaits.cpp, is built beside the one that COROUTINES names."""

import time
import unittest

from cases import DebuggerTest, InGDB, InLLDB
from common import AWAITS, beside, line_of

PICK = "// pick"


class AwaitsTest(DebuggerTest):
    """What holds in both debuggers."""

    program, source = beside("awaits"), AWAITS

    def lines_of_steps(self, start: str, steps: int) -> list[int]:
        """Where these steps from a breakpoint on stop: each once, in the program's own file."""
        said = self.session(start, "run", *(steps * ["next"]))
        stops = [self.lines(output) for output in said.each("next")]
        self.assertEqual([len(lines) for lines in stops], steps * [1], said)
        return [line for (line,) in stops]

    def test_the_line_where_an_operand_is_evaluated(self):
        said = self.session(self.break_at(PICK), "run", self.backtrace, *(2 * ["continue", self.backtrace]))
        expected = [
            [("pick", line_of(PICK, AWAITS)), ("operands", line_of(f"// operands: {what}", AWAITS))]
            for what in ("no co_await", "first", "second")
        ]
        self.assertEqual([self.places(output)[:2] for output in said.each(self.backtrace)], expected)

    def test_a_co_await_of_several_lines(self):
        first, over = line_of("// several: co_await", AWAITS), line_of("// several: over", AWAITS)
        lines = self.lines_of_steps(self.break_at("// several: before"), 3)
        self.assertIn(over, lines)
        before = lines[: lines.index(over)]
        self.assertLessEqual(len(before), 2)
        self.assertLessEqual(set(before), {first, first + 1})

    def test_a_waiting_co_await_of_several_lines_is_on_its_first(self):
        in_doze = self.break_at("co_return number;", condition="number == 13")
        said = self.session(in_doze, "run", self.backtrace)
        _doze, waiting, *_ = self.places(said[self.backtrace])
        self.assertEqual(waiting, ("several_lines", line_of("// several: co_await", AWAITS)))

    def test_a_loop_that_begins_with_a_co_await(self):
        at, again = line_of("// loop: rounds", AWAITS), line_of("// loop: co_await", AWAITS)
        lines = self.lines_of_steps(self.break_at("// loop: rounds", condition="rounds == 0"), 8)
        self.assertEqual(lines[:2].count(at), 0)
        between = lines[: lines.index(at) + 1]
        self.assertEqual(between.count(again), 1)

    def test_a_stack_that_overflows(self):
        commands = self.break_at(PICK, condition="number > 1000"), "run"
        began = time.monotonic()
        self.session(*commands)
        without = time.monotonic() - began
        began = time.monotonic()
        backtrace = self.session(*commands, self.backtrace)[self.backtrace]
        self.assertLess(time.monotonic() - began - without, 10)  # seconds
        self.assertEqual([name for name, _ in self.places(backtrace)][:4], ["pick", "sum", "deep", "all"])
        self.assertRegex(backtrace, r"\(at_once::\{lambda\}\(\) is on the call stack \d+ more times here\)")
        self.assertRegex(
            backtrace, r"\(3,000 more frames of the call stack show nothing new, the rest is not looked at\)")
        self.assertLess(len(backtrace.splitlines()), 15)

    def test_whom_an_ended_task_completes_for(self):
        said = self.session(self.break_at(PICK, condition="number == 5"), "run", "continue", self.backtrace)
        self.assertRegex(said[self.backtrace], r"\[waits for task\] completion ?\(id=5\) at (.*/)?awaits\.cpp")


class GDBTest(InGDB, AwaitsTest):
    """In GDB."""

    def test_no_local_of_the_function_around_a_lambda(self):
        backtrace = "bt -full 2"
        said = self.session(self.break_at(PICK, condition="number == 7"), "run", backtrace)
        self.assertRegex(said[backtrace], r"lambdas::\{lambda\}.*\n +inside = 7")
        self.assertNotIn("outside", said[backtrace])


class LLDBTest(InLLDB, AwaitsTest):
    """In LLDB."""


if __name__ == "__main__":
    unittest.main(verbosity=2)
