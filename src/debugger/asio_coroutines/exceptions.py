"""Exceptions that come out of a co_await: where each one does so first. The rules of async-catch.

    by_token() {                                     body: calls await_resume when the operation is over
        co_await timer.async_wait(use_awaitable);      awaitable<void>::await_resume()
    }                                                    Asio's awaitable_frame_base::rethrow_exception()
                                                           std::rethrow_exception(stored exception)
    outer() {
        co_await by_token();                         once more: Asio has stored the same exception in by_token's promise
    }

With asio::deferred it is __cxa_throw that is called below await_resume, on the stack of the coroutine. An exception is
known by the address of its object, for as long as that lives: by_token's counts, outer's does not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from . import names
from .debugger import Frame, NoMemory
from .machine import first_argument
from .program import Program
from .stack import Body, is_own, with_bodies

RAISING = ("__cxa_throw", "std::rethrow_exception")  # functions: an exception begins its way up
FREEING = "__cxa_free_exception"  # a function: an exception has ended
RETHROWN = re.compile(r"std::rethrow_exception")  # takes a std::exception_ptr, which points to the object
STUB = "@plt"  # is in the name of the few instructions that jump to a function of another library
# The functions of an awaiter and a promise that a co_await calls.
OF_CO_AWAIT = re.compile(r"\bawait_(transform|ready|suspend|resume)$")
MOST_TO_CO_AWAIT = 60  # machine frames between a co_await and what throws in it


class Exceptions:
    """The exceptions of one program that have come out of a co_await, and live."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._told: set[int] = set()  # the addresses of their objects

    def forget(self) -> None:
        """The program has ended, or its exceptions were not looked at for a while."""
        self._told.clear()

    def comes_out(self, frames: Iterable[Frame]) -> Body | None:
        """Where the newest of these frames is in one of RAISING: the coroutine out of whose co_await the exception
        comes, if it is the first one of the program's own. Notes that it has been told."""
        rest = iter(frames)
        newest = next(rest, None)
        if newest is None or STUB in newest.name:
            return None
        body = self._at_co_await(newest, rest)
        thrown = self._object(newest) if body else 0
        if body is None or thrown in self._told:
            return None
        if thrown:
            self._told.add(thrown)
        return body

    def ends(self, frame: Frame) -> bool:
        """Whether this frame is of FREEING. Then the exception has ended: another one may get its memory."""
        if names.plain_name(frame.name).removeprefix(names.ABI) != FREEING:
            return False
        self._told.discard(first_argument(self._program.debugger, frame))
        return True

    def _at_co_await(self, newest: Frame, older: Iterable[Frame]) -> Body | None:
        """The coroutine of the program's whose co_await has called these frames; None if it is its body that throws, or
        a function of the program, or there is none."""
        calls = newest.name
        found = with_bodies(self._program.snapshot(), older)
        for frame, body in itertools.islice(found, MOST_TO_CO_AWAIT + 2):
            if body:
                is_awaiting = OF_CO_AWAIT.search(names.plain_name(calls)) is not None
                is_running = is_own(frame) and not body.is_suspended
                return body if is_awaiting and is_running else None
            calls = frame.name
        return None

    def _object(self, frame: Frame) -> int:
        """The address of the exception that this frame of RAISING raises; 0 if it is not to be known."""
        argument = first_argument(self._program.debugger, frame)
        if not argument or not RETHROWN.match(frame.name):
            return argument
        try:
            return self._program.snapshot().word(argument)
        except NoMemory:
            return 0
