"""LLDB's summaries of Asio's types: in print and frame variable, in the variables of front ends. The user's own come
first. Has LLDB's values; the model says what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import executors, layout, values
from ..program import Snapshot
from .lends import execute
from .session import session_of

CATEGORY = "asio"  # as `type category list` has it
_ASIO = r"^(boost::)?asio::([[:alnum:]_]+::)*"
# The functions below, and the types that they are for: extended regular expressions, which LLDB also tries for their
# references.
TYPES = {
    "awaitable_summary": _ASIO + "awaitable<.*>$",
    "any_executor_summary": _ASIO + "any_[[:alnum:]_]*executor$",
}


def add_summaries(debugger: Any, module: str) -> None:
    """Adds them to this SBDebugger, in a category of their own, which comes after the user's."""
    target = debugger.GetDummyTarget()
    for function, type_ in TYPES.items():
        options = f'--category {CATEGORY} --skip-pointers --python-function {module}.{function} --regex "{type_}"'
        execute(target, f"type summary add {options}")
    execute(target, f"type category enable {CATEGORY}")


def awaitable_summary(value: Any, _internal: Any) -> str:
    """The coroutine that an asio::awaitable holds."""
    return _summary(value, lambda snapshot: values.held(snapshot, _word(value, layout.AWAITABLE_FRAME)))


def any_executor_summary(value: Any, _internal: Any) -> str:
    """What an asio::any_io_executor holds."""
    functions, target = layout.TARGET_NAMES
    return _summary(
        value,
        lambda snapshot: executors.text_of_target(snapshot, _word(value, functions), _word(value, target)),
    )


def _summary(value: Any, text: Callable[[Snapshot], str]) -> str:
    """An exception here would be shown in the value's place."""
    try:
        return text(session_of(value.process).program.snapshot())
    except Exception:
        return values.OTHER


def _word(value: Any, name: str) -> int:
    """A member that is a pointer."""
    plain = value.GetNonSyntheticValue()
    return int(plain.GetChildMemberWithName(name).unsigned)
