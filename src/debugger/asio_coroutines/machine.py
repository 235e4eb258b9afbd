"""What is true of one processor only: its instructions, as debuggers print them, and its registers.

Another one needs a `Machine` here, whose name each debugger's architecture() gives. To show where a coroutine waits it
takes patterns for `store`, where its stores of a constant are one instruction; to look into one by registers,
`program_counter`, `frame_pointer` and `cfa_distance`. What is not known is left empty: all that needs it does without,
or says so, in a sentence of coroutine.py or messages.py that names the processors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .debugger import Debugger, Frame

# So many bytes below the stack pointer no function has anything: more than the red zones of MACHINES, and a multiple of
# what a stack pointer must be aligned to.
UNUSED_STACK = 256


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor. Patterns are for the text of an instruction, names of registers are those that debuggers take."""

    name: str
    jump: re.Pattern[str]
    jump_always: re.Pattern[str]  # to an address, in base 16 in group 1
    call: re.Pattern[str]  # of a function whose address, in base 16, is in group 1
    first_argument: str  # the register that has it where a function begins
    store: Mapping[int, str]  # by size in bytes: the pattern of a store of a constant, up to the address
    thread_pointer: str  # the register that points to a thread's own data; empty if unknown
    red_zone: int  # bytes below the stack pointer that a function may use
    # The two registers that are all that a debugger needs to see the variables of a function; empty if they are not.
    program_counter: str = ""
    frame_pointer: str = ""
    cfa_distance: int = 0  # bytes from where the frame pointer points to DWARF's canonical frame address (CFA)
    trap: bytes = b""  # the instruction of a breakpoint, behind which a thread stands that has executed it

    @property
    def can_stand_in(self) -> bool:
        """Whether a thread can stand in for one that executes a function, by two of its registers."""
        return bool(self.program_counter and self.frame_pointer)

    def registers_of(self, pc: int, base: int, is_cfa: bool) -> dict[str, int]:
        """The registers by which a thread stands in for one at this instruction, whose machine frame has this base:
        its CFA, or else where its frame pointer points.

        >>> X86_64.registers_of(0x401020, 0x7f40, is_cfa=True)
        {'rip': 4198432, 'rbp': 32560}
        """
        return {self.program_counter: pc, self.frame_pointer: base - self.cfa_distance if is_cfa else base}

    def store_pattern(self, size: int, offset: int | None) -> re.Pattern[str] | None:
        """Matches a store of a constant, which is in base 16 in group 1, at this offset from a register, or, where
        the offset is None, at a register. None if the processor's stores are not known.

        >>> X86_64.store_pattern(2, 0x64).match("movw   $0x4,0x64(%rax)")[1]
        '4'
        """
        if size not in self.store:
            return None
        return re.compile(self.store[size] + ("" if offset is None else f"0x{offset:x}") + r"\(")


X86_64 = Machine(
    name="x86-64",
    jump=re.compile(r"j"),
    jump_always=re.compile(r"jmpq?\s+0x([0-9a-f]+)"),
    call=re.compile(r"callq?\s+0x([0-9a-f]+)"),
    first_argument="rdi",
    store={1: r"movb\s+\$0x([0-9a-f]+),\s*", 2: r"movw\s+\$0x([0-9a-f]+),\s*"},
    thread_pointer="fs_base",
    red_zone=128,
    program_counter="rip",
    frame_pointer="rbp",
    cfa_distance=16,  # there are the caller's frame pointer and the return address
    trap=b"\xcc",
)
AARCH64 = Machine(
    name="aarch64",
    jump=re.compile(r"(b|b\.\w+|cbn?z|tbn?z)\s"),
    jump_always=re.compile(r"b\s+0x([0-9a-f]+)"),
    call=re.compile(r"bl\s+0x([0-9a-f]+)"),
    first_argument="x0",
    store={},
    thread_pointer="",
    red_zone=0,
)
NOTHING = re.compile(r"(?!)")
OTHER = Machine(
    name="other",
    jump=NOTHING,
    jump_always=NOTHING,
    call=NOTHING,
    first_argument="",
    store={},
    thread_pointer="",
    red_zone=128,
)
MACHINES = {machine.name: machine for machine in (X86_64, AARCH64)}


def machine_named(architecture: str) -> Machine:
    """The processor with this name, which is that of one of MACHINES, or the debugger's own of another."""
    return MACHINES.get(architecture, OTHER)


def machine_of(debugger: Debugger) -> Machine:
    """The processor of the program that the debugger looks at."""
    return machine_named(debugger.architecture())


def first_argument(debugger: Debugger, frame: Frame) -> int:
    """The first argument of the frame's function, which it has just begun; 0 if that is not to be known."""
    register = machine_of(debugger).first_argument
    return debugger.register(frame, register) if register else 0
