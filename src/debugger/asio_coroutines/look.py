"""A look into one coroutine: its variables, and who awaits it. Takes no registers, so it can be had in a core dump, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import text
from .compilers import Variable
from .coroutine import Coroutine, chain
from .stack import awaiting
from .values import value

NOTHING = "No arguments, and no locals there."
LONGEST = 300  # characters of a value: an Asio timer has thousands. `async-in N print NAME` shows all
WAITS_FOR_TASK = "[waits for task] "


def variables(coroutine: Coroutine, pc: int, arguments: bool = True, locals_: bool = True) -> list[str]:
    """The values of its arguments and of the locals that are visible at this instruction: "name = value"."""
    function = coroutine.function
    shown: list[Variable] = [*(function.arguments if arguments else ()), *(function.locals(pc) if locals_ else ())]
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
