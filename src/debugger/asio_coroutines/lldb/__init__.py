"""LLDB 19 or newer: what it lends the model, and how it shows the model's answers.

    lends.py       the interface of debugger.py, for one process
    backtrace.py   the lines of async-bt
    catching.py    async-catch
    reasons.py     why threads have stopped
    stepping.py    steps that go over a co_await
    session.py     what is kept for one process, and for one debugger
    summaries.py   how LLDB shows values of Asio's types
    hooks.py       what LLDB calls when the program stops
    commands.py    the commands
"""

from __future__ import annotations

from typing import Any

from .commands import async_break, async_bt, async_catch, async_in, async_next, async_step, async_tasks
from .hooks import StopHook, on_exception, on_hit
from .lends import execute
from .session import session_of, settings_of
from .stepping import End, EndInto, EndOut, Places
from .summaries import add_summaries, any_executor_summary, awaitable_summary

__all__ = [
    "End", "EndInto", "EndOut", "Places", "StopHook", "any_executor_summary", "async_break", "async_bt", "async_catch",
    "async_in", "async_next", "async_step", "async_tasks", "awaitable_summary", "install", "on_exception", "on_hit",
]  # fmt: skip
# A function of commands.py for each. The loading file, asio_lldb.py, has their names, too.
COMMANDS = "async_bt", "async_tasks", "async_in", "async_next", "async_step", "async_catch", "async_break"


def install(debugger: Any, module: str) -> None:
    """Adds the helpers to this SBDebugger. `module` is the loading file, which has all that LLDB calls by name. Once is
    enough; again does no harm."""
    settings_of(debugger, module)
    for function in COMMANDS:
        name = function.replace("_", "-")
        debugger.HandleCommand(
            f"command script add --overwrite --synchronicity current --function {module}.{function} {name}"
        )
    add_summaries(debugger, module)
    # LLDB copies the stop hooks of its dummy target to those that are created later.
    targets = [debugger.GetTargetAtIndex(number) for number in range(debugger.GetNumTargets())]
    for target in [debugger.GetDummyTarget(), *targets]:
        if f"{module}.StopHook" not in (execute(target, "target stop-hook list").GetOutput() or ""):
            execute(target, f"target stop-hook add -P {module}.StopHook")
        if target.process.is_stopped:
            session_of(target.process).stepper.note_steps()
