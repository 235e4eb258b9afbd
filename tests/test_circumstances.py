"""Tests the helpers where a session is not as usual: a process that forks, core dumps, stop hooks of the user's,
commands that fail or that are refused.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_circumstances.py GDBTest

The program forks is built beside the one that COROUTINES names.
"""

import tempfile
import unittest

from cases import InGDB, InLLDB, new_core
from common import COROUTINES, FORKS, LLDB, OTHER, PROGRAM, beside, line_of
from sessions import LLDB_HELPER, terminal

AFTER_WAIT = f"main.cpp:{line_of('co_return fmt::format(')}"

# A stop hook that lets the program run on where other hooks do, and takes its time.
QUIET_HOOK = """
import time

class Quiet:
    def __init__(self, _target, _arguments, _internal):
        pass

    def handle_stop(self, _context, _stream):
        time.sleep(0.8)
        return False
"""


class GDBTest(InGDB):
    """In GDB."""

    def test_async_in_runs_nothing(self):
        """`frame` alone looks; with what may follow it the program would run with a coroutine's registers."""
        refused = "async-in 2 frame apply 1 stepi", "async-in 2 f 1"
        said = self.standing_still("print $pc", "async-tasks", *refused, "async-in 2 frame", "print $pc")
        for command in refused:
            self.assertIn("async-in takes commands that look", said[command])
        self.assertIn("group", said["async-in 2 frame"])
        before, after = said.each("print $pc")
        self.assertEqual(before.split("=")[1], after.split("=")[1])

    def test_numbers_do_not_hold_for_another_core_dump(self):
        with new_core() as core:
            self.standing_still(f"{self.save_core} {core}")
            opened = self.open_core(core)
            said = self.session(opened, "async-tasks", "async-in 2", opened, "async-in 2", program=COROUTINES)
        before, after = said.each("async-in 2")
        self.assertIn("first = 1", before)
        self.assertEqual(after, "async-tasks has shown no number 2 at this stop.\n")

    def test_what_should_not_happen_is_one_sentence(self):
        broken = "python import asio_coroutines.gdb.commands as broken; broken.listing = None"
        said = self.standing_still(broken, "async-tasks")
        self.assertRegex(
            said["async-tasks"], r"^The coroutine helpers do not work here: TypeError: [^\n]+\.\n$")


class LLDBTest(InLLDB):
    """In LLDB."""

    def begin(self) -> str:
        """A breakpoint two steps before what comes after a co_await."""
        return self.break_at('trace("Fetching data', once=True)

    def test_a_core_dump_of_a_process_that_lives(self):
        """What it shows is in the core dump: the process has run on."""
        with new_core() as core:
            said = self.session(
                self.break_at("// chain: lambda", OTHER), "run", f"{self.save_core} {core}", "breakpoint delete -f",
                self.break_at("standing still", OTHER), "continue", self.open_core(core), "async-tasks",
                program=COROUTINES)  # fmt: skip
        self.assertIn("listen", said["async-tasks"])
        self.assertNotIn("shadow", said["async-tasks"])

    def test_the_child_of_a_fork(self):
        said = self.session(
            "settings set target.process.follow-fork-mode child",
            self.break_at("// before the fork", FORKS), self.break_at("// after the fork", FORKS),
            "run", "async-tasks", "async-in 1", "breakpoint delete 1", "continue", "async-tasks", "async-in 1",
            program=beside("forks"))  # fmt: skip
        before, after = said.each("async-in 1")
        self.assertIn("who = 0", before)
        self.assertIn("who = 2", after)

    def test_a_stop_hook_that_keeps_the_program_stopped(self):
        """Nothing of ours stays behind, and the user is told why the step has ended there, once."""
        hook = "target stop-hook add -o 'version'"
        said = self.session(hook, self.begin(), "run", "next", "next", self.breakpoints)
        self.assertEqual("".join(said.last(3)).count("This step ends inside Asio: a stop hook"), 1)
        self.assertIn("No breakpoints", said[self.breakpoints])

    def test_a_stop_hook_that_agrees(self):
        """On a terminal, where the program stands still while the hook takes its time."""
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/quiet.py", "w", encoding="utf-8") as file:
                file.write(QUIET_HOOK)
            with terminal(LLDB, "--no-lldbinit", PROGRAM) as type_line:
                hook = f"command script import {folder}/quiet.py", "target stop-hook add -P quiet.Quiet"
                for command in (LLDB_HELPER, *hook, self.begin()):
                    type_line(command, r"\(lldb\) $")
                type_line("process launch -o /dev/null", r"stop reason = (?s:.*)\(lldb\) $")
                type_line("next", r"stop reason = (?s:.*)\(lldb\) $")
                self.assertIn(AFTER_WAIT, type_line("next", r"stop reason = (?s:.*)\(lldb\) $|exited"))

    def test_arguments_of_async_next(self):
        """As those of `next`: the number of a thread."""
        step = "script lldb.debugger.HandleCommand(f'async-next {lldb.thread.GetIndexID()}')"
        word, number = self.failing("async-next now"), self.failing("async-next 99")
        said = self.session(self.begin(), "run", word, number, step, step)
        self.assertIn("async-next takes nothing, or the number of a thread", said[word])
        self.assertIn("there is no thread 99", said[number])
        self.assertIn(AFTER_WAIT, said.each(step)[1])

    def test_what_should_not_happen_is_said_once(self):
        broken = "script import asio_coroutines.lldb.catching as broken; broken.Catcher.is_to_stop = None"
        said = self.session(broken, "async-catch", "run", program=beside("exceptions"))
        self.assertEqual(said["run"].count("The coroutine helpers do not work here: TypeError"), 1)
        self.assertNotIn("\n\n\n", said["run"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
