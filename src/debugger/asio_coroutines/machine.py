"""What is true of one processor only: its instructions, as debuggers print them, and its registers.

Another one needs a `Machine` here with a pattern for `store`, where its stores of a constant are one instruction; and
for looks into a coroutine by registers, its names in Coroutine.registers() and its Compiler.base_distance. Until then
all that needs these says so, or does without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor. Patterns are for the text of an instruction."""

    name: str
    jump: re.Pattern[str]
    jump_always: re.Pattern[str]  # to an address, in base 16 in group 1
    call: re.Pattern[str]  # of a function whose address, in base 16, is in group 1
    first_argument: str  # the register that has it where a function begins
    store: Mapping[int, str]  # by size in bytes: the pattern of a store of a constant, up to the address
    thread_pointer: str  # the register that points to a thread's own data; empty if unknown
    red_zone: int  # bytes below the stack pointer that a function may use
    can_stand_in: bool  # whether rip and rbp are all that a debugger needs to see the variables of a coroutine
    trap: bytes = b""  # the instruction of a breakpoint, behind which a thread stands that has executed it

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
    can_stand_in=True,
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
    can_stand_in=False,
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
    can_stand_in=False,
)


def machine_named(architecture: str) -> Machine:
    """The processor with this name of the debugger's."""
    known = {machine.name: machine for machine in (X86_64, AARCH64)}
    return known.get(architecture, OTHER)
