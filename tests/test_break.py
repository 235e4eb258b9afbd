"""Tests async-break: a breakpoint on a coroutine by its name, at the first statement of its body.

    COROUTINES=<path> GDB=<path> python3 test_break.py GDBTest
"""

import re
import unittest

from common import COROUTINES, GDB, LLDB, OTHER, line_of
from sessions import gdb, lldb

LAMBDA = line_of("// chain: lambda", OTHER)
# The first statement of the body of each coroutine that a name means.
FIRST = {
    "walk": ["asio::awaitable<int> walk(int walker) {"],
    "serve": ["asio::awaitable<int> serve(int rounds) {"],
    "net::session::serve": ["asio::awaitable<int> serve(int rounds) {"],
    "listen::{lambda}": ["const auto attempt = [&session](int rounds) -> asio::awaitable<int> {"],
    "pack": ["asio::awaitable<void> pack(int first, Rest... rest) {"],
    "functor::operator()": ["asio::awaitable<void> operator()(int depth) {"],
    "pause_for": 2 * ["asio::awaitable<int> pause_for(Duration duration, const std::string& reason) {"],  # a template
}
ONE_LINE = line_of("asio::awaitable<int> one_line() {", OTHER)


class BreakTest(unittest.TestCase):
    """What holds in both debuggers."""

    debugger = backtrace = kill = breakpoints = ""

    @classmethod
    def setUpClass(cls):
        if not cls.debugger:
            raise unittest.SkipTest("no debugger")

    def session(self, *commands):
        """The outputs of these commands."""
        raise NotImplementedError

    def lines(self, output):
        """The lines of coroutines.cpp where breakpoints have been set."""
        return [int(line) for line in re.findall(r"coroutines\.cpp(?:, line |:)(\d+)", output)]

    def test_the_first_statement_of_each_body(self):
        said = self.session(*(f"async-break {name}" for name in FIRST), "async-break one_line")
        for output, (name, heads) in zip(said, FIRST.items()):
            self.assertEqual(self.lines(output), [line_of(head, OTHER) + 1 for head in heads], name)
        self.assertEqual(self.lines(said[-1]), [ONE_LINE])

    def test_it_stops_once_with_its_arguments_and_callers(self):
        said = self.session("async-break listen::{lambda}", "run", self.backtrace, self.breakpoints)
        self.assertEqual(self.rows(said[2])[:2], [
            ("listen::{lambda}", LAMBDA), ("listen", line_of("// chain: listen", OTHER)),
        ])  # fmt: skip
        self.assertRegex(said[2], r"listen::\{lambda\} ?\(.*rounds=2\)")

    def rows(self, output):
        """The functions in coroutines.cpp and their lines, in a backtrace."""
        found = re.findall(r"(\S+?) ?\([^()]*\) at (?:.*/)?coroutines\.cpp:(\d+)", output)
        return [(name, int(line)) for name, line in found]

    def test_while_the_program_runs(self):
        said = self.session("async-break listen::{lambda}", "run", "async-break serve", "continue", self.backtrace)
        self.assertEqual(self.rows(said[-1])[0], ("net::session::serve", line_of("serve(int rounds)", OTHER) + 1))

    def test_in_a_new_run(self):
        said = self.session("async-break listen::{lambda}", "run", self.kill, "run", self.backtrace)
        self.assertEqual(self.rows(said[-1])[0], ("listen::{lambda}", LAMBDA))

    def test_a_true_sentence_where_there_is_none(self):
        for name, sentence in (
            ("nothing", "There is no coroutine nothing in the program."),
            ("main", "main is no coroutine, or one without debug information."),
            ("", "async-break takes the name of a coroutine, such as net::session::serve or listen::{lambda}."),
        ):
            self.assertIn(sentence, self.session(f"async-break {name}".strip())[0])


class GDBTest(BreakTest):
    """In GDB."""

    debugger, backtrace, kill, breakpoints = GDB, "bt", "kill", "info breakpoints"

    def session(self, *commands):
        return gdb(*commands, program=COROUTINES)

    def test_a_condition(self):
        said = self.session("async-break recurse", "condition 1 depth == 2", "run", "info args", "print depth")
        self.assertRegex(said[-1], "= 2$")


class LLDBTest(BreakTest):
    """In LLDB."""

    debugger, backtrace, kill, breakpoints = LLDB, "async-bt", "process kill", "breakpoint list"

    def session(self, *commands):
        return lldb(*commands, program=COROUTINES)


if __name__ == "__main__":
    unittest.main(verbosity=2)
