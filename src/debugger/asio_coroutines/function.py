"""A function's code: whose it is, its statements and, if it is the body of coroutines, its co_awaits and variables.

What is asked of the debugger is asked once: a Function is kept for as long as the same code is loaded."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from . import layout, names
from .compilers import AWAIT_RESUME, Compiler, Suspension, Variable, compiler_of, variables_in
from .debugger import Debugger, FunctionInfo, Instruction, Member, Type
from .kinds import Kind, kind_of
from .machine import Machine
from .parts import Parts, Path, search
from .source import source_line

AWAIT_WORD = "co_await"
MOST_LINES = 50  # of one statement
MOST_POINTERS = 3  # between an entry point and the task that waits for it


class Function:
    """A function of the program or of a library."""

    def __init__(self, debugger: Debugger, machine: Machine, info: FunctionInfo) -> None:
        self._debugger = debugger
        self.machine = machine
        self.info = info
        self.start = info.start
        self.file = info.file
        self.name = names.plain_name(info.name)
        self.is_entry_point = self.name.endswith(layout.ENTRY_POINT)
        self.is_library = names.is_library(info.name)
        self.is_lambda = self.name.endswith(names.PLAIN_LAMBDA)
        self._variables: dict[int, list[Variable]] = {}
        self._kinds: dict[int, Kind] = {}  # by the id() of the variables, which are kept

    @functools.cached_property
    def compiler(self) -> Compiler | None:
        """Who compiled it; None if this is no body of a coroutine that the debug information describes."""
        return compiler_of(self.variables(self.start)) if self.info.end else None

    @functools.cached_property
    def number_offset(self) -> int | None:
        """Where in the coroutine frame the number is of the co_await that the coroutine waits at; None if unknown."""
        by_name = {variable.name: variable for variable in self.variables(self.start)}
        return self.compiler.number_offset(by_name, self._debugger.members) if self.compiler else None

    @property
    def is_readable(self) -> bool:
        """Whether its coroutines can be read: where they wait, with their arguments and locals."""
        return self.number_offset is not None

    def variables(self, pc: int) -> list[Variable]:
        """The variables in the coroutine frame that are visible at this instruction, the innermost block's first."""
        if pc not in self._variables:
            self._variables[pc] = variables_in(self._debugger.symbols_at(pc))
        return self._variables[pc]

    @functools.cached_property
    def arguments(self) -> list[Variable]:
        """The arguments of its coroutines: of a lambda's, what it has captured, too."""
        if not self.compiler or not self.is_readable:
            return []
        return self.compiler.arguments(self.variables(self.start), self._members_of_closure)

    def _members_of_closure(self, pointer: Type) -> Sequence[Member]:
        """The members of the lambda that `this` points to, if this is a lambda's function."""
        target = self._debugger.pointee(pointer) if self.is_lambda else None
        return [] if target is None else self._debugger.members(target)

    def kind(self, variable: Variable) -> Kind:
        """What kind of value one of its variables has."""
        if id(variable) not in self._kinds:
            self._kinds[id(variable)] = kind_of(self._debugger, variable.type)
        return self._kinds[id(variable)]

    def locals(self, pc: int) -> list[Variable]:
        """The program's variables that are visible at this instruction, the innermost block's first, without the
        arguments."""
        arguments = {(variable.name, variable.location.offset) for variable in self.arguments}
        return [
            variable
            for variable in self.variables(pc)
            if self.compiler
            and self.compiler.is_programs(variable.name, variable.line)
            and not variable.is_argument  # a lambda's `this`, in place of which is what it has captured
            and (variable.name, variable.location.offset) not in arguments
        ]

    @functools.cached_property
    def spill(self) -> int | None:
        """Where in a machine frame of this body, counted from its base, the address of the coroutine frame is."""
        return next((each.location.spill for each in self.variables(self.start) if each.location.spill), None)

    @functools.cached_property
    def code(self) -> dict[int, Instruction]:
        """Its instructions by their addresses, in that order; nothing without debug information."""
        return {each.pc: each for each in self._debugger.instructions(self.info)} if self.info.end else {}

    @functools.cached_property
    def lines(self) -> list[int]:
        """The lines that have code, in order; [0] if none is known."""
        return sorted({each.line for each in self.code.values()} - {0}) or [0]

    @functools.cached_property
    def first_jump(self) -> int:
        """The address of the first jump. Before it a body has no statement: Clang labels its prologue with lines of the
        body."""
        return next((each.pc for each in self.code.values() if self.machine.jump.match(each.text)), self.start)

    @functools.cached_property
    def statements(self) -> dict[int, int]:
        """Where a step may end: the address and the line of each statement.

        Left out are the function's first and last line, of which GCC puts parts at every co_await; the last one only if
        there is nothing but a brace."""
        without = {0, self.lines[0]}
        if not source_line(self.file, self.lines[-1]).strip(" };"):
            without.add(self.lines[-1])
        return {
            each.pc: each.line
            for each in self.code.values()
            if each.pc == each.row and each.pc > self.first_jump and each.line not in without
            if each.pc not in self.ends_of_loops
        }

    @functools.cached_property
    def ends_of_loops(self) -> set[int]:
        """The instructions by which GCC ends a loop without a condition. They are on the line of its first statement:

            for (;;) {
                co_await nap(300);    15: jmp 0x7e63, which is before the co_await
                n += 1;
            }"""
        if not self.compiler or not self.compiler.scatters:
            return set()
        code, found = list(self.code.values()), set()
        for each, following in zip(code, code[1:]):
            jump = self.machine.jump_always.match(each.text)
            is_row = each.pc == each.row and following.pc == following.row
            if jump and is_row and self.first_jump < int(jump[1], 16) < each.pc:
                found.add(each.pc)
        return found

    @functools.cached_property
    def first_statement(self) -> int:
        """Of a body: the address of its first statement, behind the initial suspension, with all arguments set. A body
        on one line begins where its own code does: GCC 16 has inlined constructors of the library before that."""
        started = self._start()
        later = [each.pc for each in self.code.values() if each.pc > started and each.pc == each.row and each.line]
        return min((pc for pc in later if pc in self.statements), default=next(iter(later), self.start))

    def _start(self) -> int:
        """Of a body: an instruction that ends the initial suspension. GCC notes it in a variable of its own; else it
        is the first call of await_resume."""
        name = self.compiler.started if self.compiler else ""
        flag = next((each for each in self.variables(self.start) if each.name == name), None)
        store = self.machine.store_pattern(1, flag.location.offset) if flag else None
        for each in self.code.values():
            noted = store.match(each.text) if store else None
            if noted and int(noted[1], 16) == 1:
                return each.pc
        return next((each.pc for each in self.code.values() if AWAIT_RESUME in each.text), self.first_jump)

    @functools.cached_property
    def handlers(self) -> list[int]:
        """The addresses of the instructions that begin to handle an exception."""
        return [each.pc for each in self.code.values() if "__cxa_begin_catch" in each.text]

    def calls_on(self, line: int) -> list[int]:
        """The addresses of the functions that the code of this line calls directly, or of what begins on it."""
        calls = ((each, self.machine.call.match(each.text)) for each in self.code.values())
        return [int(call[1], 16) for each, call in calls if call and line == self.running_line(each.pc, each.line)]

    @functools.cached_property
    def after_prologue(self) -> int:
        """The address of its first statement, as debuggers see it: where the second row of the line table begins."""
        rows = sorted({each.row for each in self.code.values() if each.row >= self.start})
        return rows[1] if len(rows) > 1 else self.start

    @functools.cached_property
    def _suspensions(self) -> dict[int, Suspension]:
        if not self.compiler or self.number_offset is None:
            return {}
        return self.compiler.suspensions(self.code.values(), self.machine, self.number_offset)

    def suspension(self, number: int) -> int:
        """The instruction that suspends a coroutine at the co_await with this number, or where the function begins."""
        suspension = self._suspensions.get(number)
        return self.compiler.place_of(suspension) if self.compiler and suspension else self.start

    def line_of(self, pc: int) -> int:
        """The line of an instruction, or the function's first line. All of a co_await is on the first of its lines."""
        line = (self.code[pc].line if pc in self.code else 0) or self.lines[0]
        return self._first_lines.get(line, line)

    def running_line(self, pc: int, line: int) -> int:
        """The line where a coroutine runs whose machine frame is at this instruction and, as the line table has it, on
        this line. GCC counts what evaluates the operand of a co_await among the function's last line: the next call of
        await_suspend tells of which one.

            co_await doze(   25: }, and here a call of pick
                pick(2));    22: the call of await_suspend"""
        if self._is_scattered(line):
            calls = (each.call for each in self._suspensions.values() if each.call.pc >= pc)
            following = min(calls, key=lambda call: call.pc, default=None)
            if following and not self._is_scattered(following.line):
                line = following.line
        return self._first_lines.get(line, line)

    def _is_scattered(self, line: int) -> bool:
        """Whether the compiler puts parts of each co_await on this line."""
        return self.compiler is not None and self.compiler.scatters and line in (self.lines[0], self.lines[-1])

    @functools.cached_property
    def _first_lines(self) -> dict[int, int]:
        """The lines of each co_await that takes several, with the first one of them. GCC has the call of await_suspend
        on the last one, and the number's store on the first one, up to GCC 15, or on any: then the text tells."""
        found: dict[int, int] = {}
        for each in self._suspensions.values():
            first, last = each.store.line, each.call.line
            if last == 0 or self._is_scattered(last):
                continue
            if first == 0 or first >= last or self._is_scattered(first):
                first = self._line_of_text(last)
            if first < last:
                found.update(dict.fromkeys(range(first, last + 1), first))
        return found

    def _line_of_text(self, last: int) -> int:
        """The line that has the word co_await, in the statement that ends in this one; this one if it is not found."""
        for line in range(last, max(self.lines[0], last - MOST_LINES), -1):
            if AWAIT_WORD in source_line(self.file, line):
                return line
            if re.search(r"[;{}]\s*(//.*)?$", source_line(self.file, line - 1)):
                break  # another statement
        return last

    @functools.cached_property
    def paths_to_waiter(self) -> Parts:
        """Of an entry point: the ways from its coroutine frame to an awaitable_thread in its arguments."""
        return self._parts(layout.AWAITABLE_THREAD, MOST_POINTERS)

    @functools.cached_property
    def paths_to_task(self) -> Parts:
        """Of an entry point: the ways from its coroutine frame to an awaitable in its arguments."""
        return self._parts(layout.AWAITABLE, 0)

    @functools.cached_property
    def top_of_stack_offset(self) -> int | None:
        """Of an entry point: the offset of top_of_stack_ in the promise; None if Asio has no such member."""
        top = self._part_of_promise(layout.TOP_OF_STACK)
        return top.offset if top else None

    @functools.cached_property
    def executor(self) -> Member | None:
        """Of an entry point: the executor in its promise; None if Asio has no such member."""
        return self._part_of_promise(*layout.EXECUTOR)

    @functools.cached_property
    def executor_type(self) -> str:
        """The full name of that executor's type; empty if there is none."""
        return self._debugger.type_name(self.executor.type) if self.executor else ""

    @functools.cached_property
    def has_executor(self) -> Member | None:
        """Of an entry point: whether there is an executor, in its promise; None if Asio has no such member."""
        return self._part_of_promise(layout.HAS_EXECUTOR)

    @functools.cached_property
    def cancellation(self) -> Path | None:
        """Of an entry point: the way from its promise to what tells that its task was cancelled; None if Asio has no
        such member."""
        state = self._part_of_promise(*layout.CANCELLATION)
        target = self._debugger.pointee(state.type) if state else None
        members = () if target is None else self._debugger.members(target)
        cancelled = next((member.offset for member in members if member.name == layout.CANCELLED), None)
        return None if state is None or cancelled is None else (state.offset, cancelled)

    def _part_of_promise(self, *names: str) -> Member | None:
        """A member of the promise, a member of that, and so on, by their names: its offset is from the promise."""
        wanted = self.compiler.promise if self.compiler else ""
        promise = next((each for each in self.variables(self.start) if each.name == wanted), None)
        if promise is None:
            return None
        part = Member(wanted, 0, promise.type)
        for name in names:
            members = self._debugger.members(part.type)
            inner = next((member for member in members if member.name == name), None)
            if inner is None:
                return None
            part = Member(name, part.offset + inner.offset, inner.type)
        return part

    def _parts(self, wanted: re.Pattern[str], pointers: int) -> Parts:
        start = [
            (each.location.offset, each.type)
            for each in self.arguments
            if each.location.inner is None and self._debugger.pointee(each.type) is None
        ]
        return search(self._debugger, start, wanted, layout.NO_HANDLER, pointers)
