"""Where a step over a co_await begins, and where it may end: the rules, the same for every debugger.

First the debugger makes its own step. If that ends where a user wants to be, it is over. If not, because the coroutine has
suspended itself or ended, the program runs on, until one of the coroutines that are stepped comes to one of its `ends`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from . import names
from .compilers import FRAME_PARAMETERS, is_creation, is_wrapper
from .coroutine import Coroutine, chain
from .debugger import BUILD, Frame, NoCoroutine, NoDebugInformation, NoMemory
from .function import Function
from .machine import machine_named
from .program import Program, Snapshot
from .stack import Body, awaiting, bodies, is_own


class Step:
    """One step of one coroutine, and of those that await it. All addresses are valid for as long as the program lives."""

    def __init__(self, program: Program, snapshot: Snapshot, body: Body, newest: list[Frame]) -> None:
        """From the newest two frames of a call stack, which are in or below this coroutine's body."""
        coroutine = Coroutine(snapshot, body.promise)
        self._program = program
        self._promises = list(chain(snapshot, body.promise))  # of the coroutine, of the one that awaits it, and so on
        self._line = body.frame.line  # where the coroutine is
        self._is_inside = body.frame == newest[0]  # not in a function that it calls
        called_by_it = body.frame in newest[1:2]
        self._is_creating = called_by_it and is_creation(program.debugger.symbols_at(newest[0].pc))
        # {address: coroutine frames}: where a step of these coroutines ends. An exception would end the debugger's own
        # step only where it is handled, so that is an end from the beginning.
        self.ends: dict[int, set[int]] = {pc: {coroutine.frame} for pc in coroutine.function.handlers}
        # {address: coroutine frames}: the functions that destroy them. Another coroutine may get their memory.
        self.deaths: dict[int, set[int]] = {}

    @classmethod
    def begin(cls, program: Program, frames: Iterable[Frame]) -> Step | None:
        """The step that begins in these frames; None where the debugger's own step will do. Raises NoDebugInformation
        where the coroutine cannot be read."""
        snapshot, rest = program.snapshot(), iter(frames)
        newest = list(itertools.islice(rest, 2))
        if not newest or not is_own(newest[0]) and not names.THROWING.match(newest[0].name):
            return None
        body = next(bodies(snapshot, itertools.chain(newest, rest)), None)
        if body is None:
            return None
        try:
            if Coroutine(snapshot, body.promise).function.is_readable:
                return cls(program, snapshot, body, newest)
        except (NoCoroutine, NoMemory):
            pass
        raise NoDebugInformation(BUILD)

    @property
    def is_inside(self) -> bool:
        """Whether it begins in the coroutine's body, not in a function that it calls."""
        return self._is_inside

    @property
    def promise(self) -> int:
        """The coroutine that is stepped."""
        return self._promises[0]

    def is_over(self, frames: Iterable[Frame]) -> bool:
        """Whether the debugger's own step has ended where a user wants to be, with these frames."""
        snapshot, rest = self._program.snapshot(), iter(frames)
        newest = next(rest, None)
        if newest is None:
            return True
        found = list(bodies(snapshot, itertools.chain([newest], rest)))
        if found and found[0].frame == newest and found[0].promise in self._promises:
            return self._is_at_statement(snapshot, found[0])
        if is_own(newest):
            return True  # in another function of the program
        if self._is_creating:
            return False  # GCC creates a coroutine in the middle of a line; a debugger's step out stops in the library
        return self.promise in (body.promise for body in found)  # in the library, where the step began

    def _is_at_statement(self, snapshot: Snapshot, body: Body) -> bool:
        """Whether one of the stepped coroutines is where a step may end."""
        try:
            function: Function = Coroutine(snapshot, body.promise).function
        except NoCoroutine:  # it has ended, which GCC counts among its first line
            return False
        frame = body.frame
        if frame.line not in function.statements.values() or frame.pc <= function.first_jump:
            return False
        if body.promise != self.promise or not self._is_inside:
            return True
        return frame.line != self._line

    def is_repeated(self, frames: Iterable[Frame]) -> bool:
        """Whether a breakpoint on the line of the co_await has stopped it once more, in Clang's wrapper."""
        snapshot, rest = self._program.snapshot(), iter(frames)
        newest = next(rest, None)
        if newest is None or not is_wrapper(newest.name):
            return False
        caller = next(rest, None)
        body = next(bodies(snapshot, itertools.chain([caller] if caller else [], rest)), None)
        return body is not None and body.promise == self.promise and body.frame == caller

    def go_on(self) -> None:
        """Sets `ends` and `deaths` for a program that runs on: all statements of these coroutines, but of the line where
        the step began only the first one, which is reached again in a loop. Raises what reading a coroutine raises."""
        snapshot = self._program.snapshot()
        self.ends, self.deaths = {}, {}
        for coroutine, _ in awaiting(snapshot, self._promises, set()):
            for pc in self._ends_of(coroutine):
                self.ends.setdefault(pc, set()).add(coroutine.frame)
            self.deaths.setdefault(coroutine.destroy, set()).add(coroutine.frame)

    def _ends_of(self, coroutine: Coroutine) -> Iterator[int]:
        statements = coroutine.function.statements
        again = min((pc for pc, line in statements.items() if line == self._line), default=0)
        for pc, line in statements.items():
            if coroutine.promise != self.promise or line != self._line or pc == again:
                yield pc

    def has_reached(self, frame: Frame) -> bool:
        """Whether this frame, at one of the `ends` or `deaths`, is of one of the stepped coroutines at its end."""
        debugger = self._program.debugger
        if frame.pc in self.deaths:
            register = machine_named(debugger.architecture()).first_argument
            dead = self.deaths[frame.pc] & {debugger.register(frame, register) if register else 0}
            for waiting in self.ends.values():
                waiting -= dead
        expected = self.ends.get(frame.pc)
        return bool(expected) and any(debugger.parameter(frame, name) in expected for name in FRAME_PARAMETERS)
