"""Where a variable of a coroutine is. Debuggers tell it in DWARF's words: this reads them. Knows text only.

    GDB     a complex DWARF expression:
                 0: DW_OP_fbreg -56
                 2: DW_OP_deref
                 3: DW_OP_plus_uconst 100
            , length 2.
    LLDB    DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x64
    a lambda's capture, in GCC's coroutines
            DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x48, DW_OP_deref, DW_OP_plus_uconst 0x8

That is: at this place of the machine frame is a pointer to the coroutine frame, and at this offset in that is the
variable, or a pointer to the lambda that has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OPERATION = re.compile(r"DW_OP_([a-z]+(?:_[a-z]+)*)\d* ?([^,\n]*)")


@dataclass(frozen=True, slots=True)
class Location:
    """The place of a variable, from its coroutine frame on. All in bytes."""

    offset: int  # in the coroutine frame
    inner: int | None  # in what a pointer at that offset points to; None if the variable itself is at that offset
    spill: int  # where in a machine frame of the body the address of the coroutine frame is; 0 if that is not told


def parse(words: str) -> Location | None:
    """The location in these words; None if the variable is not in a coroutine frame.

    >>> parse("DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x64")
    Location(offset=100, inner=None, spill=-56)
    """
    operations = OPERATION.findall(words)
    names = [name for name, _ in operations]
    if names[:1] not in (["fbreg"], ["breg"]) or names[1:2] != ["deref"]:
        return None
    spill = int(operations[0][1]) if names[0] == "fbreg" else 0
    offset, rest = _constant(operations[2:])
    if not rest or rest[0][0] != "deref":
        return Location(offset, None, spill)
    inner, _ = _constant(rest[1:])
    return Location(offset, inner, spill)


def _constant(operations: list[tuple[str, str]]) -> tuple[int, list[tuple[str, str]]]:
    """What the first operation adds, 0 if it does not, and the operations after that."""
    if operations and operations[0][0] == "plus_uconst":
        return int(operations[0][1], 0), operations[1:]
    return 0, operations
