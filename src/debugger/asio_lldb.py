"""LLDB for Boost.Asio's C++20 coroutines, in any program that uses asio::awaitable and is built with -O0 -g.

    lldb -o "command script import src/debugger/asio_lldb.py" build/async_example

async-bt shows the logical stack, `next` and an editor's Step Over step over a co_await, async-tasks lists all
coroutines: see README.md, and help async-bt, async-tasks, async-in, async-next, async-step, async-catch, async-break.
LLDB 19 or newer.
"""

import os
import sys

# The package is beside this file. LLDB calls by their names, as those of this module, all that is imported here.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    from asio_coroutines.lldb import (
        End,
        EndInto,
        EndOut,
        Places,
        StopHook,
        any_executor_summary,
        async_break,
        async_bt,
        async_catch,
        async_in,
        async_next,
        async_step,
        async_tasks,
        awaitable_summary,
        install,
        on_exception,
        on_hit,
    )
finally:
    del sys.path[0]

__all__ = [
    "End", "EndInto", "EndOut", "Places", "StopHook", "any_executor_summary", "async_break", "async_bt", "async_catch",
    "async_in", "async_next", "async_step", "async_tasks", "awaitable_summary", "install", "on_exception", "on_hit",
]  # fmt: skip


def __lldb_init_module(debugger, _internal):
    """LLDB calls this."""
    install(debugger, __name__)
