"""Tests the helpers where a session is not as usual: a process that forks, core dumps, stop hooks of the user's,
commands that fail or that are refused.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_circumstances.py GDBTest

The program forks is built beside the one that COROUTINES names.
"""

import os
import tempfile
import unittest

from common import COROUTINES, GDB, LLDB, OTHER, PROGRAM, TESTS, line_of
from sessions import LLDB_HELPER, gdb, lldb, terminal

FORKS = os.path.join(os.path.dirname(COROUTINES), "forks")
FORKING = (TESTS / "forks.cpp").read_text("utf-8").splitlines()
SERVING = line_of("// chain: lambda", OTHER)
FETCHING = line_of('trace("Fetching data')  # two steps before what comes next
AFTER_WAIT = f"main.cpp:{line_of('co_return fmt::format(')}"
STANDING = f"coroutines.cpp:{line_of('standing still', OTHER)}"

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


class GDBTest(unittest.TestCase):
    """In GDB."""

    @classmethod
    def setUpClass(cls):
        if not GDB:
            raise unittest.SkipTest("no GDB")

    def session(self, *commands):
        return gdb(f"break {STANDING}", "run", *commands, program=COROUTINES)[2:]

    def test_async_in_runs_nothing(self):
        """`frame` alone looks; with what may follow it the program would run with a coroutine's registers."""
        said = self.session(
            "print $pc", "async-tasks", *(f"async-in 2 {words}" for words in ("frame apply 1 stepi", "f 1", "frame")),
            "print $pc")  # fmt: skip
        for refused in said[2:4]:
            self.assertIn("async-in takes commands that look", refused)
        self.assertIn("group", said[4])
        self.assertEqual(said[0].split("=")[1], said[-1].split("=")[1])

    def test_numbers_do_not_hold_for_another_core_dump(self):
        with tempfile.TemporaryDirectory() as folder:
            self.session(f"gcore {folder}/core")
            said = gdb(
                f"core-file {folder}/core", "async-tasks", "async-in 2", f"core-file {folder}/core", "async-in 2",
                program=COROUTINES)  # fmt: skip
        self.assertIn("first = 1", said[2])
        self.assertEqual(said[4], "async-tasks has shown no number 2 at this stop.\n")

    def test_what_should_not_happen_is_one_sentence(self):
        broken = "python import asio_coroutines.gdb.commands as broken; broken.listing = None"
        said = self.session(broken, "async-tasks")
        self.assertRegex(said[-1], r"^The coroutine helpers do not work here: TypeError: [^\n]+\.\n$")


class LLDBTest(unittest.TestCase):
    """In LLDB."""

    @classmethod
    def setUpClass(cls):
        if not LLDB:
            raise unittest.SkipTest("no LLDB")

    begin = f"breakpoint set -o true -f main.cpp -l {FETCHING}"

    def failing(self, command):
        """A command that fails ends a batch; not one that a script gives."""
        return f"script lldb.debugger.HandleCommand({command!r})"

    def test_a_core_dump_of_a_process_that_lives(self):
        """What it shows is in the core dump: the process has run on."""
        with tempfile.TemporaryDirectory() as folder:
            core = f"{folder}/core"
            tasks = lldb(
                f"breakpoint set -f coroutines.cpp -l {SERVING}", "run",
                f"process save-core --style modified-memory {core}", "breakpoint delete -f",
                f"breakpoint set -f coroutines.cpp -l {STANDING.partition(':')[2]}", "continue",
                f'target create --core {core} "{COROUTINES}"', "async-tasks", program=COROUTINES)[-1]  # fmt: skip
        self.assertIn("listen", tasks)
        self.assertNotIn("shadow", tasks)

    def test_the_child_of_a_fork(self):
        said = lldb(
            "settings set target.process.follow-fork-mode child",
            f"breakpoint set -f forks.cpp -l {line_of('// before the fork', FORKING)}",
            f"breakpoint set -f forks.cpp -l {line_of('// after the fork', FORKING)}",
            "run", "async-tasks", "async-in 1", "breakpoint delete 1", "continue", "async-tasks", "async-in 1",
            program=FORKS)  # fmt: skip
        self.assertIn("who = 0", said[5])
        self.assertIn("who = 2", said[9])

    def stepping(self, *before):
        """The outputs of two steps, the second one over a co_await, and the breakpoints then."""
        return lldb(*before, self.begin, "run", "next", "next", "breakpoint list")[-3:]

    def test_a_stop_hook_that_keeps_the_program_stopped(self):
        """Nothing of ours stays behind, and the user is told why the step has ended there, once."""
        said = self.stepping("target stop-hook add -o 'version'")
        self.assertEqual("".join(said).count("This step ends inside Asio: a stop hook"), 1)
        self.assertIn("No breakpoints", said[-1])

    def test_a_stop_hook_that_agrees(self):
        """On a terminal, where the program stands still while the hook takes its time."""
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/quiet.py", "w", encoding="utf-8") as file:
                file.write(QUIET_HOOK)
            with terminal(LLDB, "--no-lldbinit", PROGRAM) as type_line:
                hook = f"command script import {folder}/quiet.py", "target stop-hook add -P quiet.Quiet"
                for command in (LLDB_HELPER, *hook, self.begin):
                    type_line(command, r"\(lldb\) $")
                type_line("process launch -o /dev/null", r"stop reason = (?s:.*)\(lldb\) $")
                type_line("next", r"stop reason = (?s:.*)\(lldb\) $")
                self.assertIn(AFTER_WAIT, type_line("next", r"stop reason = (?s:.*)\(lldb\) $|exited"))

    def test_arguments_of_async_next(self):
        """As those of `next`: the number of a thread."""
        step = "script lldb.debugger.HandleCommand(f'async-next {lldb.thread.GetIndexID()}')"
        wrong = (self.failing(f"async-next {words}") for words in ("now", "99"))
        said = lldb(self.begin, "run", *wrong, step, step)
        self.assertIn("async-next takes nothing, or the number of a thread", said[2])
        self.assertIn("there is no thread 99", said[3])
        self.assertIn(AFTER_WAIT, said[5])

    def test_what_should_not_happen_is_said_once(self):
        broken = "script import asio_coroutines.lldb.catching as broken; broken.Catcher.is_to_stop = None"
        program = os.path.join(os.path.dirname(COROUTINES), "exceptions")
        said = lldb(broken, "async-catch", "run", program=program)[-1]
        self.assertEqual(said.count("The coroutine helpers do not work here: TypeError"), 1)
        self.assertNotIn("\n\n\n", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
