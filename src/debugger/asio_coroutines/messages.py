"""Sentences that both debuggers say. Knows nothing."""

from __future__ import annotations

NOT_RUNNING = "The program is not being run"
WITHOUT_REGISTERS = (
    "this takes the registers of a live process on x86-64; async-in N, async-in N bt and print of a variable do without"
)
OUTVOTED = (
    "This step ends inside Asio: a stop hook of yours keeps the program stopped, as its commands do."
    " One that is a class (target stop-hook add -P) and returns False does not."
)
LLDB_22 = (
    "This is the command line of LLDB 22, which pauses the program during a step (LLVM issue 190956): so the step ends as"
    " a breakpoint's stop, and where other threads run, it may end elsewhere. Editors and LLDB 23 do not."
)
CATCHES = "Stops where an exception comes out of a co_await of the program for the first time."
DOES_NOT_CATCH = "Does not stop at exceptions."


def unexpected(error: Exception) -> str:
    """A sentence on what should not happen."""
    return f"The coroutine helpers do not work here: {type(error).__name__}: {error}."
