"""Coroutines as text: as calls, and where they are."""

from __future__ import annotations

import os

from .coroutine import Coroutine
from .source import source_line
from .values import call


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
