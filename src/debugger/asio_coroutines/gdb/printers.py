"""GDB's pretty printers for Asio's types: in print, in the variables of front ends, in bt. The user's own come first.
Has GDB's values; the model says what they are."""

from __future__ import annotations

import gdb

from .. import executors, layout, values
from ..debugger import Failure
from ..program import Program
from .lends import REFERENCES

NAME = "asio"  # as `info pretty-printer` has it
# What is to be shown as it is begins with these characters, with which hardly any string of a program's begins.
SAID = "\x1a\x1b\x1a"


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
            return values.held(self._program.snapshot(), int(value[layout.AWAITABLE_FRAME]))
        if layout.ANY_EXECUTOR.match(name):
            functions, target = (int(value[name]) for name in layout.TARGET_NAMES)
            return executors.text_of_target(self._program.snapshot(), functions, target)
        return None


def _said_text(value: gdb.Value) -> str | None:
    """The text in what said() has made; None for all other arrays. (To ask for the address of one would put it into the
    program's memory.)"""
    first, last = value.type.range()
    if value.type.target().sizeof != 1 or last - first < len(SAID):
        return None
    if any(int(value[first + at]) != ord(character) for at, character in enumerate(SAID)):
        return None
    text: str = value.string(errors="replace")
    return text[len(SAID) :]
