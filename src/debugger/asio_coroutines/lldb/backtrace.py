"""The lines of async-bt: the logical stack of a thread. (Before LLDB 22 no script can add to LLDB's call stack.) Has
LLDB's frames, and the model's rows for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import text
from ..compilers import GCC, Clang
from ..names import plain_name
from ..program import Program
from ..stack import WAITS_FOR_TASK, CoroutineRow, FrameRow, Remark, Row, bodies, logical_stack
from .lends import frames, text_of

FRAME_PARAMETERS = GCC.frame_parameter, Clang.frame_parameter  # are shown to nobody
LAST = "main"  # below this function nothing is shown


def has_coroutines(program: Program, thread: Any) -> bool:
    """Whether this SBThread runs a coroutine."""
    return any(True for _ in bodies(program.snapshot(), frames(thread)))


def lines(program: Program, thread: Any) -> Iterator[str]:
    """The logical stack of this SBThread. Coroutines that wait have no machine frame, and no number."""
    indent = 0
    for row in _to_main(logical_stack(program.snapshot(), frames(thread))):
        number = "" if isinstance(row, Remark) or row.frame is None else f"    frame #{row.frame.handle.idx}: "
        indent = len(number) or indent
        yield number.ljust(indent) + _text(row)


def _to_main(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        if isinstance(row, FrameRow) and row.frame.name == LAST:
            return


def _text(row: Row) -> str:
    if isinstance(row, Remark):
        return f"({row.text})"
    if isinstance(row, CoroutineRow):
        return (WAITS_FOR_TASK if row.is_waiter else "") + text.call_and_place(row.coroutine, row.line)
    return _function(row.frame.handle)


def _function(frame: Any) -> str:
    """The text of an SBFrame."""
    name, place = plain_name(frame.name or "") or "??", frame.line_entry
    if not place:
        return f"{name} from {frame.module.file.basename}"
    values = [value for value in frame.GetVariables(True, False, False, True) if value.name]
    texts = (f"{value.name}={text_of(value)}" for value in values if value.name not in FRAME_PARAMETERS)
    return f"{name}({', '.join(texts)}) at {place.file.basename}:{place.line}"
