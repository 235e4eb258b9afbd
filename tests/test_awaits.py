"""Tests the lines of co_awaits as compilers scatter them, and stacks that are unlike others: overflowing, ended tasks.

    COROUTINES=<path> GDB=<path> python3 test_awaits.py GDBTest

The program, awaits.cpp, is built beside the one that COROUTINES names."""

import os
import re
import time
import unittest

from common import COROUTINES, GDB, LLDB, TESTS, line_of
from sessions import gdb, lldb

AWAITS = os.path.join(os.path.dirname(COROUTINES), "awaits")
SOURCE = (TESTS / "awaits.cpp").read_text("utf-8").splitlines()
PICK = line_of("// pick", SOURCE)


class AwaitsTest(unittest.TestCase):
    """What holds in both debuggers."""

    debugger = backtrace = ""

    @classmethod
    def setUpClass(cls):
        if not cls.debugger:
            raise unittest.SkipTest("no debugger")

    def session(self, *commands):
        """The outputs of these commands."""
        raise NotImplementedError

    def break_at(self, line, condition=""):
        """A breakpoint on this line."""
        raise NotImplementedError

    def stops(self, output):
        """The lines where the program has stopped."""
        raise NotImplementedError

    def rows(self, output):
        """The functions in awaits.cpp and their lines, in a backtrace."""
        found = re.findall(r"(\S+?) ?\([^()]*\) at (?:.*/)?awaits\.cpp:(\d+)", output)
        return [(name, int(line)) for name, line in found]

    def test_the_line_where_an_operand_is_evaluated(self):
        said = self.session(self.break_at(PICK), "run", self.backtrace, *(2 * ["continue", self.backtrace]))
        for output, what in zip(said[2::2], ("no co_await", "first", "second")):
            self.assertEqual(self.rows(output)[:2], [
                ("pick", PICK), ("operands", line_of(f"// operands: {what}", SOURCE)),
            ])  # fmt: skip

    def test_a_co_await_of_several_lines(self):
        first = line_of("// several: co_await", SOURCE)
        start = self.break_at(line_of("// several: before", SOURCE))
        said = self.session(start, "run", "next", "next", "next")
        lines = [line for output in said[2:] for line in self.stops(output)]
        self.assertIn(line_of("// several: over", SOURCE), lines)
        before = lines[: lines.index(line_of("// several: over", SOURCE))]
        self.assertLessEqual(len(before), 2)
        self.assertLessEqual(set(before), {first, first + 1})

    def test_a_waiting_co_await_of_several_lines_is_on_its_first(self):
        in_doze = line_of("co_return number;", SOURCE)
        said = self.session(self.break_at(in_doze, "number == 13"), "run", self.backtrace)
        self.assertEqual(self.rows(said[-1])[1], ("several_lines", line_of("// several: co_await", SOURCE)))

    def test_a_loop_that_begins_with_a_co_await(self):
        at, again = line_of("// loop: rounds", SOURCE), line_of("// loop: co_await", SOURCE)
        said = self.session(self.break_at(at, "rounds == 0"), "run", *(8 * ["next"]))
        lines = [line for output in said[2:] for line in self.stops(output)]
        self.assertEqual(lines[:2].count(at), 0)
        between = lines[: lines.index(at) + 1]
        self.assertEqual(between.count(again), 1)

    def test_a_stack_that_overflows(self):
        commands = self.break_at(PICK, "number > 1000"), "run"
        began = time.monotonic()
        self.session(*commands)
        without = time.monotonic() - began
        began = time.monotonic()
        said = self.session(*commands, self.backtrace)[-1]
        self.assertLess(time.monotonic() - began - without, 10)  # seconds
        self.assertEqual([name for name, _ in self.rows(said)][:4], ["pick", "sum", "deep", "all"])
        self.assertRegex(said, r"\(at_once::\{lambda\}\(\) is on the call stack \d+ more times here\)")
        self.assertRegex(said, r"\(3,000 more frames of the call stack show nothing new, the rest is not looked at\)")
        self.assertLess(len(said.splitlines()), 15)

    def test_whom_an_ended_task_completes_for(self):
        said = self.session(self.break_at(PICK, "number == 5"), "run", "continue", self.backtrace)[-1]
        self.assertRegex(said, r"\[waits for task\] completion ?\(id=5\) at (.*/)?awaits\.cpp")


class GDBTest(AwaitsTest):
    """In GDB."""

    debugger, backtrace = GDB, "bt"

    def session(self, *commands):
        return gdb(*commands, program=AWAITS)

    def break_at(self, line, condition=""):
        return f"break awaits.cpp:{line}" + (f" if {condition}" if condition else "")

    def stops(self, output):
        return [int(line) for line in re.findall(r"^(\d+)\t", output, re.M)]

    def test_no_local_of_the_function_around_a_lambda(self):
        said = self.session(self.break_at(PICK, "number == 7"), "run", "bt -full 2")[-1]
        self.assertRegex(said, r"lambdas::\{lambda\}.*\n +inside = 7")
        self.assertNotIn("outside", said)


class LLDBTest(AwaitsTest):
    """In LLDB."""

    debugger, backtrace = LLDB, "async-bt"

    def session(self, *commands):
        return lldb(*commands, program=AWAITS)

    def break_at(self, line, condition=""):
        return f"breakpoint set -f awaits.cpp -l {line}" + (f" -c '{condition}'" if condition else "")

    def stops(self, output):
        return [int(line) for line in re.findall(r"^-> (\d+) ", output, re.M)]


if __name__ == "__main__":
    unittest.main(verbosity=2)
