"""GDB's bt, and the call stacks of front ends, as logical stacks: a frame filter. Knows the model's rows, and how GDB
prints frames; decides nothing of coroutines."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gdb
from gdb.FrameDecorator import FrameDecorator

from .. import values
from ..compilers import Variable
from ..coroutine import Coroutine
from ..debugger import Frame, NoMemory
from ..kinds import Form
from ..names import plain_name
from ..program import Program
from ..stack import WAITS_FOR_TASK, CoroutineRow, Remark, Row, bodies, logical_stack
from .lends import described, frames, value_at
from .printers import said

SAID = Form.DURATION, Form.TIME_POINT  # GDB's own text of these tells less
NAME = "asio"  # of the frame filter


class Name(str):
    """A variable's name, in place of the gdb.Symbol that GDB's DAP server expects."""

    @property
    def print_name(self) -> str:
        """What is shown."""
        return str(self)


class NamedValue:
    """A variable of a coroutine, as GDB wants those of a frame. The value is GDB's, or what the model says of it."""

    def __init__(self, name: str, value: gdb.Value) -> None:
        self._name, self._value = Name(name), value

    def symbol(self) -> Name:
        """Its name. (With gdb.Symbols, MI in GDB 13 hangs.)"""
        return self._name

    def value(self) -> gdb.Value:
        """Its value."""
        return self._value


def named_values(coroutine: Coroutine, variables: Iterable[Variable]) -> Iterator[NamedValue]:
    """These variables of a coroutine, but those that cannot be read: an exception while GDB prints the frame would cut
    its line off."""
    for variable in variables:
        with contextlib.suppress(gdb.error, NoMemory):
            kind = coroutine.function.kind(variable)
            if kind.form in SAID or values.dangles(coroutine, variable, kind):
                yield NamedValue(variable.name, said(values.value(coroutine, variable)))
                continue
            value = value_at(coroutine.address_of(variable), variable.type)
            value.fetch_lazy()
            yield NamedValue(variable.name, value)


class Line(FrameDecorator):
    """A line of bt: a machine frame, with these parts in place of its own.

    GDB prints a number for a machine frame only once. So a line that is to have none gives the machine frame of the
    line `above`. Where GDB has not printed that one, as `bt -3` may begin with the second, it gives its own.
    """

    def __init__(self, base: Any, above: Line | None = None, **parts: Any) -> None:
        super().__init__(base)
        self._above = above
        self._is_printed = False  # GDB has asked for its machine frame, which it only does in order to print the line
        for name, value in parts.items():
            setattr(self, name, lambda value=value: value)

    def inferior_frame(self) -> gdb.Frame:
        """GDB calls this for each line that it prints, from the newest on: notes that."""
        self._is_printed = True
        if self._above and self._above._is_printed:
            return self._above.inferior_frame()
        return super().inferior_frame()


class Stack:
    """The machine frames of one call stack, with GDB's decorators of them, both got as they are asked for."""

    def __init__(self, decorators: Iterable[Any]) -> None:
        self._coming = iter(decorators)
        self._decorators: list[Any] = []
        self._frames: list[Frame] = []  # those that were asked for

    def frames(self) -> Iterator[Frame]:
        """The machine frames, the newest first."""
        number = 0
        while (decorator := self.decorator(number)) is not None:
            frame = described(decorator.inferior_frame())
            self._frames.append(frame)
            yield frame
            number += 1

    def decorator(self, number: int) -> Any | None:
        """The decorator of a frame, by its number from the newest; None if there are less."""
        while len(self._decorators) <= number:
            decorator = next(self._coming, None)
            if decorator is None:
                return None
            self._decorators.append(decorator)
        return self._decorators[number]

    def number(self, frame: Frame) -> int:
        """The number of one of frames(), from the newest: mostly one of the last that were asked for."""
        return next(at for at in reversed(range(len(self._frames))) if self._frames[at] is frame)

    def nearest(self, number: int) -> Any:
        """The decorator with this number, or the last one."""
        return self.decorator(number) or self._decorators[-1]


class LogicalStack:
    """The frame filter. It is enabled only where a coroutine runs: elsewhere `bt` is GDB's own."""

    def __init__(self, program: Program) -> None:
        self.name, self.priority = NAME, 100
        self._program = program
        self._is_wanted = True
        self._is_for_terminal = False

    def backtrace_begins(self) -> None:
        """GDB is about to execute its command `backtrace`: the next stack is for a reader, not for a front end. (What
        is posted by gdb.post_event() would tell its end also after an error, but GDB 13 crashes if it exits before.)"""
        self._is_for_terminal = True

    def backtrace_ends(self) -> None:
        """`backtrace` has ended, also with an error, or the program has run on."""
        self._is_for_terminal = False

    @property
    def enabled(self) -> bool:
        """Whether GDB is to use the filter."""
        with contextlib.suppress(gdb.error):
            return self._is_wanted and any(True for _ in bodies(self._program.snapshot(), frames()))
        return False

    @enabled.setter
    def enabled(self, wanted: bool) -> None:
        self._is_wanted = wanted

    def filter(self, decorators: Iterable[Any]) -> Iterator[Any]:
        """The lines in place of these decorators of machine frames."""
        lines = _TerminalLines if self._is_for_terminal else _FrontEndLines
        self._is_for_terminal = False
        coming = iter(decorators)
        newest = next(coming, None)
        if newest is None:
            return iter(())
        first = newest.inferior_frame()
        if first == gdb.newest_frame():
            return lines(self._program, itertools.chain([newest], coming)).lines()
        # A front end asks for the variables of a frame that it was shown, and GDB only gives what is below that.
        everything = lines(self._program, (FrameDecorator(frame.handle) for frame in frames())).lines()
        return itertools.dropwhile(lambda line: line.inferior_frame() != first, everything)


class _Lines:
    """The lines of one stack."""

    def __init__(self, program: Program, decorators: Iterable[Any]) -> None:
        self._program = program
        self._stack = Stack(decorators)

    def lines(self) -> Iterator[Any]:
        """The lines, made as they are asked for."""
        at = 0  # the number of the last machine frame, and one more for each line since
        above: Line | None = None
        for row in logical_stack(self._program.snapshot(), self._stack.frames()):
            frame = None if isinstance(row, Remark) else row.frame
            if frame is None:
                at += 1
                line = self._without_frame(row, at, above)
                if line is not None:
                    yield line
                continue
            at = self._stack.number(frame)
            decorator = self._stack.nearest(at)
            if frame.handle.type() in (gdb.DUMMY_FRAME, gdb.SIGTRAMP_FRAME):
                yield decorator
            else:
                above = _running(decorator, row) if isinstance(row, CoroutineRow) else _function(decorator, frame)
                yield above

    def _without_frame(self, row: Row, number: int, above: Line | None) -> Line | None:
        """The line of a coroutine that waits, or of a remark; None if it has been written."""
        raise NotImplementedError


class _FrontEndLines(_Lines):
    """Lines for a front end, which needs a machine frame for each: a coroutine that waits gets one that is hidden."""

    def _without_frame(self, row: Row, number: int, above: Line | None) -> Line | None:
        decorator = self._stack.nearest(number)
        if isinstance(row, CoroutineRow):
            parts = _waiting(row, lambda symtab: str(symtab.fullname()))
            return Line(decorator, function=_name(row), address=row.pc, **parts)
        return Line(decorator, function=_remark(row), address=0, **_nothing())


class _TerminalLines(_Lines):
    """Lines for a reader. A coroutine that waits has no number: there is no machine frame to select."""

    def _without_frame(self, row: Row, number: int, above: Line | None) -> Line | None:
        decorator = self._stack.nearest(number)
        if isinstance(row, CoroutineRow):
            parts = _waiting(row, lambda symtab: str(symtab.filename))
            return Line(decorator, above, function=f"    {_name(row)}", address=None, **parts)
        gdb.write(f"    {_remark(row)}\n")  # as a line's function it would be followed by the () of arguments
        return None


def _name(row: CoroutineRow) -> str:
    return (WAITS_FOR_TASK if row.is_waiter else "") + row.name


def _remark(row: Row) -> str:
    return f"({row.text})" if isinstance(row, Remark) else ""


def _nothing() -> dict[str, Any]:
    return dict.fromkeys(("filename", "line", "frame_args", "frame_locals"))


def _waiting(row: CoroutineRow, file_of: Callable[[gdb.Symtab], str]) -> dict[str, Any]:
    """The parts of the line of a coroutine that waits."""
    symtab = gdb.find_pc_line(row.pc).symtab
    return {
        "filename": symtab and file_of(symtab),
        "line": row.line or None,
        "frame_args": list(named_values(row.coroutine, row.coroutine.function.arguments)),
        "frame_locals": list(named_values(row.coroutine, row.coroutine.locals)),
    }


def _function(decorator: Any, frame: Frame) -> Line:
    """The line of a function. GDB's own would have the types of its parameters in the name."""
    arguments = [each for each in decorator.frame_args() or () if _is_readable(frame.handle, each)]
    return Line(decorator, function=plain_name(frame.name) or "??", frame_args=arguments)


def _is_readable(frame: gdb.Frame, variable: Any) -> bool:
    """Whether a variable of the frame's can be read: see named_values()."""
    try:
        value = variable.value()
        if value is None:
            value = frame.read_var(variable.symbol())
        value.fetch_lazy()
        return True
    except (gdb.error, ValueError):
        return False


def _in_function(frame: gdb.Frame) -> set[tuple[str, int]]:
    """The variables of the frame's function, by name and line. GDB's decorators give those of the enclosing function,
    too, where a function is within another one: the body of a lambda coroutine is, in GCC's debug information."""
    found: set[tuple[str, int]] = set()
    with contextlib.suppress(RuntimeError):  # without debug information there is no block
        block = frame.block()
        while block and not block.is_static:
            found |= {(symbol.name, symbol.line) for symbol in block}
            block = None if block.function else block.superblock
    return found


def _running(decorator: Any, row: CoroutineRow) -> Line:
    """The line of a coroutine that runs. GDB takes its arguments for locals of its outermost block."""
    compiler = row.coroutine.function.compiler
    if compiler is None or not row.coroutine.function.is_readable:
        return Line(decorator, function=_name(row), line=row.line or None)
    arguments = list(named_values(row.coroutine, row.coroutine.function.arguments))
    names = [str(argument.symbol()) for argument in arguments]
    own: list[Any] = []
    visible = _in_function(decorator.inferior_frame())
    for local in reversed(list(decorator.frame_locals() or ())):  # the outermost block's first
        symbol = local.symbol()
        name, line = str(symbol), getattr(symbol, "line", 0)
        if (name, line) not in visible:
            continue
        if name in names:
            names.remove(name)
        elif compiler.is_programs(name, line):
            own.insert(0, local)
    return Line(decorator, function=_name(row), line=row.line or None, frame_args=arguments, frame_locals=own)
