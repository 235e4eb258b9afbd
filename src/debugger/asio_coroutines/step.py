"""Where a step over, into or out of a co_await begins, and where it may end: the rules, the same for every debugger.

First the debugger makes its own step. If that ends where a user wants to be, it is over. If not, because the coroutine
has suspended itself or ended, or a library function has been stepped into, the program runs on, until it comes to one
of the places of the step, in one of the coroutines that are stepped."""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterable, Iterator

from . import layout, names
from .compilers import is_creation, is_wrapper
from .coroutine import Coroutine, chain
from .debugger import BUILD, Frame, NoCoroutine, NoDebugInformation, NoMemory
from .machine import first_argument
from .program import Program, Snapshot
from .stack import Body, awaiting, bodies, is_own, running_line


class Kind(enum.Enum):
    """What the user asked for."""

    OVER = "step over"  # the next statement of this coroutine, or of one that awaits it
    INTO = "step into"  # the same, or the first statement of what is called or awaited before that
    OUT = "step out"  # the next statement of one that awaits this coroutine


class Reached(enum.Enum):
    """What a place of a step has come to, where the program has stopped."""

    NOTHING = "another coroutine, or nothing that matters"
    END = "the end of the step"
    AWAITED = "the step goes on, with other places: the coroutine that is stepped into has been awaited"


class Step:
    """One step of one coroutine, and of those that await it. Valid until the program has been loaded anew."""

    def __init__(self, program: Program, snapshot: Snapshot, body: Body, newest: list[Frame]) -> None:
        """From the newest two frames of a call stack, which are in or below this coroutine's body."""
        coroutine = Coroutine(snapshot, body.promise)
        self._program = program
        self._promises = list(chain(snapshot, body.promise))  # of the coroutine, of the one that awaits it, and so on
        self._frame = coroutine.frame
        self._destroy = coroutine.destroy  # the address of the function that destroys it
        self._function = coroutine.function
        self._line = running_line(coroutine, body)
        self._is_inside = body.frame == newest[0]  # not in a function that it calls
        self._is_raising = names.is_throwing(newest[0].name)  # where an exception begins its way up
        is_caller = len(newest) > 1 and body.frame == newest[1]
        self._is_creating = is_caller and is_creation(program.debugger.symbols_at(newest[0].pc))
        # Asio's function that it calls for each co_await.
        self._push_frame = re.sub(r"::resume\b.*", f"::{layout.PUSH_FRAME}", body.resume)
        self._into: int | None = None  # the promise of the coroutine that has been stepped into
        self._between: set[int] = {body.promise}  # those whose co_await leads into it: that, and libraries' ones
        self._ends: dict[int, set[int]] = {}  # {address: coroutine frames}: where a step of these coroutines ends
        # {address: coroutine frames}: the functions that destroy them. Another coroutine may get their memory.
        self._deaths: dict[int, set[int]] = {}
        self._calls: set[int] = set()  # addresses in functions that the coroutine calls
        self._pushes: set[int] = set()  # addresses in push_frame

    @classmethod
    def begin(cls, program: Program, frames: Iterable[Frame]) -> Step | None:
        """The step that begins in these frames; None where the debugger's own step will do. Raises NoDebugInformation
        where the build does not tell enough of the coroutine, NoMemory where those that await it cannot be read."""
        snapshot = program.snapshot()
        rest = iter(frames)
        newest = list(itertools.islice(rest, 2))
        if not newest:
            return None
        if not (is_own(newest[0]) or names.is_throwing(newest[0].name) or _is_inlined(newest)):
            return None
        body = next(bodies(snapshot, itertools.chain(newest, rest)), None)
        if body is None:
            return None
        try:
            is_readable = Coroutine(snapshot, body.promise).function.is_readable
        except (NoCoroutine, NoMemory):  # the build does not tell where the promise is
            is_readable = False
        if not is_readable:
            raise NoDebugInformation(BUILD)
        return cls(program, snapshot, body, newest)

    @property
    def is_inside(self) -> bool:
        """Whether it begins in the coroutine's body, not in a function that it calls."""
        return self._is_inside

    @property
    def promise(self) -> int:
        """The coroutine that is stepped."""
        return self._promises[0]

    @property
    def places(self) -> set[int]:
        """The addresses at which has_reached() is to be asked, as prepare() and go_on() have set them."""
        return {*self._ends, *self._deaths, *self._calls, *self._pushes}

    def is_over(self, frames: Iterable[Frame], kind: Kind) -> bool:
        """Whether the debugger's own step has ended where a user wants to be, with these frames."""
        rest = iter(frames)
        newest = next(rest, None)
        if newest is None:
            return True
        if is_wrapper(newest.name):
            return False
        if kind is Kind.OUT:
            return self._is_out(newest)
        running = list(bodies(self._program.snapshot(), itertools.chain([newest], rest)))
        if running and running[0].frame == newest and running[0].promise in self._promises:
            return self._is_at_statement(running[0])
        return self._is_in(newest) if kind is Kind.INTO else self._is_past(newest, running)

    def _is_out(self, newest: Frame) -> bool:
        """Whether a step out is over in this frame: in the program's own code. If it began in a function that a
        coroutine has called, it may have ended in the library, which had called that one."""
        return is_own(newest) or not self._is_inside and not self._is_creating

    def _is_in(self, newest: Frame) -> bool:
        """Whether a step into is over in this frame, which is in none of the stepped coroutines: in a function of the
        program, but not in one that creates a coroutine."""
        return is_own(newest) and not is_creation(self._program.debugger.symbols_at(newest.pc))

    def _is_past(self, newest: Frame, running: list[Body]) -> bool:
        """Whether a step over is over in this frame, which is in none of the stepped coroutines: in another function of
        the program, or in the library where that is called by the coroutine, for there the step began. But GCC creates
        a coroutine in the middle of a line: from a function that does, the debugger's step leads into the library."""
        if is_own(newest):
            return True
        return not self._is_creating and any(body.promise == self.promise for body in running)

    def _is_at_statement(self, body: Body) -> bool:
        """Whether one of the stepped coroutines is where a step may end."""
        try:
            function = Coroutine(self._program.snapshot(), body.promise).function
        except NoCoroutine:  # it has ended, which GCC counts among its first line
            return False
        frame = body.frame
        if frame.line not in function.statements.values() or frame.pc <= function.first_jump:
            return False
        if frame.pc in function.ends_of_loops:
            return False
        if body.promise != self.promise or not self._is_inside:
            return True
        return function.running_line(frame.pc, frame.line) != self._line

    def is_repeated(self, frames: Iterable[Frame]) -> bool:
        """Whether a breakpoint on the line of the co_await has stopped it once more, in Clang's wrapper."""
        rest = iter(frames)
        newest = next(rest, None)
        if newest is None or not is_wrapper(newest.name):
            return False
        caller = next(rest, None)
        if caller is None:
            return False
        body = next(bodies(self._program.snapshot(), itertools.chain([caller], rest)), None)
        return body is not None and body.promise == self.promise and body.frame == caller

    def prepare(self, kind: Kind) -> None:
        """Sets the places for the time of the debugger's own step: those that it would run past."""
        if self._is_inside or kind is not Kind.OUT:
            # An exception would end the debugger's own step only where it is handled.
            self._ends = {pc: {self._frame} for pc in self._function.handlers}
        if kind is Kind.INTO:
            self._pushes = set(self._push_frames())
            self._deaths = {self._destroy: {self._frame}}

    def go_on(self, kind: Kind) -> None:
        """Sets the places for a program that runs on. Raises what reading a coroutine raises."""
        snapshot = self._program.snapshot()
        self._ends = {}
        self._deaths = {}
        self._calls = set()
        self._pushes = set()
        for coroutine, _ in awaiting(snapshot, self._promises, set()):
            if kind is Kind.OUT and coroutine.promise == self.promise:
                continue
            self._add_ends(coroutine, self._statements_of(coroutine))
        if kind is Kind.INTO and self._into is not None:
            awaited = Coroutine(snapshot, self._into)
            self._add_ends(awaited, awaited.function.statements)
        elif kind is Kind.INTO:
            self._pushes = set(self._push_frames())
            self._calls = set(self._called_functions())

    def _add_ends(self, coroutine: Coroutine, addresses: Iterable[int]) -> None:
        for pc in addresses:
            self._ends.setdefault(pc, set()).add(coroutine.frame)
        self._deaths.setdefault(coroutine.destroy, set()).add(coroutine.frame)

    def _statements_of(self, coroutine: Coroutine) -> Iterator[int]:
        """Its statements, but of the line where the step began only the first one, which is reached again in a loop."""
        function = coroutine.function
        is_stepped = coroutine.promise == self.promise
        statements = {pc: function.running_line(pc, line) for pc, line in function.statements.items()}
        again = min((pc for pc, line in statements.items() if line == self._line), default=0)
        # An exception leaves the co_awaits that it passes: there Clang has code that only cleans up.
        passed = coroutine.waiting_line if self._is_raising and not is_stepped else 0
        for pc, line in statements.items():
            is_rest_of_line = is_stepped and line == self._line and pc != again
            if line != passed and not is_rest_of_line:
                yield pc

    def _push_frames(self) -> Iterator[int]:
        """The addresses in Asio's push_frame at which its parameters can be read."""
        for start in self._program.debugger.functions_named(self._push_frame):
            if function := self._program.function(start):
                yield function.after_prologue

    def _called_functions(self) -> Iterator[int]:
        """The addresses of the first statements in the program's own functions that this line calls."""
        for target in self._function.calls_on(self._line):
            function = self._program.function(target)
            if function is None or function.start != target or not function.info.end:
                continue
            is_ramp = is_creation(self._program.debugger.symbols_at(target))
            if not (function.is_library or is_wrapper(function.info.name) or is_ramp):
                yield function.after_prologue

    def has_reached(self, frames: Iterable[Frame]) -> Reached:
        """What these frames, the newest of which is at one of the places, have come to."""
        rest = iter(frames)
        newest = next(rest, None)
        if newest is None:
            return Reached.NOTHING
        self._note_death(newest)
        if self._is_of(newest, self._ends.get(newest.pc, set())):
            return Reached.END
        if newest.pc in self._calls:
            caller = next(rest, None)
            if caller and self._is_of(caller, {self._frame}):
                return Reached.END
        if newest.pc in self._pushes:
            return self._note_push(newest)
        return Reached.NOTHING

    def _is_of(self, frame: Frame, coroutine_frames: set[int]) -> bool:
        """Whether this machine frame, of a body, runs one of these coroutines."""
        function = self._program.function(frame.pc) if coroutine_frames else None
        if not function or not function.compiler:
            return False
        return self._program.debugger.parameter(frame, function.compiler.frame_parameter) in coroutine_frames

    def _note_death(self, frame: Frame) -> None:
        """If one of the coroutines is being destroyed there, it will reach no end any more."""
        if frame.pc not in self._deaths:
            return
        dead = first_argument(self._program.debugger, frame)  # a coroutine frame
        if dead not in self._deaths[frame.pc]:
            return
        for waiting in self._ends.values():
            waiting.discard(dead)
        if dead == self._frame:
            self._between.clear()  # what it has awaited is over

    def _note_push(self, frame: Frame) -> Reached:
        """In push_frame: what is awaited, by whom."""
        debugger = self._program.debugger
        if debugger.parameter(frame, layout.PUSH_FRAME_CALLER) not in self._between:
            return Reached.NOTHING
        promise = debugger.parameter(frame, "this")
        try:
            awaited = Coroutine(self._program.snapshot(), promise).function
        except (NoCoroutine, NoMemory):
            return Reached.NOTHING
        if awaited.is_library or not awaited.statements:
            self._between.add(promise)  # the step leads through it
            return Reached.NOTHING
        self._into = promise
        return Reached.AWAITED


def _is_inlined(newest: list[Frame]) -> bool:
    """Whether the newest of these frames is inlined into the other one, as in a build that is optimised: it has its
    sp."""
    return len(newest) > 1 and newest[0].sp == newest[1].sp
