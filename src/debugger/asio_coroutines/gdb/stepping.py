"""GDB's steps go over, into and out of a co_await, by hooks: before each `next`, `step` and `finish` we note where it
begins. After it, before anybody is told, we look where it has ended: if that is nowhere a user wants to be, the program
runs on to where the step may end."""

from __future__ import annotations

import re

import gdb

from ..coroutine import Coroutine
from ..debugger import BUILD, Failure, NoDebugInformation
from ..machine import UNUSED_STACK
from ..program import Program
from ..stack import bodies
from ..step import Kind, Reached, Step
from .dap import is_dap, tell_dap, unseen_by_dap, untold_to_dap
from .lends import execute, frames, set_registers

# Commands that let the program run on, other than those whose steps are ours: a step that has failed is over then.
OTHERS = ("continue", "stepi", "nexti", "until", "advance", "jump", "signal", "run", "start")


class End(gdb.Breakpoint):
    """An internal breakpoint where a step may end, or where one of its coroutines is destroyed."""

    def __init__(self, stepper: Stepper, step: Step, pc: int) -> None:
        super().__init__(f"*{pc}", internal=True)
        self._stepper, self._step = stepper, step

    def stop(self) -> bool:
        """GDB asks whether to stop."""
        reached = self._step.has_reached(frames())
        if reached is Reached.NOTHING:
            return False
        self._stepper.reached = reached
        if reached is Reached.END:
            tell_dap("step")
        return True


class Stepper:
    """The step that is under way, if one is."""

    def __init__(self, program: Program) -> None:
        self.is_on = True  # as the user wants it
        self.is_forced = False  # by async-next
        self.reached = Reached.NOTHING  # what an End has stopped for
        self._program = program
        self._kind = Kind.OVER
        self._step: Step | None = None  # between the hook before a step and our hook-stop
        self._going_on: Step | None = None  # a step that goes on, and nobody waits for it
        self._ends: list[End] = []
        self._is_waited_for = True  # whether GDB's `next` returns when the program has stopped, not at once, as in MI
        self._is_plain = False  # whether there is a command line that is no terminal, but a pipe
        self._is_going_on = False  # within our own `continue`
        self._landed: gdb.InferiorThread | None = None  # the thread that has ended a step
        self._own_registers: dict[str, int] | None = None  # that this thread is to get back: see _end_as_step()
        gdb.events.exited.connect(lambda _event: self._clear())
        gdb.events.before_prompt.connect(self._at_prompt)

    def before_next(self) -> None:
        """hook-next: GDB is about to execute `next`."""
        self._begin(Kind.OVER)

    def before_step(self) -> None:
        """hook-step: GDB is about to execute `step`."""
        self._begin(Kind.INTO)

    def before_finish(self) -> None:
        """hook-finish. `finish` leaves the selected frame. If that is a coroutine's body, let it leave the library's
        frame that has resumed it: GDB 13 fails to show a value that a coroutine built by Clang does not return."""
        self._begin(Kind.OUT)
        if self._step:
            gdb.selected_frame().older().select()

    def _begin(self, kind: Kind) -> None:
        self._reset()
        self._kind, self._is_waited_for = kind, True
        if not (self.is_on or self.is_forced) or not gdb.selected_thread():
            return
        try:
            self._step = Step.begin(self._program, frames(gdb.selected_frame() if kind is Kind.OUT else None))
        except NoDebugInformation:
            if self.is_forced:
                gdb.write(f"This is a plain next: {BUILD}.\n")
        except (Failure, gdb.error):  # GDB's own step says why it cannot be made
            pass
        if self._step and kind is Kind.OUT and not self._step.is_inside:
            self._step = None  # out of a function that a coroutine has called
        if self._step:
            self._step.prepare(kind)
            self._set_ends(self._step)

    def before_other(self) -> None:
        """A hook of one of the OTHERS."""
        if not self._is_going_on:
            self._reset()

    def after_next(self) -> None:
        """hookpost-next and the like: `next` has returned. GDB selects the thread again that was selected before our
        hook-stop."""
        if self._step and self._is_front_end():  # it has not come to our hook-stop yet
            self._is_waited_for = False
        thread, self._landed = self._landed, None
        if thread and thread.is_valid():
            thread.switch()

    def _is_front_end(self) -> bool:
        """Whether the command that runs is one of a front end, by MI, not of a command line. A terminal has its lines
        edited. Otherwise GDB's only command line has prompted before; of a front end, GDB never tells that it does."""
        return not (_is_editing() or self._is_plain)

    def _at_prompt(self) -> None:
        self._is_plain = self._is_plain or not _is_editing()
        self.after_next()
        thread = gdb.selected_thread()
        if self._step and not (thread and thread.is_running()):  # `next` has failed
            self._reset()

    def at_stop(self) -> None:
        """hook-stop: the program has stopped, and GDB has not told so yet."""
        step, going_on, reached, registers = self._step, self._going_on, self.reached, self._own_registers
        self._reset()
        if registers:
            set_registers(registers)
        elif step:
            self._decide(step, reached)
        elif going_on and reached is Reached.AWAITED:
            self._decide(going_on, reached)
        elif going_on and reached is Reached.END and not (is_dap() or _is_at_users_breakpoint()):
            self._end_as_step()

    def _decide(self, step: Step, reached: Reached) -> None:
        """Whether the step is over, or goes on. An End has stopped GDB's own step where an exception is handled: it
        goes on to the first statement there; or, from Asio's own handler around the whole body, to those of what
        awaits this coroutine."""
        try:
            is_unfinished = (
                reached is not Reached.NOTHING
                or step.is_repeated(frames())
                or self._has_ended_itself() and not step.is_over(frames(), self._kind)
            )
            if not is_unfinished:
                return
            step.go_on(self._kind)
        except (gdb.error, Failure):  # the coroutine is not to be read any more: the step is GDB's own
            return
        self._go_on(step)

    def _has_ended_itself(self) -> bool:
        """Whether GDB's own step has come to its end; `finish` ends at a breakpoint of its own."""
        why = execute("info program")
        return "stepped" in why or self._kind is Kind.OUT and "since been deleted" in why

    def _go_on(self, step: Step) -> None:
        """Lets the program run to the next stop. Who waits for GDB's `next` waits for this, too."""
        self._set_ends(step)
        for end in self._ends:
            end.silent = self._is_waited_for  # we show the place; a front end is told by GDB
        if not self._is_waited_for:
            self._going_on = step
            self._continue("continue&")  # GDB calls hook-stop again
            return
        try:
            with untold_to_dap(lambda: self.reached is Reached.AWAITED):
                self._continue("continue")
                while self.reached is Reached.AWAITED:
                    self.reached = Reached.NOTHING
                    step.go_on(self._kind)
                    self._set_ends(step)
                    for end in self._ends:
                        end.silent = True
                    self._continue("continue")
        finally:
            reached = self.reached
            self._reset()
        self._landed = gdb.selected_thread()
        if reached is Reached.END and not is_dap():
            self._show_place(step)

    def _continue(self, command: str) -> None:
        self._is_going_on = True
        try:
            gdb.execute(command)
        finally:
            self._is_going_on = False

    def _end_as_step(self) -> None:
        """An MI front end is to be told of the end of a step, not of a breakpoint that it does not know: so this thread
        steps by one instruction, that at which its function begins, and which writes at most one word below the stack
        pointer: let that be far from what the thread uses. GDB calls hook-stop once more, before MI tells, and that
        puts the thread back."""
        frame = gdb.newest_frame()
        function = self._program.function(frame.pc())
        if function is None:
            return
        self._own_registers = {name: int(frame.read_register(name)) for name in ("pc", "sp")}
        set_registers({"pc": function.start, "sp": self._own_registers["sp"] - UNUSED_STACK})
        self._is_going_on = True
        try:
            with gdb.with_parameter("scheduler-locking", "on"):
                gdb.execute("stepi")
        finally:
            self._is_going_on = False

    def _show_place(self, step: Step) -> None:
        """What GDB shows after a step."""
        snapshot = self._program.snapshot()
        place = gdb.newest_frame().find_sal()
        body = next(bodies(snapshot, frames(), most=3), None)
        if body and body.promise != step.promise:
            gdb.write(f"{Coroutine(snapshot, body.promise).name} () at {place.symtab.filename}:{place.line}\n")
        gdb.write(execute("frame").splitlines()[-1] + "\n")

    def _reset(self) -> None:
        self._step = self._going_on = self._landed = self._own_registers = None
        self.reached = Reached.NOTHING
        self._clear()

    def _set_ends(self, step: Step) -> None:
        self._clear()
        with unseen_by_dap():
            for pc in step.places:
                self._ends.append(End(self, step, pc))

    def _clear(self) -> None:
        with unseen_by_dap():
            for end in self._ends:
                end.delete()
        self._ends = []


def _is_at_users_breakpoint() -> bool:
    """Whether there is also one of the user's where the program has stopped."""
    return re.search(r"at breakpoint \d", execute("info program")) is not None


def _is_editing() -> bool:
    """Whether lines are edited where the command has come from: only on GDB's first command line, on a terminal."""
    return "is on" in execute("show editing")
