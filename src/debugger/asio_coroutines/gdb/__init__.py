"""GDB 13 or newer: what it lends the model, and how it shows the model's answers.

    lends.py       the interface of debugger.py, for the selected inferior
    dap.py         GDB's DAP server, where GDB is one
    printers.py    how GDB shows values of Asio's types
    backtrace.py   bt, and the call stacks of front ends
    catching.py    async-catch
    stepping.py    steps that go over a co_await
    commands.py    the commands
    hooks.py       what GDB runs before or after its own commands
"""

from __future__ import annotations

import gdb

from ..program import Program
from .backtrace import NAME, LogicalStack
from .catching import Catcher
from .commands import Commands
from .hooks import Hooks
from .lends import GDB
from .printers import Printers
from .stepping import OTHERS, Stepper

_installed: list[object] = []


def install() -> None:
    """Adds the helpers to this GDB. Once is enough; again does no harm."""
    if _installed:
        return
    program = Program(GDB())
    stack, stepper, catcher = LogicalStack(program), Stepper(program), Catcher(program)
    gdb.frame_filters[NAME] = stack
    gdb.pretty_printers.append(Printers(program))

    def at_stop() -> None:
        stepper.at_stop()
        catcher.at_stop()

    hooks = Hooks(
        {
            "hook-next": stepper.before_next,
            "hook-step": stepper.before_step,
            "hook-finish": stepper.before_finish,
            **{f"hookpost-{command}": stepper.after_next for command in ("next", "step", "finish")},
            "hook-stop": at_stop,
            "hook-backtrace": stack.backtrace_begins,
            "hookpost-backtrace": stack.backtrace_ends,
            **{f"hook-{command}": stepper.before_other for command in OTHERS},
        }
    )
    # When several threads step over breakpoints at once, GDB 13 was seen to lose a register, and the program to crash.
    gdb.execute("set displaced-stepping off")
    gdb.events.cont.connect(lambda _event: stack.backtrace_ends())
    gdb.events.before_prompt.connect(stack.backtrace_ends)
    for loaded in gdb.events.exited, gdb.events.new_objfile, gdb.events.clear_objfiles:
        loaded.connect(lambda _event: program.forget())
    _installed.extend([stack, stepper, catcher, hooks, Commands(program, stepper, catcher)])
