"""What the tests of the debuggers have in common: the programs, their lines, and a look at a process."""

import contextlib
import os
import pathlib
import time
from collections.abc import Callable

TESTS = pathlib.Path(__file__).resolve().parent
SOURCE = TESTS.parent / "src"
PROGRAM = os.environ.get("ASYNC_EXAMPLE", "")
COROUTINES = os.environ.get("COROUTINES", "")
GDB = os.environ.get("GDB", "")
LLDB = os.environ.get("LLDB", "")
TIMEOUT = 60  # seconds without a sign of life; only for what hangs

LINES = {path.name: path.read_text("utf-8").splitlines() for path in (SOURCE / "main.cpp", *TESTS.glob("*.cpp"))}
MAIN, OTHER, FLAGS, NAMES, AWAITS, EXCEPTIONS, FORKS, VALUES = (
    LINES[f"{name}.cpp"] for name in ("main", "coroutines", "flags", "names", "awaits", "exceptions", "forks", "values")
)


def beside(program: str) -> str:
    """The path of another program of the tests: it is in the folder of the one named by COROUTINES."""
    return os.path.join(os.path.dirname(COROUTINES), program)


def line_of(text: str, source: list[str] = MAIN) -> int:
    """The number of the line that holds `text`, which must be the only one."""
    numbers = [number for number, line in enumerate(source, 1) if text in line]
    assert len(numbers) == 1, f"{text!r} is in lines {numbers}"
    return numbers[0]


def file_of(source: list[str]) -> str:
    """The name of the file with these lines."""
    return next(name for name, lines in LINES.items() if lines is source)


def statement(line: str) -> str:
    """Without the comment behind it."""
    return line.split(" //")[0].strip()


def marked_lines() -> list[int]:
    """The lines with a marker behind their statement."""
    return [number for number, line in enumerate(MAIN, 1) if "// Breakpoint: " in line]


def threads(pid: int) -> set[str]:
    """The states of the process's threads. Empty if there is no such process."""
    found = set()
    for file in pathlib.Path("/proc", str(pid), "task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.add(file.read_text("utf-8").rsplit(") ", 1)[1][0])
    return found


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.05)
