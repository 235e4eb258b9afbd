"""A made-up program in memory, for the tests of the model: no compiler, no process, no debugger.

    memory.py     its memory: pages, mappings, heap chunks
    code.py       its code: a few lines of C++ as GCC and Clang compile them
    program.py    its coroutines, tasks and threads, and the debugger that has it

Imported before asio_coroutines: it says where that is."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Mapping

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, *[os.pardir] * 3, "src", "debugger"))

from .code import BOOL, INT, LONG, CppType, pointer, reference, struct  # noqa: E402
from .program import By, MadeUp, MadeUpCoroutine, MadeUpFrame, awaitable_of, awaitable_thread  # noqa: E402

__all__ = [
    "ASIOS_OWN", "BOOL", "By", "CppType", "INT", "LONG", "MadeUp", "MadeUpCoroutine", "MadeUpFrame", "ModelTest",
    "SESSIONS", "awaitable_of", "awaitable_thread", "pointer", "reference", "struct",
]  # fmt: skip

ASIOS_OWN = "boost::asio::experimental::awaitable_operators::operator&&"
# A program for tests of who awaits whom. Below pause() a session waits in line 6, in line 7 for a group of tasks.
SESSIONS = f"""
awaitable<void> pause(int ms) {{
    co_await timer.async_wait();
    trace(ms);
}}
awaitable<void> session(int id) {{
    co_await pause(10);
    co_await group();
}}
awaitable<void> {ASIOS_OWN}(int x) {{
    co_await group();
}}
void trace(int ms) {{
    print(ms);
}}
"""


class ModelTest(unittest.TestCase):
    """A test of a room. Whatever is compared is shown in full."""

    maxDiff = None
    longMessage = True
    source = ""  # of the program that a test case has, ...
    types: Mapping[str, CppType] = {}  # ... and its types

    def programs(
        self, *, types: Mapping[str, CppType] | None = None, asio: str = "boost::asio", heap_size: int = 1 << 20
    ) -> list[MadeUp]:
        """The program, compiled by each compiler in turn."""
        made = [MadeUp(by, asio=asio, heap_size=heap_size) for by in By]
        for each in made:
            each.compile(self.source, types={**self.types, **(types or {})})
        return made
