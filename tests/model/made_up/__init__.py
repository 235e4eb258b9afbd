"""A made-up program in memory, for the tests of the model: no compiler, no process, no debugger.

    memory.py     its memory: pages, mappings, heap chunks
    code.py       its code: a few lines of C++ as GCC and Clang compile them
    program.py    its coroutines, tasks and threads, and the debugger that has it

Imported before asio_coroutines: it says where that is."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, *[os.pardir] * 3, "src", "debugger"))

from .code import BOOL, INT, LONG, CppType, pointer, reference, struct  # noqa: E402
from .program import By, MadeUp, MadeUpCoroutine, MadeUpFrame, awaitable_of, awaitable_thread  # noqa: E402

__all__ = [
    "BOOL", "By", "CppType", "INT", "LONG", "MadeUp", "MadeUpCoroutine", "MadeUpFrame", "ModelTest", "awaitable_of",
    "awaitable_thread", "pointer", "reference", "struct",
]  # fmt: skip


class ModelTest(unittest.TestCase):
    """A test of a room. Whatever is compared is shown in full."""

    maxDiff = None
    longMessage = True
