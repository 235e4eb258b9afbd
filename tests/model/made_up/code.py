"""The code of a made-up program: a compiler, of a kind, for a few lines of C++.

    awaitable<void> session(int id) {
        int count = 0;                     a statement, and a variable of the block it is in
        for (;;) {                         a loop: its line has code where it begins and where it ends
            co_await pause();              a suspension point
            bool last = true;              a store of 1
        }
        } catch (const error&) {           a place where an exception is handled
    }

A function begins and ends in column 0. What it returns tells whether it is a coroutine. Its code has just what the
model looks at, in the order in which GCC 12 and Clang 19 have it with -O0 -g. Calls of other functions of the program
are written as @name: where those are is known later."""

from __future__ import annotations

import abc
import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from asio_coroutines.debugger import FunctionInfo, Instruction, Member, Symbol

INSTRUCTION = 4  # bytes, each
INITIAL_RESUME = "call   0x401050 <_ZNKSt7__n486114suspend_always12await_resumeEv>"  # behind the initial suspension
BODY = 4  # columns: how far the outermost block of a function is indented
PROMISE = 16
FUNCTION = re.compile(r"(?P<returns>\S+) (?P<name>\S.*?)\((?P<parameters>.*)\) \{$")
VARIABLE = re.compile(r" +(?P<type>\w+) (?P<name>\w+) = ")


@dataclass(frozen=True, eq=False, slots=True)
class CppType:
    """A C++ type. Two types are the same only if they are the same object: the names of lambdas tell nothing."""

    name: str
    size: int = 8
    members: Sequence[Member] = ()
    target: CppType | None = None  # what a pointer points to
    referent: CppType | None = None  # what a reference refers to
    is_class: bool = False


INT = CppType("int", 4)
BOOL = CppType("bool", 1)
LONG = CppType("long")
BUILT_IN = {"int": INT, "bool": BOOL, "long": LONG}


def pointer(target: CppType) -> CppType:
    """A pointer to this type."""
    return CppType(f"{target.name} *", target=target)


def reference(target: CppType) -> CppType:
    """A reference to this type."""
    return CppType(f"{target.name} &", referent=target)


def is_closure(type_: CppType) -> bool:
    """Whether it is a pointer to a lambda: to a class without a name."""
    return type_.target is not None and not type_.target.name


def struct(name: str, **members: CppType) -> CppType:
    """A struct with these members, each at the next multiple of 8 bytes."""
    placed, size = [], 0
    for member, type_ in members.items():
        placed.append(Member(member, size, type_))
        size += (type_.size + 7) // 8 * 8
    return CppType(name, max(size, 1), placed, is_class=True)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a coroutine, in its frame."""

    name: str
    type: CppType
    offset: int
    line: int
    block: range  # the lines of the block it is in; that of a coroutine's arguments has all lines
    depth: int  # of the block: 0 is for arguments


@dataclass(slots=True)
class Function:
    """A made-up function, compiled."""

    info: FunctionInfo
    is_coroutine: bool = False  # this is a body
    instructions: list[Instruction] = field(default_factory=list)
    scopes: list[int] = field(default_factory=list)  # the source line that each instruction was made for, or 0
    arguments: list[Variable] = field(default_factory=list)
    locals: list[Variable] = field(default_factory=list)
    own: list[Symbol] = field(default_factory=list)  # the variables that the compiler adds
    suspensions: dict[int, int] = field(default_factory=dict)  # the numbers of co_awaits, by line
    number: int = 0  # the number's offset in the coroutine frame
    frame_size: int = 0

    def offset(self, variable: str) -> int:
        """Where a variable is in the coroutine frame."""
        return next(each.offset for each in [*self.arguments, *self.locals] if each.name == variable)

    def pc(self, line: int, nth: int = 0) -> int:
        """The first instruction of a row of this line: of the first such row, or the one with this index."""
        rows = [each.pc for each in self.instructions if each.line == line and each.pc == each.row]
        return rows[nth]

    def pc_of(self, text: str, line: int = 0) -> int:
        """The first instruction with this in its text, if a line is given, in that."""
        return next(each.pc for each in self.instructions if text in each.text and line in (0, each.line))

    def line_of(self, pc: int) -> int:
        """The line of an instruction."""
        return next((each.line for each in self.instructions if each.pc == pc), 0)


@dataclass(frozen=True, slots=True)
class Source:
    """A function's source text."""

    first: int  # line
    lines: list[str]
    returns: str
    name: str
    parameters: list[tuple[str, str]]  # type and name

    @property
    def last(self) -> int:
        """The last line."""
        return self.first + len(self.lines) - 1

    @property
    def is_coroutine(self) -> bool:
        """Whether its code is a coroutine's body."""
        return self.returns.startswith("awaitable<")

    def body(self) -> Iterator[tuple[int, str]]:
        """Its lines between the first and the last, with their numbers."""
        return enumerate(self.lines[1:-1], self.first + 1)

    def variables(self) -> Iterator[tuple[str, str, int, range, int]]:
        """Type, name, line, block and depth of each local variable. A block ends where less is indented."""
        for line, text in self.body():
            if found := VARIABLE.match(text):
                depth = _indentation(text)
                first = self._outermost(line, depth, -1)
                block = range(first, self._outermost(line, depth, 1) + 1)
                yield found["type"], found["name"], line, block, depth

    def _outermost(self, line: int, depth: int, direction: int) -> int:
        """The last line of the block with this line, in one direction."""
        while _indentation(self.lines[line + direction - self.first]) >= depth:
            line += direction
        return line


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())


def functions_in(text: str) -> Iterator[Source]:
    """The functions of a source file."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if head := FUNCTION.match(line):
            end = next(at for at in range(number, len(lines)) if lines[at].startswith("}"))
            parameters = [each.rpartition(" ")[::2] for each in head["parameters"].split(", ") if each]
            yield Source(number, lines[number - 1 : end + 1], head["returns"], head["name"], parameters)


class Assembler:
    """Instructions, one after the other."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._pc = function.info.start
        self.scope = 0

    def row(self, line: int, *texts: str) -> None:
        """A row of the line table, with these instructions."""
        first = self._pc
        for text in texts:
            self._function.instructions.append(Instruction(self._pc, first, line, text))
            self._function.scopes.append(self.scope)
            self._pc += INSTRUCTION


class MadeUpCompiler(abc.ABC):
    """What GCC and Clang have in common. `with_asan` is for builds with AddressSanitizer."""

    initial: int
    number_step: int
    frame_parameter: str
    created: str  # a variable of a ramp

    def __init__(self, with_asan: bool = False) -> None:
        self.with_asan = with_asan

    def compile(
        self, source: Source, file: str, start: int, types: Mapping[str, CppType], promise: CppType
    ) -> Function:
        """The function's code, from an address on."""
        function = Function(FunctionInfo(self._name(source), start, 0, file), source.is_coroutine)
        assembler = Assembler(function)
        if source.is_coroutine:
            self._place_variables(function, source, {**BUILT_IN, **types}, promise)
            self._body(function, source, assembler)
        else:
            assembler.row(source.first, "push   %rbp")
            for line, text in source.body():
                self._statement(function, line, text, assembler)
            assembler.row(source.last, "ret")
        end = start + INSTRUCTION * len(function.instructions)
        function.info = FunctionInfo(function.info.name, start, end, file)
        return function

    def _place_variables(
        self, function: Function, source: Source, types: Mapping[str, CppType], promise: CppType
    ) -> None:
        at = PROMISE + promise.size + 8  # after the handle that GCC keeps there
        for type_name, name in source.parameters:
            lines = range(source.first, source.last + 1)
            function.arguments.append(Variable(name, types[type_name], at, source.first, lines, 0))
            at += (types[type_name].size + 7) // 8 * 8
        function.number, at = at, at + 8
        for type_name, name, line, block, depth in source.variables():
            function.locals.append(Variable(name, types[type_name], at, line, block, depth))
            at += 8
        function.frame_size = at + 16  # temporaries come last
        function.own = self._own_variables(function, promise)

    def _body(self, function: Function, source: Source, assembler: Assembler) -> None:
        self._begin(function, source, assembler)
        number, loops = self.initial, [0]
        for line, text in source.body():
            assembler.scope = line
            if "co_await" in text:
                number += self.number_step
                function.suspensions[line] = number
                self._co_await(function, source, line, number, assembler)
            elif "catch" in text:
                assembler.row(line, "call   0x401030 <__cxa_begin_catch@plt>")
            elif text.strip() == "}":
                if loop := loops.pop():
                    assembler.row(loop, "cmpl   $0x3,-0x14(%rbp)", "jl     0x401020")
            else:
                self._statement(function, line, text, assembler)
            if text.endswith("{") and "catch" not in text:
                loops.append(line if re.search(r"\b(for|while)\b", text) else 0)
        assembler.scope = 0
        self._end(function, source, number + self.number_step, assembler)

    def _statement(self, function: Function, line: int, text: str, assembler: Assembler) -> None:
        if "= true" in text:
            variable = VARIABLE.match(text)
            assembler.row(line, self._store(1, 1, function.offset(variable["name"]) if variable else 0))
        elif text.strip() not in ("", "}", "try {"):
            called = re.search(r"(\w+)\(", text)
            assembler.row(line, "mov    $0x1,%edi", f"call   @{called[1] if called else 'operator'}")

    def _store(self, size: int, value: int, offset: int) -> str:
        place = "" if self.with_asan else f"0x{offset:x}"
        return f"mov{'bw'[size - 1]}   $0x{value:x},{place}(%rax)"

    @abc.abstractmethod
    def _name(self, source: Source) -> str:
        """The function's name in debug information."""

    @abc.abstractmethod
    def _own_variables(self, function: Function, promise: CppType) -> list[Symbol]:
        """The variables that the compiler adds."""

    @abc.abstractmethod
    def _begin(self, function: Function, source: Source, assembler: Assembler) -> None:
        """The prologue, and the initial suspension."""

    @abc.abstractmethod
    def _co_await(self, function: Function, source: Source, line: int, number: int, assembler: Assembler) -> None:
        """A suspension point."""

    @abc.abstractmethod
    def _end(self, function: Function, source: Source, number: int, assembler: Assembler) -> None:
        """The final suspension."""

    @abc.abstractmethod
    def symbols(self, function: Function, pc: int) -> list[Symbol]:
        """The variables that are visible at an instruction, the innermost block's first."""


def _inner_blocks(function: Function, pc: int, outermost: int) -> list[Variable]:
    """The local variables visible there in blocks deeper than the outermost, the innermost block's first."""
    at = bisect.bisect_left(function.instructions, pc, key=lambda each: each.pc)
    line = function.scopes[at] if at < len(function.scopes) else 0
    visible = [each for each in function.locals if line in each.block and each.depth > outermost]
    return sorted(visible, key=lambda each: -each.depth)


def _awaited(source: Source, line: int) -> str:
    """The ramp that the co_await in this line calls."""
    called = re.search(r"co_await (\w+)\(", source.lines[line - source.first])
    return f"ramp of {called[1]}" if called else "operation"


class GCC(MadeUpCompiler):
    """GCC 12: parts of each co_await are on the function's first and last line."""

    initial, number_step, frame_parameter, created = 2, 2, "frame_ptr", "_Coro_frameptr"

    def _name(self, source: Source) -> str:
        if not source.is_coroutine:
            return f"{source.name}({', '.join(type_ for type_, _ in source.parameters)})"
        plain = re.sub(r"\W", "_", source.name)
        return f"{source.name}(_Z{len(plain)}{plain}i.Frame *)"

    def _own_variables(self, function: Function, promise: CppType) -> list[Symbol]:
        handle = CppType("std::__n4861::coroutine_handle<void>")
        short = CppType("unsigned short", 2)
        at = "a complex DWARF expression:\n     0: DW_OP_fbreg -56\n, length 8."
        return [
            Symbol("frame_ptr", pointer(CppType("Frame")), at, True, 1),
            self._symbol("_Coro_promise", promise, PROMISE, 1),
            self._symbol("_Coro_self_handle", handle, PROMISE + promise.size, 1),
            self._symbol("_Coro_resume_index", short, function.number, 0),
            self._symbol("Is", CppType("std::__n4861::suspend_always", 1), function.number + 2, 0),
        ]

    def symbols(self, function: Function, pc: int) -> list[Symbol]:
        outer = [each for each in function.locals if each.depth == BODY]
        blocks = _inner_blocks(function, pc, BODY)
        inner_locals, outer_locals = (
            [self._symbol(each.name, each.type, each.offset, each.line) for each in variables]
            for variables in (blocks, outer)
        )
        closure = next((each for each in function.arguments if each.name == "this" and is_closure(each.type)), None)
        arguments = [
            self._symbol("__closure" if each is closure else each.name, each.type, each.offset, 0)
            for each in function.arguments
        ]
        captured = self._captured(closure.offset, closure.type) if closure else []
        # The innermost block comes first. The outermost one has the arguments between the compiler's own variables.
        return [*inner_locals, *function.own[:3], *arguments, *function.own[3:], *captured, *outer_locals]

    @staticmethod
    def _captured(offset: int, closure: CppType) -> list[Symbol]:
        """What a lambda has captured, the last one first. The pointer to it is at this offset in the frame."""
        members = closure.target.members if closure.target else ()
        at = f"DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x{offset:x}, DW_OP_deref"
        places = [f", DW_OP_plus_uconst 0x{each.offset:x}" if each.offset else "" for each in members]
        return [
            Symbol(each.name, each.type, at + place, False, 0) for each, place in reversed([*zip(members, places)])
        ]

    @staticmethod
    def _symbol(name: str, type_: CppType, offset: int, line: int) -> Symbol:
        place = f"     3: DW_OP_deref\n     4: DW_OP_plus_uconst {offset}\n" if offset else "     3: DW_OP_deref\n"
        where = f"a complex DWARF expression:\n     0: DW_OP_fbreg -56\n{place}, length {type_.size}."
        return Symbol(name, type_, where, False, line)

    def _begin(self, function: Function, source: Source, assembler: Assembler) -> None:
        assembler.row(source.first, "push   %rbp", "mov    %rdi,-0x38(%rbp)")
        assembler.row(source.last, f"movzwl 0x{function.number:x}(%rax),%eax", "je     0x401020 <session+20>")
        assembler.row(source.first, self._store(2, self.initial, function.number))
        assembler.row(source.last, "call   0x401040 <_ZNKSt14suspend_always13await_suspendE>", "jmp    0x401020")
        assembler.row(source.last, INITIAL_RESUME)

    def _co_await(self, function: Function, source: Source, line: int, number: int, assembler: Assembler) -> None:
        assembler.row(line, f"call   @{_awaited(source, line)}")
        assembler.row(source.first, "call   0x401060 <await_ready>", self._store(2, number, function.number))
        assembler.row(line, "call   0x401070 <_ZN5boost4asio9awaitableIvE13await_suspendE>")
        assembler.row(source.last, "jmp    0x401020")
        assembler.row(line, "call   0x401080 <_ZN5boost4asio9awaitableIvE12await_resumeEv>")

    def _end(self, function: Function, source: Source, number: int, assembler: Assembler) -> None:
        assembler.row(source.last, "call   0x401090 <return_void>")
        assembler.row(source.last, "call   0x401030 <__cxa_begin_catch@plt>")
        assembler.row(source.first, self._store(2, number, function.number))
        assembler.row(source.last, "call   0x4010a0 <final_suspend::await_suspend>", "ret")


class Clang(MadeUpCompiler):
    """Clang 19: the prologue is labelled with lines of the body; a part of each co_await is in a wrapper function."""

    initial, number_step, frame_parameter, created = 0, 1, "__coro_frame", "__coro_frame"

    def _name(self, source: Source) -> str:
        return f"{source.name}({', '.join(type_ for type_, _ in source.parameters)})"

    def _own_variables(self, function: Function, promise: CppType) -> list[Symbol]:
        index = Member("__coro_index", function.number, CppType("unsigned char", 1))
        return [
            self._symbol("__promise", promise, PROMISE, 0, False),
            self._symbol("__coro_frame", CppType("Frame", function.frame_size, [index]), 0, 0, False),
        ]

    def symbols(self, function: Function, pc: int) -> list[Symbol]:
        inner = _inner_blocks(function, pc, 0)
        return [
            *[self._symbol(each.name, each.type, each.offset, each.line, False) for each in inner],
            *[self._symbol(each.name, each.type, each.offset, each.line, True) for each in function.arguments],
            *function.own,
        ]

    @staticmethod
    def _symbol(name: str, type_: CppType, offset: int, line: int, is_argument: bool) -> Symbol:
        where = f", DW_OP_plus_uconst 0x{offset:x}" if offset else ""
        return Symbol(name, type_, f"DW_OP_fbreg -8, DW_OP_deref{where}", is_argument, line)

    def _begin(self, function: Function, source: Source, assembler: Assembler) -> None:
        first_statement = source.first + 1
        assembler.row(source.first, "push   %rbp", "mov    %rdi,-0x8(%rbp)")
        assembler.row(first_statement, "lea    0x48(%rdi),%rax")
        assembler.row(source.first, "cmpb   $0x0,(%rax)", "je     0x401020 <session+20>")
        assembler.row(source.first, self._store(1, self.initial, function.number))
        assembler.row(source.first, "call   0x401040 <session.__await_suspend_wrapper__init>", "jmp    0x401020")
        assembler.row(source.first, INITIAL_RESUME)

    def _co_await(self, function: Function, source: Source, line: int, number: int, assembler: Assembler) -> None:
        assembler.row(line, f"call   @{_awaited(source, line)}", "jne    0x401020")
        assembler.row(line, self._store(1, number, function.number))
        assembler.row(line, "call   0x401070 <session.__await_suspend_wrapper__await>", "jmp    0x401020")
        assembler.row(line, "call   0x401080 <_ZN5boost4asio9awaitableIvE12await_resumeEv>")

    def _end(self, function: Function, source: Source, number: int, assembler: Assembler) -> None:
        assembler.row(source.last, "call   0x401090 <return_void>", "jmp    0x401020")
        assembler.row(source.first, "call   0x401030 <__cxa_begin_catch@plt>")
        assembler.row(source.first, self._store(1, number, function.number))
        assembler.row(source.first, "call   0x4010a0 <session.__await_suspend_wrapper__final>", "ret")
