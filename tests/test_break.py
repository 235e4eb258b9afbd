"""Tests async-break: a breakpoint on a coroutine by its name, at the first statement of its body.

    COROUTINES=<path> GDB=<path> python3 test_break.py GDBTest
"""

import re
import unittest

from cases import DebuggerTest, InGDB, InLLDB
from common import COROUTINES, OTHER, line_of

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


class BreakTest(DebuggerTest):
    """What holds in both debuggers."""

    program, source = COROUTINES, OTHER

    def lines_of_breakpoints(self, output: str) -> list[int]:
        """The lines of coroutines.cpp where breakpoints have been set."""
        return [int(line) for line in re.findall(r"coroutines\.cpp(?:, line |:)(\d+)", output)]

    def test_the_first_statement_of_each_body(self):
        said = self.session(*(f"async-break {name}" for name in FIRST), "async-break one_line")
        for name, heads in FIRST.items():
            found = self.lines_of_breakpoints(said[f"async-break {name}"])
            self.assertEqual(found, [line_of(head, OTHER) + 1 for head in heads], name)
        self.assertEqual(self.lines_of_breakpoints(said["async-break one_line"]), [ONE_LINE])

    def test_it_stops_once_with_its_arguments_and_callers(self):
        said = self.session("async-break listen::{lambda}", "run", self.backtrace, self.breakpoints)
        self.assertEqual(self.places(said[self.backtrace])[:2], [
            ("listen::{lambda}", LAMBDA), ("listen", line_of("// chain: listen", OTHER)),
        ])  # fmt: skip
        self.assertRegex(said[self.backtrace], r"listen::\{lambda\} ?\(.*rounds=2\)")
        self.assertRegex(said[self.breakpoints], r"already hit 1 time\n|hit count = 1\b")

    def test_while_the_program_runs(self):
        said = self.session("async-break listen::{lambda}", "run", "async-break serve", "continue", self.backtrace)
        first, *_ = self.places(said[self.backtrace])
        self.assertEqual(first, ("net::session::serve", line_of("serve(int rounds)", OTHER) + 1))

    def test_in_a_new_run(self):
        said = self.session("async-break listen::{lambda}", "run", self.kill, "run", self.backtrace)
        first, *_ = self.places(said[self.backtrace])
        self.assertEqual(first, ("listen::{lambda}", LAMBDA))

    def test_a_true_sentence_where_there_is_none(self):
        for name, sentence in (
            ("nothing", "There is no coroutine nothing in the program."),
            ("main", "main is no coroutine, or one without debug information."),
            ("", "async-break takes the name of a coroutine, such as net::session::serve or listen::{lambda}."),
        ):
            command = f"async-break {name}".strip()
            self.assertIn(sentence, self.session(command)[command])


class GDBTest(InGDB, BreakTest):
    """In GDB."""

    def test_a_condition(self):
        said = self.session("async-break recurse", "condition 1 depth == 2", "run", "info args", "print depth")
        self.assertRegex(said["print depth"], "= 2$")


class LLDBTest(InLLDB, BreakTest):
    """In LLDB."""


if __name__ == "__main__":
    unittest.main(verbosity=2)
