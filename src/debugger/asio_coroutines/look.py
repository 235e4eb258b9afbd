"""A look into one coroutine, as async-in has it: where it is, its variables, and who awaits it. Takes no registers, so
it can be had in a core dump, too; what takes them is the debuggers'."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import tasks, text
from .compilers import Variable
from .coroutine import Coroutine, chain
from .debugger import Frame, NoCoroutine, NoMemory, UserMistake
from .program import Snapshot
from .stack import WAITS_FOR_TASK, awaiting
from .values import value

NOTHING = "No arguments, and no locals there."
LONGEST = 300  # characters of a value: an Asio timer has thousands. `async-in N print NAME` shows all


class What(enum.Enum):
    """What is to be seen of a coroutine."""

    VARIABLES = enum.auto()  # arguments and locals
    ARGUMENTS = enum.auto()
    LOCALS = enum.auto()
    CALLERS = enum.auto()  # who awaits it


@dataclass(frozen=True, slots=True)
class Place:
    """A coroutine, and where it is."""

    coroutine: Coroutine
    frame: Frame | None  # the machine frame in which it runs, of the thread that is the current one; None if it waits
    pc: int
    line: int

    def rows(self, what: What) -> list[str]:
        """What is shown. Raises what reading a coroutine raises."""
        if what is What.CALLERS:
            return list(callers(self.coroutine, self.line))
        with_arguments, with_locals = what is not What.LOCALS, what is not What.ARGUMENTS
        return variables(self.coroutine, self.pc, with_arguments, with_locals)

    @property
    def has_registers(self) -> bool:
        """Whether the current thread can stand in for the coroutine, which waits, with its registers."""
        return self.coroutine.has_registers and self.coroutine.snapshot.debugger.is_live()

    def variable(self, name: str) -> Variable:
        """The innermost variable of this name that is visible there. Raises UserMistake."""
        function = self.coroutine.function
        for variable in [*function.locals(self.pc), *function.arguments]:
            if variable.name == name:
                return variable
        raise UserMistake(f"{self.coroutine.name} has no variable {name} there")


def find(snapshot: Snapshot, promise: int, number: int) -> Place:
    """Where the coroutine with this promise is; async-tasks has shown it with this number. Raises UserMistake if it is
    gone."""
    frame = tasks.running_frame(snapshot, promise)
    try:
        coroutine = Coroutine(snapshot, promise)
    except (NoCoroutine, NoMemory) as gone:
        raise UserMistake(f"number {number} is not there any more") from gone
    if frame:
        return Place(coroutine, frame, frame.pc, frame.line)
    return Place(coroutine, None, coroutine.waiting_pc, coroutine.waiting_line)


def variables(coroutine: Coroutine, pc: int, with_arguments: bool = True, with_locals: bool = True) -> list[str]:
    """The values of its arguments and of the locals that are visible at this instruction: "name = value"."""
    shown: list[Variable] = []
    if with_arguments:
        shown += coroutine.function.arguments
    if with_locals:
        shown += coroutine.function.locals(pc)
    return list(_values(coroutine, shown)) or [NOTHING]


def _values(coroutine: Coroutine, shown: Iterable[Variable]) -> Iterator[str]:
    for variable in shown:
        said = value(coroutine, variable, in_full=True)
        yield f"{variable.name} = {said if len(said) <= LONGEST else said[:LONGEST] + '...'}"


def callers(coroutine: Coroutine, line: int) -> Iterator[str]:
    """The coroutine, which is at this line, and those that await it. Raises what reading a coroutine raises."""
    for each, is_waiter in awaiting(coroutine.snapshot, chain(coroutine.snapshot, coroutine.promise), set()):
        at = line if each.promise == coroutine.promise else each.waiting_line
        yield (WAITS_FOR_TASK if is_waiter else "") + text.call_and_place(each, at)
