"""async-catch for GDB: stops where an exception comes out of a co_await, in the coroutine that awaits. Has breakpoints;
the model decides."""

from __future__ import annotations

import gdb

from ..debugger import Frame
from ..exceptions import FREEING, RAISING, Exceptions
from ..messages import CATCHES, DOES_NOT_CATCH
from ..program import Program
from .dap import tell_dap, unseen_by_dap
from .lends import described, frames


class Raised(gdb.Breakpoint):
    """An internal breakpoint where exceptions begin their way."""

    def __init__(self, catcher: Catcher, function: str) -> None:
        super().__init__(function=function, internal=True)
        self._catcher = catcher

    def stop(self) -> bool:
        """GDB asks whether to stop."""
        return self._catcher.is_to_stop()


class Freed(gdb.Breakpoint):
    """An internal breakpoint where exceptions end."""

    def __init__(self, exceptions: Exceptions) -> None:
        super().__init__(function=FREEING, internal=True)
        self._exceptions = exceptions

    def stop(self) -> bool:
        """GDB asks whether to stop."""
        self._exceptions.ends(described(gdb.newest_frame()))
        return False


class Catcher:
    """What async-catch has set."""

    def __init__(self, program: Program) -> None:
        self._exceptions = Exceptions(program)
        self._breakpoints: list[gdb.Breakpoint] = []
        self._landed: Frame | None = None  # the coroutine to select, at the stop that is coming
        gdb.events.exited.connect(lambda _event: self._exceptions.forget())

    def turn(self, on: bool) -> str:
        """Turns it on or off. Returns what is to be said."""
        with unseen_by_dap():
            for each in self._breakpoints:
                each.delete()
            self._breakpoints = []
            self._exceptions.forget()
            if on:
                self._breakpoints = [Raised(self, function) for function in RAISING]
                self._breakpoints.append(Freed(self._exceptions))
        return CATCHES if on else DOES_NOT_CATCH

    def is_to_stop(self) -> bool:
        """Whether an exception comes out of a co_await, in the newest frame of the selected thread."""
        body = self._exceptions.comes_out(frames())
        if body is None:
            return False
        self._landed = body.frame
        tell_dap("exception")
        return True

    def at_stop(self) -> None:
        """hook-stop, before GDB shows where the program has stopped: that is to be the coroutine."""
        landed, self._landed = self._landed, None
        if landed and landed.handle.is_valid():
            landed.handle.select()
