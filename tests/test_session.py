"""Tests that the helpers are good guests in a user's session: they leave nothing behind and take nothing away, and a
stop costs only what it has to.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_session.py GDBTest

The program names is beside coroutines.
"""

import ast
import os
import pathlib
import re
import shutil
import tempfile
import unittest
from dataclasses import dataclass

from cases import InGDB, InLLDB
from common import GDB, LLDB, NAMES, TESTS, beside
from printed import functions
from sessions import GDB_HELPER, GDB_SETTINGS, LLDB_HELPER, run
from walks import FETCH_DATA

# In GDB: counts the frames of which it is asked how to unwind them, and unwinds none.
COUNT_FRAMES = """
import gdb.unwinder

class Count(gdb.unwinder.Unwinder):
    frames = 0

    def __call__(self, _pending):
        Count.frames += 1

gdb.unwinder.register_unwinder(None, Count("count"), True)
"""
COUNTED = "python print(Count.frames)"
FEW = 20  # frames: what a debugger looks at itself
BOUND = 250  # frames: beyond those the helper does not look for the coroutine that a stack may be of


@dataclass(frozen=True)
class Unwound:
    """A frame that LLDB's log says it has looked for."""

    thread: int
    number: int  # 0 is where the thread runs


class GDBTest(InGDB):
    """The user's Python, edited sources, deep stacks."""

    def test_lines_of_a_file_that_has_been_edited(self):
        """Edit, run again in the same session: the texts are those of the file as it is."""
        built = os.path.join(os.path.dirname(beside("names")), "boost", "asio")
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "names.cpp")
            shutil.copy(TESTS / "names.cpp", file)
            edit = f"sed -i 's/co_await timer.async_wait.asio::use_awaitable.;/waits_for_another_text;/' '{file}'"
            said = self.session(
                f'set substitute-path "{built}" "{folder}"', self.break_at("return recurse(50", NAMES), "run",
                "async-tasks", f"shell {edit}", "kill", "run", "async-tasks", program=beside("names"))  # fmt: skip
        before, after = said.each("async-tasks")
        self.assertIn("co_await timer.async_wait(asio::use_awaitable);", before, said)
        self.assertIn("waits_for_another_text;", after, said)

    def test_no_names_in_the_users_python(self):
        names = "python print(sorted(dir()))"
        commands = [*GDB_SETTINGS, names, f"source {GDB_HELPER}", names]
        before, after = run([GDB, "-nx", "-batch", *(f"-ex={command}" for command in commands)]).splitlines()
        self.assertEqual(before, after)

    def test_names_that_the_user_takes(self):
        """Those that helpers would like to have: the user's are others."""
        taken = "stack", "values", "command", "asio", "program", "step", "tasks", "before", "stepper", "re", "functools"
        said = self.session(
            self.break_at('trace("Fetching data', once=True), "run", *(f"python {name} = 1" for name in taken),
            "bt", "next", "next", f"python print({' + '.join(taken)})")  # fmt: skip
        self.assertEqual(functions(said["bt"]), ["fetch_data", "async_main", "run", "main"])
        self.assertEqual(self.texts("".join(said.each("next"))), FETCH_DATA[1:])
        self.assertEqual(said.outputs[-1], f"{len(taken)}\n")

    def test_rows_that_are_not_shown_are_not_unwound(self):
        """Below a deep recursion: bt 3 looks at some, not at all 50,000, and next at none."""
        with tempfile.TemporaryDirectory() as folder:
            counting = pathlib.Path(folder, "count.py")
            counting.write_text(COUNT_FRAMES)
            said = self.session(
                f"source {counting}", self.break_at("frames: innermost", NAMES), "run",
                "bt 3", COUNTED, "next", COUNTED, program=beside("names"))  # fmt: skip
        self.assertEqual(functions(said["bt 3"]), 3 * ["recurse"], said)
        after_bt, after_next = map(int, said.each(COUNTED))
        self.assertLess(after_bt, BOUND, said)
        self.assertLess(after_next - after_bt, FEW, said)


class LLDBTest(InLLDB):
    """The user's Python, threads that wait."""

    def test_no_names_in_the_users_python(self):
        """But that of the module, which LLDB gives it."""
        names = "script print(sorted(dir()))"
        commands = [names, LLDB_HELPER, names]
        output = run([LLDB, "--no-lldbinit", "-b", *(word for command in commands for word in ("-o", command))])
        before, after = [ast.literal_eval(line) for line in output.splitlines() if line.startswith("[")]
        self.assertEqual(set(after) - set(before), {"asio_lldb"})

    def test_no_frames_of_threads_that_only_wait(self):
        """At a stop where no coroutine is stepped."""
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder, "log")
            said = self.session(
                self.break_at("auto result = asio::co_spawn("), "run", f"log enable -f {log} lldb unwind", "next")
            self.assertEqual(self.texts(said["next"]), ["main_context.run();"], said)
            unwound = {Unwound(int(row[1]), int(row[2])) for row in re.finditer(r"th(\d+)/fr(\d+)", log.read_text())}
        self.assertTrue(any(frame.thread == 1 for frame in unwound), unwound)
        self.assertEqual([frame for frame in unwound if frame.thread != 1 and frame.number > 1], [], unwound)


if __name__ == "__main__":
    unittest.main(verbosity=2)
