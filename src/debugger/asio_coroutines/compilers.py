"""What each compiler makes of a coroutine, in builds with -O0 -g: the variables that it adds, the number that it gives
to each co_await, the code that suspends. Knows debug information and code, no memory.

    GCC     body: f(_Z1fi.Frame *) [clone .actor], whose only parameter is frame_ptr. In its outermost block, in this
            order: frame_ptr, _Coro_*, _Coro_self_handle, this and the arguments, _Coro_resume_index. After it:
            locals, and temporaries: Is, Fs, Aw0, D.1234. What GCC makes itself is declared in no line.
            Of a lambda, the pointer __closure is in the place of this; what it has captured comes after
            _Coro_resume_index, the last one first.
            Numbers: 2 bytes; 2 is the initial suspension; odd in a coroutine that has been destroyed.
            Debug information counts from the canonical frame address (CFA) of a body's machine frame.
    Clang   body: f(int) [clone .resume]. Arguments are marked as such; __promise and __coro_frame are its own. There is
            no `this` where the function does not use it; that of a lambda points to what it has captured.
            Numbers: 1 byte; 0 is the initial suspension. A part of each co_await is in a function of its own, the
            await_suspend wrapper, which has the coroutine's name.
            Debug information counts from where the frame pointer of a body's machine frame points.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .debugger import Instruction, Member, Symbol, Type
from .location import Location, parse
from .machine import Machine

WRAPPER = "__await_suspend_wrapper__"
AWAIT_SUSPEND = "await_suspend"  # is in the name of Clang's wrapper, too
THIS = "this"
AWAIT_RESUME = "await_resume"
CREATES = re.compile(r"_Coro_|__coro_frame$|__promise$")  # variables in a ramp


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable in a coroutine frame."""

    name: str
    type: Type
    location: Location
    is_argument: bool  # as the debug information has it
    line: int  # where it is declared, or 0


@dataclass(frozen=True, slots=True)
class Suspension:
    """A suspension point of a body."""

    store: Instruction  # of the co_await's number
    call: Instruction  # of await_suspend


def variables_in(symbols: Iterable[Symbol]) -> list[Variable]:
    """Those of these symbols that are in a coroutine frame."""
    found: list[Variable] = []
    for symbol in symbols:
        location = parse(symbol.location)
        if location:
            found.append(Variable(symbol.name, symbol.type, location, symbol.is_argument, symbol.line))
    return found


def is_wrapper(function_name: str) -> bool:
    """Whether this is Clang's function for a part of a co_await."""
    return WRAPPER in function_name


def is_creation(symbols: Iterable[Symbol]) -> bool:
    """Whether code with these variables creates a coroutine: a ramp (or a body, which has them as well)."""
    return any(CREATES.match(symbol.name) for symbol in symbols)


def is_resuming(symbol: str) -> bool:
    """Whether a function with this symbol is the one that resumes a coroutine, if it has a symbol at all. Clang has
    another two that destroy it, with all the statements once more; GCC 16's ramp has the variables of a body.

    >>> is_resuming("_Z5pausei.resume"), is_resuming("_Z5pausei.actor"), is_resuming("_Z5pausei.cleanup")
    (True, True, False)
    """
    return not symbol or re.search(r"\.(actor|resume)\b", symbol) is not None


class Compiler(abc.ABC):
    """What one compiler makes of a coroutine."""

    name: str
    promise: str  # the variable that is the promise
    frame_parameter: str  # the parameter of a body that is the pointer to the coroutine frame
    started: str  # the variable, one byte, that becomes 1 when the initial suspension is over; empty if there is none
    number_size: int  # bytes that the number of a co_await takes
    initial: int  # the number of the initial suspension
    base_is_cfa: bool  # whether the base of a machine frame, from which debug information counts, is its CFA
    scatters: bool  # whether a body's first and last line have parts of each co_await, and loops end on the first

    @abc.abstractmethod
    def number_offset(
        self, variables: Mapping[str, Variable], members: Callable[[Type], Sequence[Member]]
    ) -> int | None:
        """Where in the coroutine frame the number is of the co_await that the coroutine waits at."""

    @abc.abstractmethod
    def is_destroyed(self, number: int) -> bool | None:
        """Whether a coroutine with this number has been destroyed; None if the number does not tell."""

    @abc.abstractmethod
    def arguments(
        self, variables: Sequence[Variable], members_of_closure: Callable[[Type], Sequence[Member]]
    ) -> list[Variable]:
        """The coroutine's arguments, among the variables of its outermost block; before them, what a lambda has
        captured. `members_of_closure` has the members of the lambda that a pointer points to."""

    @abc.abstractmethod
    def is_programs(self, name: str, line: int) -> bool:
        """Whether a local variable that is declared in this line is one of the program's, not the compiler's own."""

    @abc.abstractmethod
    def place_of(self, suspension: Suspension) -> int:
        """The instruction to show for a suspension: on the line of its co_await, and all its variables visible."""

    def suspensions(self, code: Iterable[Instruction], machine: Machine, offset: int) -> dict[int, Suspension]:
        """The suspension points of a body, by the number of each co_await.

        Right before a coroutine calls await_suspend, it stores the number of that co_await in its frame:
            movb $0x1,0x48(%rax)
            call <f(int) [clone .__await_suspend_wrapper__await]>
        With AddressSanitizer the address has been computed before: movb $0x1,(%rax)."""
        code = list(code)
        for place in offset, None:
            pattern = machine.store_pattern(self.number_size, place)
            found = _suspensions(code, pattern) if pattern else {}
            if found:
                return found
        return {}


def _suspensions(code: Iterable[Instruction], pattern: re.Pattern[str]) -> dict[int, Suspension]:
    """The suspension points of a body, by the number of each co_await, whose stores match this pattern."""
    found: dict[int, Suspension] = {}
    number = 0
    store: Instruction | None = None  # the last one, until await_suspend is called
    for each in code:
        if stored := pattern.match(each.text):
            number = int(stored[1], 16)
            store = each
        elif store and AWAIT_SUSPEND in each.text:
            found[number] = Suspension(store, each)
            store = None
    return found


class GCC(Compiler):
    """GCC 12 and newer."""

    name = "GCC"
    promise = "_Coro_promise"
    frame_parameter = "frame_ptr"
    started = "_Coro_initial_await_resume_called"
    number_size = 2
    initial = 2
    base_is_cfa = True
    scatters = True

    def number_offset(
        self, variables: Mapping[str, Variable], members: Callable[[Type], Sequence[Member]]
    ) -> int | None:
        number = variables.get("_Coro_resume_index")
        return number.location.offset if number else None

    def is_destroyed(self, number: int) -> bool | None:
        return number % 2 == 1

    def arguments(
        self, variables: Sequence[Variable], members_of_closure: Callable[[Type], Sequence[Member]]
    ) -> list[Variable]:
        captured = [each for each in variables if each.location.inner is not None]
        captured.sort(key=lambda each: each.location.inner or 0)
        names = [variable.name for variable in variables]
        first = names.index("_Coro_self_handle") + 1 if "_Coro_self_handle" in names else 0
        between = variables[first : names.index("_Coro_resume_index")]
        return captured + [variable for variable in between if not re.match(r"D\.\d|__|_Coro_", variable.name)]

    def is_programs(self, name: str, line: int) -> bool:
        return bool(line) and not re.match("__|_Coro_", name)

    def place_of(self, suspension: Suspension) -> int:
        return suspension.call.pc  # only the call is on a line of the co_await in any case


class Clang(Compiler):
    """Clang 19 and newer."""

    name = "Clang"
    promise = "__promise"
    frame_parameter = "__coro_frame"
    started = ""
    number_size = 1
    initial = 0
    base_is_cfa = False
    scatters = False

    def number_offset(
        self, variables: Mapping[str, Variable], members: Callable[[Type], Sequence[Member]]
    ) -> int | None:
        frame = variables.get("__coro_frame")
        if frame is None:
            return None
        return next((member.offset for member in members(frame.type) if member.name == "__coro_index"), None)

    def is_destroyed(self, number: int) -> bool | None:
        return None

    def arguments(
        self, variables: Sequence[Variable], members_of_closure: Callable[[Type], Sequence[Member]]
    ) -> list[Variable]:
        found: list[Variable] = []
        for each in variables:
            if not each.is_argument or each.name.startswith("__"):
                continue
            members = members_of_closure(each.type) if each.name == THIS else ()
            if members:
                found.extend(_captured(each, member) for member in members)
            else:
                found.append(each)
        return found

    def is_programs(self, name: str, line: int) -> bool:
        return not name.startswith("__")

    def place_of(self, suspension: Suspension) -> int:
        return suspension.store.pc


def _captured(closure: Variable, member: Member) -> Variable:
    """The variable that is this member of the lambda that `closure` points to."""
    location = Location(closure.location.offset, member.offset, closure.location.spill)
    return Variable(member.name, member.type, location, True, closure.line)


def compiler_of(variables: Iterable[Variable]) -> Compiler | None:
    """The compiler that made a body with these variables; None if they are not those of a body."""
    names = {variable.name for variable in variables}
    if "_Coro_resume_index" in names:
        return GCC()
    if "__coro_frame" in names:
        return Clang()
    return None
