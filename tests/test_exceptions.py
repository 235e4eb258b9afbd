"""Tests async-catch: where the program stops when an exception comes out of a co_await, and where `next` goes then.

    COROUTINES=<path> GDB=<path> python3 test_exceptions.py GDBTest

The program, exceptions.cpp, is built beside the one that COROUTINES names."""

import os
import re
import unittest

from common import COROUTINES, GDB, LLDB, TESTS, line_of
from sessions import gdb, lldb

EXCEPTIONS = os.path.join(os.path.dirname(COROUTINES), "exceptions")
SOURCE = (TESTS / "exceptions.cpp").read_text("utf-8").splitlines()
LINE = re.compile(r"^(?:-> )?(\d+)\s.*", re.M)  # of the source, as both debuggers show where they have stopped

# Where each exception stops the program, and which line handles it: that of the handler, or the one after.
STOPS = [
    (line_of("// stored: Asio", SOURCE), "attempt"),
    (line_of("// thrown: on", SOURCE), "attempt"),
    (line_of("// attempt: the same", SOURCE), "attempt"),  # what parse() throws comes out of this co_await first
    (line_of("// stored: Asio", SOURCE), "attempt"),  # in a group
    (line_of("// stored: Asio", SOURCE), "attempt"),  # in a task
    *[(line_of("// rounds: each", SOURCE), "round")] * 3,
]
HANDLERS = {
    "attempt": {line_of("catch (const std::exception& error)", SOURCE), line_of("// handler", SOURCE)},
    "round": {line_of('std::printf("round', SOURCE) - 1, line_of('std::printf("round', SOURCE)},
}


class ExceptionsTest(unittest.TestCase):
    """What holds in both debuggers."""

    debugger = backtrace = kill = breakpoints = no_breakpoints = ""

    @classmethod
    def setUpClass(cls):
        if not cls.debugger:
            raise unittest.SkipTest("no debugger")

    def session(self, *commands):
        """The outputs of these commands."""
        raise NotImplementedError

    def stops(self, output):
        """The lines of exceptions.cpp where the program has stopped."""
        raise NotImplementedError

    def test_each_exception_stops_once_and_next_goes_to_its_handler(self):
        commands = [command for _ in STOPS[1:] for command in ("next", "continue")]
        said = self.session("async-catch", "run", *commands, "next", "continue")
        self.assertRegex(said[0], "^Stops where an exception comes out of a co_await")
        self.assertEqual([self.stops(each) for each in said[1:-1:2]], [[line] for line, _ in STOPS])
        for output, (_, handler) in zip(said[2::2], STOPS):
            self.assertEqual(len(self.stops(output)), 1, output)
            self.assertIn(self.stops(output)[0], HANDLERS[handler])
        self.assertRegex(said[-1], "exited (normally|with status = 0)")

    def test_the_stack_there(self):
        said = self.session("async-catch", "run", self.backtrace)[-1]
        rows = re.findall(r"(\w+) ?\(.*\) at (?:.*/)?exceptions\.cpp:(\d+)", said)
        self.assertEqual(rows[:4], [
            ("stored", str(line_of("// stored: Asio", SOURCE))),
            ("between", str(line_of("// between: the same", SOURCE))),
            ("attempt", str(line_of("// attempt: the same", SOURCE))),
            ("all", str(line_of('attempt("stored"', SOURCE))),
        ])  # fmt: skip

    def test_it_can_be_turned_off(self):
        said = self.session("async-catch on", "run", "async-catch off", "continue")
        self.assertEqual(said[2].strip(), "Does not stop at exceptions.")
        self.assertRegex(said[3], "exited (normally|with status = 0)")

    def test_once_more_in_a_new_run(self):
        said = self.session("async-catch", "run", self.kill, "run", "async-catch off", "continue")
        self.assertEqual(self.stops(said[1]), [STOPS[0][0]])
        self.assertEqual(self.stops(said[3]), [STOPS[0][0]])
        self.assertRegex(said[5], "exited (normally|with status = 0)")

    def test_nothing_stays_behind(self):
        said = self.session("async-catch", "async-catch", "async-catch off", self.breakpoints)
        self.assertRegex(said[-1], self.no_breakpoints)

    def test_a_wrong_word(self):
        self.assertIn("async-catch takes on or off", self.session("async-catch often")[-1])


class GDBTest(ExceptionsTest):
    """In GDB."""

    debugger, backtrace, kill = GDB, "bt", "kill"
    breakpoints, no_breakpoints = "info breakpoints", "^No breakpoints"

    def session(self, *commands):
        return gdb(*commands, program=EXCEPTIONS)

    def stops(self, output):
        return [int(line) for line in re.findall(r"^(\d+)\t", output, re.M)]

    def test_no_internal_breakpoint_either(self):
        said = gdb("async-catch", "run", "async-catch off", "maint info breakpoints", program=EXCEPTIONS)
        self.assertNotRegex(said[-1], "__cxa_throw|rethrow_exception|__cxa_free")

    def test_the_coroutine_is_selected(self):
        said = self.session("async-catch", "run", "frame")
        self.assertRegex(said[-1], r"stored.*exceptions\.cpp")


class LLDBTest(ExceptionsTest):
    """In LLDB."""

    debugger, backtrace, kill = LLDB, "async-bt", "process kill"
    breakpoints, no_breakpoints = "breakpoint list", "^No breakpoints"

    def session(self, *commands):
        return lldb(*commands, program=EXCEPTIONS)

    def stops(self, output):
        return [int(line) for line in re.findall(r"^-> (\d+) ", output, re.M)]

    def test_the_coroutine_is_selected(self):
        said = self.session("async-catch", "run", "frame info")
        self.assertRegex(said[-1], r"stored.*exceptions\.cpp")


if __name__ == "__main__":
    unittest.main(verbosity=2)
