"""Tests async-catch: where the program stops when an exception comes out of a co_await, and where `next` goes then.

    COROUTINES=<path> GDB=<path> python3 test_exceptions.py GDBTest

The program, exceptions.cpp, is built beside the one that COROUTINES names."""

import unittest

from cases import DebuggerTest, InGDB, InLLDB
from common import EXCEPTIONS, beside, line_of

# Where each exception stops the program, and which line handles it: that of the handler, or the one after.
STOPS = [
    (line_of("// stored: Asio", EXCEPTIONS), "attempt"),
    (line_of("// thrown: on", EXCEPTIONS), "attempt"),
    (line_of("// attempt: the same", EXCEPTIONS), "attempt"),  # what parse() throws comes out of this co_await first
    (line_of("// stored: Asio", EXCEPTIONS), "attempt"),  # in a group
    (line_of("// stored: Asio", EXCEPTIONS), "attempt"),  # in a task
    *[(line_of("// rounds: each", EXCEPTIONS), "round")] * 3,
]
HANDLERS = {
    "attempt": {line_of("catch (const std::exception& error)", EXCEPTIONS), line_of("// handler", EXCEPTIONS)},
    "round": {line_of('std::printf("round', EXCEPTIONS) - 1, line_of('std::printf("round', EXCEPTIONS)},
}


class ExceptionsTest(DebuggerTest):
    """What holds in both debuggers."""

    program, source = beside("exceptions"), EXCEPTIONS
    selected = ""  # shows the frame that is selected

    def test_each_exception_stops_once_and_next_goes_to_its_handler(self):
        said = self.session("async-catch", "run", *(len(STOPS) * ["next", "continue"]))
        self.assertRegex(said["async-catch"], "^Stops where an exception comes out of a co_await")
        *stopped, ended = said["run"], *said.each("continue")
        self.assertEqual([self.lines(output) for output in stopped], [[line] for line, _ in STOPS])
        for output, (_, handler) in zip(said.each("next"), STOPS):
            self.assertEqual(len(self.lines(output)), 1, output)
            self.assertIn(self.lines(output)[0], HANDLERS[handler])
        self.assert_ended(ended)

    def test_the_stack_there(self):
        said = self.session("async-catch", "run", self.backtrace)
        self.assertEqual(self.places(said[self.backtrace])[:4], [
            ("stored", line_of("// stored: Asio", EXCEPTIONS)),
            ("between", line_of("// between: the same", EXCEPTIONS)),
            ("attempt", line_of("// attempt: the same", EXCEPTIONS)),
            ("all", line_of('attempt("stored"', EXCEPTIONS)),
        ])  # fmt: skip

    def test_the_coroutine_is_selected(self):
        said = self.session("async-catch", "run", self.selected)
        self.assertRegex(said[self.selected], r"stored.*exceptions\.cpp")

    def test_it_can_be_turned_off(self):
        said = self.session("async-catch on", "run", "async-catch off", "continue")
        self.assertEqual(said["async-catch off"].strip(), "Does not stop at exceptions.")
        self.assert_ended(said["continue"])

    def test_once_more_in_a_new_run(self):
        said = self.session("async-catch", "run", self.kill, "run", "async-catch off", "continue")
        first, _ = STOPS[0]
        self.assertEqual([self.lines(output) for output in said.each("run")], [[first], [first]])
        self.assert_ended(said["continue"])

    def test_nothing_stays_behind(self):
        said = self.session("async-catch", "async-catch", "async-catch off", self.breakpoints)
        self.assertRegex(said[self.breakpoints], "^No breakpoints")

    def test_a_wrong_word(self):
        said = self.session("async-catch often")
        self.assertIn("async-catch takes on or off", said["async-catch often"])


class GDBTest(InGDB, ExceptionsTest):
    """In GDB."""

    selected = "frame"

    def test_no_internal_breakpoint_either(self):
        said = self.session("async-catch", "run", "async-catch off", "maint info breakpoints")
        self.assertNotRegex(said["maint info breakpoints"], "__cxa_throw|rethrow_exception|__cxa_free")


class LLDBTest(InLLDB, ExceptionsTest):
    """In LLDB."""

    selected = "frame info"


if __name__ == "__main__":
    unittest.main(verbosity=2)
