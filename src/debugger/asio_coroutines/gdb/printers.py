"""GDB's pretty printers for Asio's types: in print, in the variables of front ends, in bt. The user's own come first."""

from __future__ import annotations

from typing import Any

import gdb

from .. import executors, layout, values
from ..debugger import Failure
from ..program import Program
from .lends import REFERENCES

NAME = "asio"  # as `info pretty-printer` has it
# What is to be shown as it is begins with this character, which no string of a program's is likely to begin with.
SAID = "\x1a"


def said(text: str) -> gdb.Value:
    """A value that GDB shows as this text, without quotes: the printer below knows it."""
    try:
        return gdb.Value(SAID + text)
    except gdb.error:  # not to be had in the program's character set
        return gdb.Value(SAID + text.encode("ascii", "backslashreplace").decode())


class Printer:
    """GDB's printer of one value."""

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        """GDB calls this."""
        return self._text


class Printers:
    """Finds the printer of a value."""

    def __init__(self, program: Program) -> None:
        self.name, self.enabled = NAME, True  # GDB's `disable pretty-printer` sets the second one
        self._program = program

    def __call__(self, value: gdb.Value) -> Printer | None:
        """The printer of this value, None if it is not one of ours. GDB asks that of each value that it shows."""
        try:
            text = self._text(value)
        except (gdb.error, Failure, ValueError):  # GDB shows it as it does without us
            return None
        return None if text is None else Printer(text)

    def _text(self, value: gdb.Value) -> str | None:
        type_ = value.type.strip_typedefs()
        if type_.code in REFERENCES:
            value, type_ = value.referenced_value(), type_.target().strip_typedefs()
        if type_.code == gdb.TYPE_CODE_ARRAY:
            return _said_text(value)
        name = type_.unqualified().name or ""
        if "asio::" not in name:
            return None
        if layout.AWAITABLE.match(name):
            return values.held(self._program.snapshot(), int(value["frame_"]))
        if layout.ANY_EXECUTOR.match(name):
            functions, target = int(value["target_fns_"]), int(value["target_"])
            return executors.text_of_target(self._program.snapshot(), functions, target)
        return None


def _said_text(value: gdb.Value) -> str | None:
    """The text in what said() has made; None for all other arrays. Those of the program are in memory."""
    if value.address is not None or value.type.target().sizeof != 1:
        return None
    text: Any = value.string(errors="replace")
    return text[1:] if text.startswith(SAID) else None
