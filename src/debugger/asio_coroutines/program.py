"""The functions of a program, each looked up once, and a snapshot of its memory. Has the debugger; knows no
coroutine."""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from .debugger import WORD, Debugger, NoMemory
from .function import Function
from .machine import machine_of

PAGE = 1 << 12  # bytes that are read at once


@dataclass(slots=True)
class Known:
    """What has been looked up of one program's code, by the addresses."""

    functions: dict[int, Function | None] = field(default_factory=dict)
    static_variables: dict[int, str] = field(default_factory=dict)
    executors: dict[int, str] = field(default_factory=dict)  # what they are, by their target_fns_: see executors.py


class Program:
    """What is known of a program's code, for as long as the same code is loaded."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self._known: dict[Hashable, Known] = {}  # by the debugger's code_id()

    def forget(self) -> None:
        """The program has been loaded anew, or more of it."""
        self._known.clear()

    @property
    def known(self) -> Known:
        """What is known of the program that the debugger looks at now."""
        return self._known.setdefault(self.debugger.code_id(), Known())

    def variable_at(self, address: int) -> str:
        """The full name of the static variable that is there; empty if there is none."""
        known = self.known.static_variables
        if address not in known:
            known[address] = self.debugger.variable_at(address)
        return known[address]

    def function(self, pc: int) -> Function | None:
        """The function that has this instruction: the same object for all its instructions."""
        known = self.known.functions
        if pc not in known:
            info = self.debugger.function_at(pc)
            function = known.get(info.start) if info else None
            if info and not function:
                function = Function(self.debugger, machine_of(self.debugger), info)
                known[info.start] = function
            known[pc] = function
        return known[pc]

    def snapshot(self) -> Snapshot:
        """The program's memory as it is now."""
        return Snapshot(self)


class Snapshot:
    """The memory of a program at one stop. Each page is read once, so it must not outlive the command it is for."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.debugger = program.debugger
        self._pages: dict[int, bytes] = {}
        # Finds the parts of threads' stacks in which nothing of the program can be alive: see stack.py.
        self.find_unused_stack: Callable[[], list[range]] = list
        self._unused_stack: list[range] | None = None

    def is_unused_stack(self, address: int) -> bool:
        """Whether it is in a part of a thread's stack in which nothing of the program can be alive."""
        if self._unused_stack is None:
            self._unused_stack = self.find_unused_stack()
        return any(address in part for part in self._unused_stack)

    def word(self, address: int) -> int:
        """The pointer or number of 8 bytes there. Raises NoMemory."""
        page = self._pages.get(address // PAGE)
        offset = address % PAGE
        if page is None or offset > PAGE - WORD:
            return int.from_bytes(self.read(address, WORD), "little")
        return int(struct.unpack_from("<Q", page, offset)[0])

    def read(self, address: int, size: int) -> bytes:
        """The bytes there. Raises NoMemory."""
        if address < 0 or size < 0:
            raise NoMemory(f"cannot read memory at 0x{address:x}")
        number, offset = divmod(address, PAGE)
        if offset + size > PAGE:
            return self.debugger.read(address, size)
        if number not in self._pages:
            try:
                self._pages[number] = self.debugger.read(number * PAGE, PAGE)
            except NoMemory:  # perhaps only a part of the page is to be had, as in a core dump
                return self.debugger.read(address, size)
        return self._pages[number][offset : offset + size]
