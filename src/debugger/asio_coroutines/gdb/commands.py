"""The commands for GDB: async-tasks, async-in, async-next, async-step, async-catch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import gdb

from .. import requests, tasks
from ..coroutine import Coroutine
from ..debugger import Failure, NoCoroutine, NoMemory, UserMistake
from ..listing import listing
from ..messages import NOT_RUNNING
from ..program import Program
from .catching import Catcher
from .stepping import Stepper

# Commands that only look, with their shortest abbreviations, which are GDB's own.
LOOKS = {
    "print": "p", "inspect": "ins", "output": "o", "printf": "printf", "echo": "ec", "x": "x", "info": "i", "list": "l",
    "ptype": "pt", "whatis": "wha", "explore": "exp", "backtrace": "bac", "bt": "bt", "where": "whe", "frame": "f",
    "show": "sho",
}  # fmt: skip


class Command(gdb.Command):
    """A command made of a function. What goes wrong is one sentence for the user."""

    def __init__(self, name: str, function: Callable[[str], None]) -> None:
        self.__doc__ = function.__doc__
        super().__init__(name, gdb.COMMAND_STACK)
        self._function = function

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """GDB calls this."""
        try:
            self._function(argument)
        except Failure as failure:
            raise gdb.GdbError(f"{failure}.") from failure
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from error


class Commands:
    """All commands, for one program."""

    def __init__(self, program: Program, stepper: Stepper, catcher: Catcher) -> None:
        self._program, self._stepper, self._catcher = program, stepper, catcher
        self._numbers = requests.Numbers()
        Command("async-tasks", self.async_tasks)
        Command("async-in", self.async_in)
        Command("async-next", self.async_next)
        Command("async-step", self.async_step)
        Command("async-catch", self.async_catch)

    def async_next(self, argument: str) -> None:
        """Like `next`, but steps over a co_await, also after `async-step off`.
        It ends at the next line that this instance of the coroutine executes, or one that awaits it."""
        self._stepper.is_forced = True
        try:
            gdb.execute(f"next {argument}")
        finally:
            self._stepper.is_forced = False

    def async_step(self, argument: str) -> None:
        """Whether `next` steps over a co_await.
        Usage: async-step on|off"""
        self._stepper.is_on = requests.on_or_off(argument, "async-step")

    def async_catch(self, argument: str) -> None:
        """Stops where an exception comes out of a co_await: once for each exception, in the first coroutine of the
        program that it comes to, also for an operation's error, which `catch throw` does not see.
        Usage: async-catch [on|off]"""
        gdb.write(f"{self._catcher.turn(requests.on_or_off(argument or 'on', 'async-catch'))}\n")

    def async_tasks(self, argument: str) -> None:
        """All coroutines of the program as a tree: which awaits which, and who waits for a spawned task.
        Usage: async-tasks [-all] [WORD]
        Of many tasks of the same shape one is shown, with their count. -all shows each; with a WORD, a regular
        expression, those tasks are shown in which a name, a value or a line matches, with those above them.
        async-in takes the numbers."""
        request = requests.tasks_request(argument)
        with _selection():
            snapshot = self._program.snapshot()
            shown = listing(tasks.find(snapshot), request)
            promises = [coroutine.promise for coroutine in shown.coroutines]
            self._numbers.give(promises, snapshot.debugger.stop_id())
        gdb.write("\n".join(shown.lines) + "\n")

    def async_in(self, argument: str) -> None:
        """Runs a command that looks, such as print, in a coroutine, by its number in the list of async-tasks.
        Usage: async-in N COMMAND"""
        look = requests.look(argument)
        if requests.allowed(look.command, LOOKS) is None:
            raise UserMistake(f"async-in takes commands that look: {', '.join(sorted(LOOKS))}")
        with _selection():
            snapshot = self._program.snapshot()
            promise = self._numbers.promise(look.number, snapshot.debugger.stop_id())
            frame = tasks.running_frame(snapshot, promise)
            if frame:
                frame.handle.select()
                _undisturbed(look.command, {})
                return
        with _selection():
            try:
                coroutine = Coroutine(snapshot, promise)
            except (NoCoroutine, NoMemory) as gone:
                raise UserMistake(f"number {look.number} is not there any more") from gone
            _undisturbed(look.command, coroutine.registers())


def _undisturbed(command: str, registers: dict[str, int]) -> None:
    """Runs a command, with these registers. A function that it calls must not stop half way, nor let other threads run;
    and nothing else must see the registers: a watchpoint would take their values for the end of its scope."""
    disabled = [stop for stop in gdb.breakpoints() if stop.enabled]
    saved: dict[str, int] = {}
    try:
        for stop in disabled:
            stop.enabled = False
        with gdb.with_parameter("unwindonsignal", True), gdb.with_parameter("scheduler-locking", "on"):
            try:
                if registers:
                    frame = gdb.newest_frame()
                    frame.select()
                    saved = {name: int(frame.read_register(name)) for name in registers}
                    _write(registers)
                gdb.execute(command)
            finally:
                _write(saved)
    finally:
        for stop in disabled:
            stop.enabled = True


def _write(registers: dict[str, int]) -> None:
    """Sets these registers of the selected thread."""
    if registers:
        gdb.newest_frame().select()
    for name, value in registers.items():
        gdb.execute(f"set var ${name} = {value}")


@contextlib.contextmanager
def _selection() -> Iterator[None]:
    """Keeps the selected thread and frame. Raises UserMistake where there is none."""
    thread = gdb.selected_thread()
    if not thread:
        raise UserMistake(NOT_RUNNING)
    frame = gdb.selected_frame()
    try:
        yield
    finally:
        thread.switch()
        frame.select()
