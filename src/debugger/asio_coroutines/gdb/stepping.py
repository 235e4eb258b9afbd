"""GDB's steps go over a co_await, by hooks: before each `next` we note where it begins. After it, before anybody is told,
we look where it has ended: if that is nowhere a user wants to be, the program runs on to where the step may end."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Any

import gdb

from ..coroutine import Coroutine
from ..debugger import BUILD, Failure, NoDebugInformation
from ..program import Program
from ..stack import bodies
from ..step import Step
from .lends import described, execute, frames

# Commands that let the program run on, other than those whose steps are ours: a step that has failed is over then.
OTHERS = ("continue", "stepi", "nexti", "step", "finish", "until", "advance", "jump", "signal", "run", "start")
DAP_EVENTS, DAP_BREAKPOINTS = "gdb.dap.events", "gdb.dap.breakpoint"  # loaded where GDB is a DAP server


class End(gdb.Breakpoint):
    """An internal breakpoint where a step may end, or where one of its coroutines is destroyed."""

    def __init__(self, stepper: Stepper, step: Step, pc: int) -> None:
        super().__init__(f"*{pc}", internal=True)
        self._stepper, self._step = stepper, step

    def stop(self) -> bool:
        """GDB asks whether to stop."""
        reached = self._step.has_reached(described(gdb.newest_frame()))
        if reached:
            self._stepper.has_reached_end = True
            _tell_dap()
        return reached


class Stepper:
    """The step that is under way, if one is."""

    def __init__(self, program: Program) -> None:
        self.is_on = True  # as the user wants it
        self.is_forced = False  # by async-next
        self.has_reached_end = False
        self._program = program
        self._step: Step | None = None  # between our hook-next and our hook-stop
        self._ends: list[End] = []
        self._is_waited_for = True  # whether GDB's `next` returns when the program has stopped, not at once, as in MI
        self._is_going_on = False  # within our own `continue`
        self._landed: gdb.InferiorThread | None = None  # the thread that has ended a step
        self._own_registers: dict[str, int] | None = None  # that this thread is to get back: see _end_as_step()
        gdb.events.exited.connect(lambda _event: self._clear())
        gdb.events.before_prompt.connect(self._at_prompt)

    def before_next(self) -> None:
        """hook-next."""
        self._reset()
        self._is_waited_for = True
        if not (self.is_on or self.is_forced) or not gdb.selected_thread():
            return
        try:
            self._step = Step.begin(self._program, frames())
        except NoDebugInformation:
            if self.is_forced:
                gdb.write(f"This is a plain next: {BUILD}.\n")
        except Failure:
            pass
        if self._step:
            self._set_ends(self._step)

    def before_other(self) -> None:
        """A hook of one of the OTHERS."""
        if not self._is_going_on:
            self._reset()

    def after_next(self) -> None:
        """hookpost-next: `next` has returned. GDB selects the thread again that was selected before our hook-stop."""
        self._is_waited_for = self._step is None  # else it has not come to our hook-stop yet
        thread, self._landed = self._landed, None
        if thread and thread.is_valid():
            thread.switch()

    def _at_prompt(self) -> None:
        self.after_next()
        thread = gdb.selected_thread()
        if self._step and not (thread and thread.is_running()):  # `next` has failed
            self._reset()

    def at_stop(self) -> None:
        """hook-stop."""
        step, has_reached_end, registers = self._step, self.has_reached_end, self._own_registers
        self._reset()
        if registers:
            _set_registers(registers)
        elif step:
            self._decide(step, has_reached_end)
        elif has_reached_end and not re.search(r"at breakpoint \d", execute("info program")):  # one of the user's
            self._end_as_step()

    def _decide(self, step: Step, has_reached_end: bool) -> None:
        """Whether the step is over, or goes on."""
        is_stepped = "stepped" in execute("info program")
        try:
            is_unfinished = (
                has_reached_end or step.is_repeated(frames()) or is_stepped and not step.is_over(frames())
            )
            if not is_unfinished:
                return
            step.go_on()
        except (gdb.error, Failure):  # the coroutine is not to be read any more: the step is GDB's own
            return
        self._set_ends(step)
        self._go_on(step)

    def _go_on(self, step: Step) -> None:
        """Lets the program run to the next stop. Who waits for GDB's `next` waits for this, too."""
        for end in self._ends:
            end.silent = self._is_waited_for  # we show the place; a front end is told by GDB
        self._is_going_on = True
        try:
            if not self._is_waited_for:
                gdb.execute("continue&")  # GDB calls hook-stop again
                return
            gdb.execute("continue")
        finally:
            self._is_going_on = False
            has_reached_end = self.has_reached_end
            if self._is_waited_for:
                self._reset()
        self._landed = gdb.selected_thread()
        if has_reached_end and DAP_EVENTS not in sys.modules:
            self._show_place(step)

    def _end_as_step(self) -> None:
        """An MI front end is to be told of the end of a step, not of a breakpoint that it does not know: so this thread
        steps by one instruction, one that does no harm, where its function begins. GDB calls hook-stop once more, before
        MI tells, and that puts the thread back."""
        frame = gdb.newest_frame()
        function = self._program.function(frame.pc())
        if function is None:
            return
        self._own_registers = {name: int(frame.read_register(name)) for name in ("pc", "sp")}
        _set_registers({"pc": function.start})
        self._is_going_on = True
        try:
            with gdb.with_parameter("scheduler-locking", "on"):
                gdb.execute("stepi")
        finally:
            self._is_going_on = False

    def _show_place(self, step: Step) -> None:
        """What GDB shows after a step."""
        snapshot = self._program.snapshot()
        place, body = gdb.newest_frame().find_sal(), next(bodies(snapshot, frames(), most=3), None)
        if body and body.promise != step.promise:
            gdb.write(f"{Coroutine(snapshot, body.promise).name} () at {place.symtab.filename}:{place.line}\n")
        gdb.write(execute("frame").splitlines()[-1] + "\n")

    def _reset(self) -> None:
        self._step = self._landed = self._own_registers = None
        self.has_reached_end = False
        self._clear()

    def _set_ends(self, step: Step) -> None:
        self._clear()
        with _unseen_by_dap():
            self._ends = [End(self, step, pc) for pc in {*step.ends, *step.deaths}]

    def _clear(self) -> None:
        with _unseen_by_dap():
            for end in self._ends:
                end.delete()
        self._ends = []


def _set_registers(values: dict[str, int]) -> None:
    gdb.newest_frame().select()
    for name, value in values.items():
        gdb.execute(f"set var ${name} = {value}")


def _unseen_by_dap() -> contextlib.AbstractContextManager[Any]:
    """DAP clients are not told of breakpoints that come and go within this."""
    dap = sys.modules.get(DAP_BREAKPOINTS)
    return dap.suppress_new_breakpoint_event() if dap else contextlib.nullcontext()


def _tell_dap() -> None:
    """GDB's DAP server is to tell of the next stop as that of a step."""
    dap = sys.modules.get(DAP_EVENTS)
    if dap and hasattr(dap, "expect_stop"):
        dap.expect_stop("step")
