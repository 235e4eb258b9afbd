"""What the test cases say to GDB and to LLDB in the same words.

A file of tests has its common tests in a class derived from DebuggerTest, and at the end
    class GDBTest(InGDB, StackTest): ...
    class LLDBTest(InLLDB, StackTest): ...
with what only one of the debuggers does.
"""

import contextlib
import os
import tempfile
import unittest
from collections.abc import Iterator

from common import COROUTINES, GDB, LLDB, MAIN, OTHER, PROGRAM, file_of, line_of
from printed import Said, Stop, rows, stops_of_gdb, stops_of_lldb
from sessions import GDB_OPTIONS, GDB_SETTINGS, LLDB_HELPER, gdb, lldb

NEEDS = "coroutines can only be read in a build with -O0 -g, without -flto"


class DebuggerTest(unittest.TestCase):
    """A test case in a debugger: InGDB and InLLDB say in which."""

    maxDiff: int | None = None
    program, source = PROGRAM, MAIN  # what a session is about, unless it is told otherwise
    still, still_source = COROUTINES, OTHER  # where everything waits in the end
    debugger = ""  # the path; without one there is nothing to test
    backtrace = ""  # the commands that show the coroutines of a stack, ...
    variables = ""  # ... the locals, ...
    expression = ""  # ... an expression's value, ...
    status = ""  # ... the program's process, ...
    breakpoints = ""  # ... and the breakpoints, of which there may be none
    kill = ""  # ends the program
    save_core = ""  # makes a core dump in the file that is named behind it
    catch_throw = ""  # a breakpoint where an exception is thrown
    over_throw = ""  # the step that goes on behind a co_await that throws
    stops_in_mid_line = False  # also where a call returns to
    on_terminal: tuple[str, ...] = ()
    prompt = ""
    run_to_wait = ""  # runs the program so that it waits for ever in the end

    @classmethod
    def setUpClass(cls) -> None:
        if not cls.debugger:
            raise unittest.SkipTest("no debugger")

    def session(self, *commands: str, arguments: str = "", program: str | None = None) -> Said:
        """Runs these commands in a new session."""
        raise NotImplementedError

    def open_core(self, core: str) -> str:
        """The command that opens this core dump, of the program that stands still."""
        raise NotImplementedError

    def failing(self, command: str) -> str:
        """How to give a command that fails: the session goes on."""
        raise NotImplementedError

    def break_at(self, text: str, source: list[str] | None = None, once: bool = False, condition: str = "") -> str:
        """A breakpoint on the line that holds the text."""
        raise NotImplementedError

    def break_function(self, name: str) -> str:
        """A breakpoint on a function, for one stop."""
        raise NotImplementedError

    def stops(self, output: str) -> list[Stop]:
        """Where the debugger says that the program has stopped."""
        raise NotImplementedError

    def walk(self, *start: str, step: str, steps: int, program: str | None = None) -> list[str]:
        """The statements at which steps stop after these commands; of each step the first, if it stops."""
        said = self.session(*start, *(steps * [step]), program=program)
        return [stops[0].statement for output in said.last(steps) if (stops := self.stops(output))]

    def walk_from(self, text: str, step: str, steps: int, source: list[str] | None = None, program: str | None = None,
                  before: tuple[str, ...] = ()) -> list[str]:  # fmt: skip
        """The same from the line on that holds the text."""
        start = self.break_at(text, source, once=True)
        return self.walk(start, "run", *before, step=step, steps=steps, program=program)

    def texts(self, output: str, *unless: str) -> list[str]:
        """The statements of all stops, without those that one compiler visits once more."""
        return [stop.statement for stop in self.stops(output) if stop.statement not in ("", "}", *unless)]

    def lines(self, output: str) -> list[int]:
        """The lines of all stops."""
        return [stop.line for stop in self.stops(output)]

    def places(self, backtrace: str) -> list[tuple[str, int]]:
        """The functions of a backtrace that are in the source, each with its line."""
        file = file_of(self.source)
        return [(row.function, row.line) for row in rows(backtrace) if os.path.basename(row.file) == file]

    def standing_still(self, *commands: str) -> Said:
        """What these commands print when the coroutines of a program stand still."""
        return self.session(self.break_at("standing still", self.still_source), "run", *commands, program=self.still)

    def session_with_core(self, *commands: str) -> Said:
        """Makes a core dump where the coroutines stand still, and runs these commands on it."""
        with new_core() as core:
            self.standing_still(f"{self.save_core} {core}")
            return self.session(self.open_core(core), *commands, program=self.still)

    def assert_ended(self, output: str) -> None:
        """The program has run to its end."""
        self.assertRegex(output, r"exited (normally|with status = 0)")


class InGDB(DebuggerTest):
    """In GDB."""

    debugger = GDB
    backtrace, variables, expression, status = "bt", "info locals", "print", "info inferiors"
    breakpoints, kill, save_core = "info breakpoints", "kill", "gcore"
    catch_throw, over_throw = "catch throw", "next"
    on_terminal = (GDB, "-q", *GDB_OPTIONS, *(f"-ex={setting}" for setting in GDB_SETTINGS))
    prompt, run_to_wait = r"\(gdb\) $", "run wait >/dev/null"

    def session(self, *commands: str, arguments: str = "", program: str | None = None) -> Said:
        return Said([*commands], gdb(*commands, arguments=arguments, program=program or self.program))

    def open_core(self, core: str) -> str:
        return f"core-file {core}"

    def failing(self, command: str) -> str:
        return command

    def break_at(self, text: str, source: list[str] | None = None, once: bool = False, condition: str = "") -> str:
        source = source or self.source
        place = f"{file_of(source)}:{line_of(text, source)}" + (condition and f" if {condition}")
        return f"{'tbreak' if once else 'break'} {place}"

    def break_function(self, name: str) -> str:
        return f"tbreak {name}"

    def stops(self, output: str) -> list[Stop]:
        return stops_of_gdb(output)

    def walk(self, *start: str, step: str, steps: int, program: str | None = None) -> list[str]:
        """Also asserts that the steps leave no breakpoint behind."""
        said = self.session(
            *start, *(steps * [step]), "info breakpoints", "maint info breakpoints", program=program)  # fmt: skip
        self.assertIn("No breakpoints", said["info breakpoints"])
        self.assertNotRegex(said["maint info breakpoints"], r"(?m)^-\d+ +breakpoint .*\.cpp:")
        return [stops[0].statement for output in said.last(steps + 2)[:steps] if (stops := self.stops(output))]


class InLLDB(DebuggerTest):
    """In LLDB."""

    debugger = LLDB
    backtrace, variables, expression, status = "async-bt", "frame variable", "expression --", "process status"
    breakpoints, kill, save_core = "breakpoint list", "process kill", "process save-core --style modified-memory"
    catch_throw, over_throw = "breakpoint set -E c++", "async-next"
    stops_in_mid_line = True
    on_terminal = LLDB, "--no-lldbinit", "-o", LLDB_HELPER
    prompt, run_to_wait = r"\(lldb\) ", "process launch -o /dev/null -- wait"  # LLDB may print a warning behind it

    def session(self, *commands: str, arguments: str = "", program: str | None = None) -> Said:
        return Said([*commands], lldb(*commands, arguments=arguments, program=program or self.program))

    def open_core(self, core: str) -> str:
        return f'target create --core {core} "{self.still}"'

    def failing(self, command: str) -> str:
        """A command that fails ends a batch; not one that a script gives."""
        return f"script lldb.debugger.HandleCommand({command!r})"

    def break_at(self, text: str, source: list[str] | None = None, once: bool = False, condition: str = "") -> str:
        source = source or self.source
        options = "-o true " * once + (condition and f"-c '{condition}' ")
        return f"breakpoint set {options}-f {file_of(source)} -l {line_of(text, source)}"

    def break_function(self, name: str) -> str:
        return f"breakpoint set -o true -n {name}"

    def stops(self, output: str) -> list[Stop]:
        return stops_of_lldb(output)


@contextlib.contextmanager
def new_core() -> Iterator[str]:
    """The path of a core dump to be made."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/core"


def without_braces(lines: list[str]) -> list[str]:
    """Clang stops once more where a block ends."""
    return [line for line in lines if line != "}"]
