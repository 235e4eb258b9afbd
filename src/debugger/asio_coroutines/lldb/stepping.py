"""LLDB's steps, and an editor's, go over, into and out of a co_await. LLDB has no hook before a step, but one at each
stop, before anybody is told. So at each stop we note for the threads that may be stepped where they stand: if at the
next one LLDB's own step has ended nowhere a user wants to be, the program runs on to where the step may end. In turn:

    at rest        the step is LLDB's own; at its stop we decide
    running on     to one breakpoint with all places where the step may end: RunOn. Whatever else stops it ends it
    ending         a breakpoint's reason to stop would puzzle, and other threads may have such a one as well: so the
                   thread that has come to the end steps by one instruction while they run, and stops for the reason
                   of a step
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lldb

from ..debugger import Failure
from ..machine import UNUSED_STACK
from ..messages import LLDB_22, OUTVOTED
from ..program import Program
from ..step import Kind, Reached, Step
from .catching import Catcher
from .lends import LLDB, frames, is_command_line_22, is_kept_stopped, newest_frame, set_registers
from .reasons import INSTRUCTION_OVER, TOLD, Reason, Reasons

INTERVAL = 0.05  # seconds, between two looks at a program that runs on
ENOUGH_LOOKS = 4  # in which it stands at the same stop
MANY_LOOKS = 100  # the same at a stop where it is to run on: the user's stop hooks may take their time there


@dataclass(slots=True)
class Settings:
    """What one SBDebugger has of the helpers."""

    module: str  # the loading file: LLDB knows by its name what it is to call
    is_on: bool = True  # whether `next` steps over a co_await


class RunOn:
    """The program runs on to where a step may end."""

    def __init__(self, step: Step, kind: Kind) -> None:
        self.step, self.kind = step, kind
        self.reached: int | None = None  # the id of the thread that has come to the end
        self.awaited: int | None = None  # the id of the thread that has awaited what is stepped into
        self.is_over = False
        self._breakpoint: Any = None

    def start(self, target: Any, module: str) -> None:
        """Sets the breakpoint: one with all places takes one number from the user's, not a hundred."""
        places, nothing = lldb.SBStructuredData(), lldb.SBFileSpecList()
        places.SetFromJSON(f'{{"places": {sorted(self.step.places)}}}')
        self._breakpoint = target.BreakpointCreateFromScript(f"{module}.Places", places, nothing, nothing)
        self._breakpoint.SetScriptCallbackFunction(f"{module}.on_hit")

    @property
    def breakpoint_id(self) -> int:
        """The number of the breakpoint; 0 if it is not set."""
        return int(self._breakpoint.GetID()) if self._breakpoint else 0

    def end(self) -> None:
        """Deletes the breakpoint. May be called by any thread, and more than once: LLDB uses no number twice."""
        self.is_over = True
        if self._breakpoint:
            self._breakpoint.GetTarget().BreakpointDelete(self._breakpoint.GetID())

    def is_at_end(self, thread: Any) -> bool:
        """Whether to stop this SBThread, at one of the places."""
        if self.is_over:
            return False
        if self.reached is None and self.awaited is None:
            reached = self.step.has_reached(frames(thread))
            if reached is Reached.END:
                self.reached = thread.id
            elif reached is Reached.AWAITED:
                self.awaited = thread.id
        return thread.id in (self.reached, self.awaited)


@dataclass(frozen=True, slots=True)
class Ending:
    """A thread that ends a step, and its registers, which it is to get back."""

    thread_id: int
    registers: dict[str, int]


class Stepper:
    """The steps of one process."""

    def __init__(self, program: Program, lends: LLDB, catcher: Catcher, settings: Settings) -> None:
        self._program, self._process, self._settings = program, lends.process, settings
        self._catcher = catcher
        self._reasons = Reasons(lends)
        self._steps: dict[int, Step] = {}  # by the thread's id: the step that would begin, or has begun, there
        self._is_forced = False  # by async-next
        self._run: RunOn | None = None
        self._ending: Ending | None = None
        self.remark = ""  # what there is to say of a step that has ended at this stop
        self._is_deciding = False
        self._stop_id = 0
        self._remains = True

    def at_stop(self) -> bool:
        """LLDB asks, for each thread that has a reason to stop. Returns whether the program shall remain stopped."""
        stop_id = self._process.GetStopID()
        if stop_id == self._stop_id:
            return self._remains
        self._stop_id = stop_id
        self._remains = True
        self._is_deciding = True
        self.remark = ""
        try:
            self._reasons.look(self._run.breakpoint_id if self._run else 0)
            self._remains = not self._is_under_way()
            if self._remains:
                self._rest()
        finally:
            self._is_deciding = False
        return self._remains

    def note_steps(self) -> None:
        """Notes where the next step would begin: on the threads that have a reason to stop, and on the selected one."""
        by_id = {thread.id: thread for thread in [*self._reasons.stopped, self._process.GetSelectedThread()] if thread}
        for number, thread in by_id.items():
            try:
                step = Step.begin(self._program, frames(thread))
            except Failure:  # the coroutine cannot be read: its steps are LLDB's own
                continue
            if step:
                self._steps[number] = step

    def begin(self, thread: Any) -> Step | None:
        """Begins a step of this SBThread that goes over a co_await, also after async-step off. Returns None if that is
        one of LLDB's own, at first. Raises NoDebugInformation."""
        step = Step.begin(self._program, frames(thread))
        if step:
            self._steps[thread.id] = step
        return step

    def force(self) -> None:
        """The step that LLDB is going to make goes over a co_await, also after async-step off."""
        self._is_forced = True

    def give_up(self) -> None:
        """LLDB has not made the step, nor let the program run on."""
        self._is_forced = False
        self._clear()

    def run_on(self, step: Step, kind: Kind) -> None:
        """Prepares the program to run on to where this step may end. Raises what reading a coroutine raises."""
        self._clear()
        step.go_on(kind)
        run = self._run = RunOn(step, kind)
        run.start(self._process.target, self._settings.module)
        threading.Thread(target=self._watch, args=(run,), daemon=True).start()

    def is_at_end(self, thread: Any) -> bool:
        """LLDB asks whether to stop this SBThread, at the breakpoint of a RunOn."""
        return self._run is not None and self._run.is_at_end(thread)

    def _is_under_way(self) -> bool:
        """Whether a step has not ended yet, and nothing else has made a thread stop."""
        new = self._reasons.new
        if self._ending:
            self._put_back(self._ending)
            return False
        run = self._run
        if is_kept_stopped(self._process.target):
            is_run_unfinished = run is not None and run.reached is None and not new
            if is_run_unfinished or len(new) == 1 and self._unfinished():
                self.remark = OUTVOTED
            return False
        if self._is_repeated():
            return True
        if run and not run.is_over and run.reached is None and run.awaited is None:
            return not new  # LLDB may stop although is_at_end() has said no, twice at once
        self._clear()
        if run and run.reached is not None:
            return not new and self._end(run.reached, run.kind)
        if run and run.awaited is not None:
            return not new and self._has_run_on(run.step, run.kind)
        if len(new) != 1:
            return False
        number, reason = next(iter(new.items()))
        step = self._unfinished().get(number)
        return step is not None and self._has_run_on(step, reason.kind or Kind.OVER)

    def _has_run_on(self, step: Step, kind: Kind) -> bool:
        """Prepares the program to run on, if the coroutine can still be read: else the step is LLDB's own."""
        try:
            self.run_on(step, kind)
        except Failure:
            self._clear()
            return False
        return True

    def _is_repeated(self) -> bool:
        """Whether the only thing that has stopped it is a breakpoint where the step has begun."""
        numbers = list(self._reasons.new)
        if len(numbers) != 1 or numbers[0] not in self._steps:
            return False
        return self._steps[numbers[0]].is_repeated(self._frames(numbers[0]))

    def _unfinished(self) -> dict[int, Step]:
        """The steps whose threads have now ended LLDB's own step where a user does not want to be."""
        if not (self._settings.is_on or self._is_forced):
            return {}
        found: dict[int, Step] = {}
        for number, reason in self._reasons.new.items():
            if number not in self._steps:
                continue
            has_ended_elsewhere = reason.kind is not None and not self._is_over(number, reason.kind)
            if has_ended_elsewhere or self._leaves_exception(number, reason):
                found[number] = self._steps[number]
        return found

    def _leaves_exception(self, number: int, reason: Reason) -> bool:
        """Whether this is a step over from where async-catch has stopped. LLDB goes on by one instruction there: the
        library that raises the exception has no lines. The step is to end where the exception is handled."""
        return reason.description == INSTRUCTION_OVER and self._catcher.has_caught(number)

    def _is_over(self, number: int, kind: Kind) -> bool:
        return self._steps[number].is_over(self._frames(number), kind)

    def _rest(self) -> None:
        """The program remains stopped."""
        self._clear()
        # Where another thread's breakpoint has come between, the next step takes up the one that is not over.
        self._steps = self._unfinished()
        self._is_forced = False
        self._select_stepped()
        self.note_steps()

    def _select_stepped(self) -> None:
        """LLDB leaves a thread selected that has reached a breakpoint of its own step's, deleted before its turn."""
        new = self._reasons.new
        if len(new) == 1 and all(reason.kind for reason in new.values()):
            self._process.SetSelectedThreadByID(*new)

    def _frames(self, number: int) -> Iterator[Any]:
        return frames(self._process.GetThreadByID(number))

    def _clear(self) -> None:
        if self._run:
            self._run.end()
        self._run = None

    def _watch(self, run: RunOn) -> None:
        """Ends this run where LLDB does not call at_stop(): where the program is paused, or ends. Nothing may stay
        behind then. (A listener to the process's events would change its state when it takes one: so this looks,
        again and again, on a thread of its own.)"""
        looks, stands_at = 0, 0
        while not run.is_over and self._process.is_alive and looks < self._enough_looks(stands_at):
            before, stands_at = stands_at, 0
            if self._process.is_stopped and not self._is_deciding:
                stands_at = self._process.GetStopID()
            is_same = stands_at and stands_at == before
            looks = looks + 1 if is_same else min(stands_at, 1)
            time.sleep(INTERVAL)
        run.end()

    def _enough_looks(self, stop_id: int) -> int:
        is_to_run_on = stop_id == self._stop_id and not self._remains
        return MANY_LOOKS if is_to_run_on else ENOUGH_LOOKS

    def _end(self, number: int, kind: Kind) -> bool:
        """Lets this thread end its step, told as one of this kind: by one instruction, that at which its function
        begins, and which writes at most one word below the stack pointer: let that be far from what the thread uses.
        Returns whether it does."""
        if is_command_line_22(self._process.target.debugger):  # the thread might run on with these registers
            self.remark = LLDB_22
            self._process.SetSelectedThreadByID(number)
            return False
        thread = self._process.GetThreadByID(number)
        frame = newest_frame(thread)
        self._ending = Ending(number, {name: frame.FindRegister(name).unsigned for name in ("pc", "sp", "fp")})
        start = frame.function.addr.GetLoadAddress(self._process.target)
        set_registers(thread, {"pc": start, "sp": self._ending.registers["sp"] - UNUSED_STACK})
        if thread.StepUsingScriptedThreadPlan(f"{self._settings.module}.{ENDS[kind].__name__}", False).Success():
            return True
        self._put_back(self._ending)
        return False

    def _put_back(self, ending: Ending) -> None:
        self._ending = None
        thread = self._process.GetThreadByID(ending.thread_id)
        if thread:
            set_registers(thread, ending.registers)
            self._process.SetSelectedThread(thread)


class Places:
    """LLDB makes one for the breakpoint of a RunOn, and asks where to set it."""

    def __init__(self, breakpoint_: Any, arguments: Any, _internal: Any) -> None:
        self._breakpoint = breakpoint_
        places = arguments.GetValueForKey("places")
        self._places = [places.GetItemAtIndex(at).GetIntegerValue() for at in range(places.GetSize())]

    def __callback__(self, _context: Any) -> None:
        """LLDB calls this as soon as the breakpoint is set, and again for more of the program that is loaded."""
        places, self._places = self._places, []
        target = self._breakpoint.GetTarget()
        for place in places:
            self._breakpoint.AddLocation(target.ResolveLoadAddress(place))

    def __get_depth__(self) -> int:
        """Called once, not for each of the program's files."""
        return int(lldb.eSearchDepthTarget)


class End:
    """What a thread does that has come to the end of a step: it stops, for the reason of a step."""

    kind = Kind.OVER  # as which it is told

    def __init__(self, plan: Any, _internal: Any) -> None:
        self._plan = plan

    def explains_stop(self, _event: Any) -> bool:
        """LLDB asks whether the stop is this plan's."""
        return bool(self._plan.GetThread().stop_reason == lldb.eStopReasonTrace)

    def is_stale(self) -> bool:
        """LLDB asks whether there is nothing left to do."""
        return False

    def should_step(self) -> bool:
        """By one instruction."""
        return True

    def should_stop(self, _event: Any) -> bool:
        """After that."""
        self._plan.SetPlanComplete(True)
        return True

    def stop_description(self, stream: Any) -> None:
        """What the user is told."""
        stream.Print(TOLD[self.kind])


class EndInto(End):
    """The end of a step into."""

    kind = Kind.INTO


class EndOut(End):
    """The end of a step out."""

    kind = Kind.OUT


ENDS = {each.kind: each for each in (End, EndInto, EndOut)}  # LLDB knows them by their names
