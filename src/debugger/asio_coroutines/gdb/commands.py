"""The commands for GDB: async-tasks, async-in, async-next, async-step, async-catch, async-break. The model decides what
they show; here it is printed, and what takes registers is executed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

import gdb

from .. import requests, tasks
from ..breaks import bodies_named
from ..debugger import Failure, UserMistake
from ..listing import listing
from ..look import Place, What, find
from ..messages import NOT_RUNNING, WITHOUT_REGISTERS, unexpected
from ..program import Program
from .catching import Catcher
from .lends import set_registers, value_at
from .stepping import Stepper

# Commands that only look, with their shortest abbreviations, which are GDB's own.
LOOKS = {
    "print": "p", "inspect": "ins", "output": "o", "printf": "printf", "echo": "ec", "x": "x", "info": "i", "list": "l",
    "ptype": "pt", "whatis": "wha", "explore": "exp", "backtrace": "bac", "bt": "bt", "where": "whe", "frame": "f",
    "show": "sho",
}  # fmt: skip
ALONE = ["frame"]  # "frame apply 1 stepi" would run the program
CALLERS = {"backtrace": "bac", "bt": "bt", "where": "whe"}
LIST = {"list": "l"}
INFO = re.compile(r"i(?:nfo?)? +(ar\w*|lo\w*)")  # "info args", "info locals"
PATH = re.compile(r"(\.|->)(\w+)|\[(\d+)\]")  # ".first", "->second", "[3]"


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
        except gdb.GdbError:  # a command of the user's that ours has executed says itself what is wrong
            raise
        except Exception as error:
            raise gdb.GdbError(unexpected(error)) from error


class Commands:
    """All commands."""

    def __init__(self, program: Program, stepper: Stepper, catcher: Catcher) -> None:
        self._program, self._stepper, self._catcher = program, stepper, catcher
        self._numbers = requests.Numbers()
        Command("async-tasks", self.async_tasks)
        Command("async-in", self.async_in)
        Command("async-next", self.async_next)
        Command("async-step", self.async_step)
        Command("async-catch", self.async_catch)
        Command("async-break", self.async_break)

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

    def async_break(self, argument: str) -> None:
        """Sets a breakpoint on a coroutine by its name: at the first statement of its body.
        Usage: async-break NAME
        A NAME without scopes is that of all coroutines with it: serve, net::session::serve, listen::{lambda}.
        The breakpoints, one for each body, are GDB's own: info breakpoints, condition, delete."""
        for function in bodies_named(self._program, argument):
            gdb.execute(f"break {_lasting(self._program, function.first_statement)}")

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
        """Looks into a coroutine, by its number in the list of async-tasks.
        Usage: async-in N [COMMAND]
        Without a command it shows the coroutine's arguments and locals. With bt it shows who awaits it. Other commands
        that look, such as print, run as if the coroutine's frame were selected."""
        look = requests.look(argument)
        if look.command and requests.allowed(look.command, LOOKS, ALONE) is None:
            raise UserMistake(f"async-in takes commands that look: {', '.join(sorted(LOOKS))}")
        with _selection():
            snapshot = self._program.snapshot()
            promise = self._numbers.promise(look.number, snapshot.debugger.stop_id())
            place = find(snapshot, promise, look.number)
            if what := _what(look.command):
                gdb.write("\n".join(place.rows(what)) + "\n")
                return
            command = _placed(look.command, place)
            if place.frame:
                place.frame.handle.select()
                _undisturbed(command, {})
                return
            if not place.has_registers:
                gdb.write(_printed(place, look.command))
                return
        with _selection():
            _undisturbed(command, place.coroutine.registers())


def _lasting(program: Program, pc: int) -> str:
    """An address as `break` takes it, which holds also when the program is run again, and loaded elsewhere."""
    symbol = program.debugger.linker_name(pc)
    if not symbol:
        return f"*{pc}"
    start = int(gdb.parse_and_eval(f"(long)&'{symbol}'"))
    return f"*((long)&'{symbol}' + {pc - start})"


def _what(command: str) -> What | None:
    """What the command shows, if the model knows that without registers."""
    if not command:
        return What.VARIABLES
    if requests.allowed(command, CALLERS):
        return What.CALLERS
    if words := INFO.fullmatch(command):
        return What.ARGUMENTS if words[1].startswith("ar") else What.LOCALS
    return None


def _placed(command: str, place: Place) -> str:
    """`list` begins where the coroutine is; GDB's own goes on where the last one has ended."""
    if requests.allowed(command, LIST, alone=LIST):
        return f'list -source "{place.coroutine.function.file}" -line {place.line}'
    return command


# print, with a format or without, of a variable, one of its members or elements, or of what that points to.
PRINT = re.compile(r"p(?:r\w*)?(?:/(\w))? +(\*?)([A-Za-z_]\w*)((?:\.\w+|->\w+|\[\d+\])*)")


def _printed(place: Place, command: str) -> str:
    """What print shows, found without registers: in a core dump, and where the processor is not x86-64. Raises
    UserMistake for what cannot be had so."""
    words = PRINT.fullmatch(command)
    if not words:
        raise UserMistake(WITHOUT_REGISTERS)
    format_, star, name, path = words.groups()
    variable = place.variable(name)
    value = value_at(place.coroutine.address_of(variable), variable.type)
    for operator, member, element in PATH.findall(path):
        if operator == "->":
            value = value.dereference()
        value = value[int(element)] if element else value[member]
    if star:
        value = value.dereference()
    text = value.format_string(format=format_) if format_ else value.format_string()
    return f"${gdb.add_history(value)} = {text}\n"


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
                    saved = {name: int(gdb.newest_frame().read_register(name)) for name in registers}
                    set_registers(registers)
                gdb.execute(command)
            finally:
                if saved:
                    set_registers(saved)
    finally:
        for stop in disabled:
            stop.enabled = True


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
