"""Coroutines as text: their names with the values of their arguments, and where they are."""

from __future__ import annotations

import os

from .compilers import Variable
from .coroutine import Coroutine
from .debugger import NoMemory
from .source import source_line

UNREADABLE = "<unreadable>"


def value(coroutine: Coroutine, variable: Variable) -> str:
    """The value of one of its variables; "..." if that takes more than a few words."""
    try:
        return coroutine.snapshot.debugger.text(variable.type, coroutine.address_of(variable))
    except NoMemory:
        return UNREADABLE


def call(coroutine: Coroutine) -> str:
    """The coroutine as a call: fetch_data(id=1)."""
    values = (f"{each.name}={value(coroutine, each)}" for each in coroutine.function.arguments)
    return f"{coroutine.name}({', '.join(values)})"


def place(coroutine: Coroutine, line: int) -> str:
    """The file and line: main.cpp:57. Empty without debug information."""
    file = coroutine.function.file
    return f"{os.path.basename(file)}:{line}" if file else ""


def call_and_place(coroutine: Coroutine, line: int) -> str:
    """The call and its place: fetch_data(id=1) at main.cpp:57."""
    at = place(coroutine, line)
    return f"{call(coroutine)} at {at}" if at else call(coroutine)


def statement(coroutine: Coroutine, line: int) -> str:
    """The source text of the line; empty if there is none."""
    return source_line(coroutine.function.file, line) if coroutine.function.file else ""
