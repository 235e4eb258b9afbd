"""async-catch for LLDB: stops where an exception comes out of a co_await, in the coroutine that awaits. Has a
breakpoint; the model decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lldb

from ..exceptions import FREEING, RAISING, Exceptions
from ..program import Program
from .lends import frames

NAME = "async_catch"  # of the breakpoint, which takes one number of the user's for all places


def set_catch(target: Any, on: bool, module: str) -> None:
    """Sets or deletes the breakpoint of this SBTarget where exceptions begin and end. `module` is the loading file."""
    found = lldb.SBBreakpointList(target)
    target.FindBreakpointsByName(NAME, found)
    for place in range(found.GetSize()):
        target.BreakpointDelete(found.GetBreakpointAtIndex(place).GetID())
    if on:
        nothing = lldb.SBFileSpecList()
        places = [*RAISING, FREEING]
        breakpoint_ = target.BreakpointCreateByNames(places, len(places), lldb.eFunctionNameTypeAuto, nothing, nothing)
        breakpoint_.AddName(NAME)
        breakpoint_.SetScriptCallbackFunction(f"{module}.on_exception")


@dataclass(frozen=True, slots=True)
class Caught:
    """Where an exception has come out of a co_await."""

    thread_id: int
    number: int  # of the coroutine's machine frame


class Catcher:
    """The exceptions of one process."""

    def __init__(self, program: Program) -> None:
        self._exceptions = Exceptions(program)
        self._coming: Caught | None = None  # at the stop that is coming
        self._caught: Caught | None = None  # at this stop
        self._stop_id = 0

    def is_to_stop(self, thread: Any) -> bool:
        """LLDB asks whether to stop this SBThread, at the breakpoint."""
        newest = next(frames(thread), None)
        if newest is None or self._exceptions.ends(newest):
            return False
        body = self._exceptions.comes_out(frames(thread))
        if body:
            self._coming = Caught(thread.id, body.frame.handle.idx)
        return body is not None

    def at_stop(self, process: Any, stop_id: int) -> None:
        """The program remains stopped: selects the coroutine. Called once for each thread that has a reason to stop."""
        if stop_id == self._stop_id:
            return
        self._stop_id = stop_id
        self._caught, self._coming = self._coming, None
        thread = process.GetThreadByID(self._caught.thread_id) if self._caught else None
        if thread and self._caught:
            process.SetSelectedThread(thread)
            thread.SetSelectedFrame(self._caught.number)

    def has_caught(self, thread_id: int) -> bool:
        """Whether an exception has come out of a co_await at this stop, on this thread."""
        return self._caught is not None and self._caught.thread_id == thread_id
