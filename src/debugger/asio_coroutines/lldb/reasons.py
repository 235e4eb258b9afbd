"""Why the threads of a process have stopped, without what is of the debugger's own making. Knows no coroutines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lldb

from ..machine import machine_of
from ..step import Kind
from .lends import LLDB, newest_frame

TOLD = {Kind.OVER: "step over", Kind.INTO: "step in", Kind.OUT: "step out"}  # as LLDB describes why it has stopped
KINDS = {words: kind for kind, words in TOLD.items()}
INSTRUCTION_OVER = "instruction step over"
SIGTRAP = 5
MOST_WORDS = 100  # characters of a description


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a thread has stopped. Equal to that of the stop before if the thread did not get to run since."""

    description: str
    pc: int
    data: tuple[int, ...]  # at breakpoints, how often each was hit; else what LLDB has

    @property
    def kind(self) -> Kind | None:
        """Which of LLDB's own steps has ended, if one has."""
        return KINDS.get(self.description)


class Reasons:
    """The reasons at one stop, and which of them are new."""

    def __init__(self, lends: LLDB) -> None:
        self._lends = lends
        self._now: dict[int, Reason] = {}
        self.new: dict[int, Reason] = {}  # by the threads' ids
        self.stopped: list[Any] = []  # the SBThreads that have any reason

    def look(self, own_breakpoint: int) -> None:
        """The program has stopped. The number is that of a breakpoint of our own, or 0."""
        numbers_of_hits = {
            each.GetID(): each.GetHitCount()
            for each in self._lends.target.breakpoint_iter()
            if each.GetID() != own_breakpoint
        }
        none = lldb.eStopReasonNone, lldb.eStopReasonInvalid
        before, self._now = self._now, {}
        self.stopped = [thread for thread in self._lends.process if thread.stop_reason not in none]
        for thread in self.stopped:
            if reason := self._reason(thread, numbers_of_hits):
                self._now[thread.id] = reason
        self.new = {number: reason for number, reason in self._now.items() if before.get(number) != reason}

    def _reason(self, thread: Any, numbers_of_hits: dict[int, int]) -> Reason | None:
        """Why this SBThread has stopped; None if it is of the debugger's making."""
        kind, pc = thread.stop_reason, newest_frame(thread).pc
        data = [thread.GetStopReasonDataAtIndex(place) for place in range(thread.GetStopReasonDataCount())]
        if kind == lldb.eStopReasonTrace:
            return None
        if kind == lldb.eStopReasonBreakpoint:
            data = [numbers_of_hits[number] for number in data[::2] if number in numbers_of_hits]
            if not data:
                return None
        if kind == lldb.eStopReasonSignal and data == [SIGTRAP] and not self._is_behind_trap(pc):
            return None  # it has reached a breakpoint that was deleted before its turn
        return Reason(thread.GetStopDescription(MOST_WORDS), pc, tuple(data))

    def _is_behind_trap(self, pc: int) -> bool:
        """Whether the program has a breakpoint's instruction of its own there."""
        trap = machine_of(self._lends).trap
        return not trap or self._lends.read_code(pc - len(trap), len(trap)) == trap
