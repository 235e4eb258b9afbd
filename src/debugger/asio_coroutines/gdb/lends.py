"""What GDB lends the model: the interface of debugger.py, for the selected inferior. Has GDB's frames, types and
values; knows no coroutines. What GDB tells only in words is read here."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import gdb

from ..debugger import Frame, FunctionInfo, Instruction, Mapping, Member, NoMemory, Symbol, Thread
from ..machine import MACHINES
from ..names import is_library

REFERENCES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)
MOST_ELEMENTS = 40  # of a string, in a value's text
STREAM_RECORD = re.compile(r'~".*"$')  # ~"Id   Target Id\n"
SYMBOL = re.compile(r"(.*?)(?: \+ (\d+))? in section ")  # "leaf(int) + 8 in section .text", "main in section .text"
# "Symbol id is a variable at frame base reg $rbp offset 16+-24, length 4." Of the same name, inner ones come first.
SCOPE = re.compile(r"^Symbol (.+?) is ((?:(?!^Symbol ).)*)", re.M | re.S)
# " [18]     0x555555591000->0x5555555b2000 at 0x00029698: load5 ALLOC LOAD HAS_CONTENTS", without READONLY
SECTION_OF_CORE = re.compile(r"0x(\w+)->0x(\w+) at 0x\w+: load\S* (?!.*READONLY).*LOAD.*()$", re.M)
# "      0x555555591000     0x5555555b2000    0x21000        0x0  rw-p   [heap]"
MAPPING = re.compile(r"^ *0x(\w+) +0x(\w+) +0x\w+ +0x\w+ +\S?w\S* *(.*?) *$", re.M)


def execute(command: str) -> str:
    """What the command prints on a terminal. In a session of MI, GDB 18 gives most of it as MI's stream records. Raises
    gdb.error."""
    lines = gdb.execute(command, to_string=True).splitlines(keepends=True)
    return "".join(_text_in(line) if STREAM_RECORD.match(line) else line for line in lines)


def _text_in(record: str) -> str:
    """What a stream record says. It has the bytes of UTF-8, those of other letters than English ones as \\303\\244, and
    \\e for the character with which colours begin."""
    code = record[1:].strip().encode().decode("latin-1")
    code = re.sub(r"\\(.)", lambda escape: r"\033" if escape[1] == "e" else escape[0], code)
    return str(ast.literal_eval(code)).encode("latin-1").decode(errors="replace")


def value_at(address: int, type_: gdb.Type) -> gdb.Value:
    """The value in memory; a reference's is what it refers to. Raises gdb.error where it is read."""
    plain = type_.strip_typedefs()
    if plain.code in REFERENCES:
        return value_at(address, plain.target().pointer()).dereference()
    return gdb.Value(address).cast(type_.pointer()).dereference()


def described(frame: gdb.Frame) -> Frame:
    """GDB's frame as the model knows it."""
    place, pc = frame.find_sal(), frame.pc()
    library = "" if frame.type() == gdb.SIGTRAMP_FRAME else gdb.solib_name(pc) or ""  # that frame is to be seen
    file = place.symtab.fullname() if place.symtab else library
    name, function = frame.name() or "", frame.function()
    if function:
        name = _with_scopes(name, function)
    return Frame(frame, name, pc, int(frame.read_register("sp")), place.line, file, library)


def frames(newest: gdb.Frame | None = None) -> Iterator[Frame]:
    """The machine frames of the selected thread, unwound as they are asked for, as far as that can be done."""
    with contextlib.suppress(gdb.error):
        frame = newest or gdb.newest_frame()
        while frame:
            yield described(frame)
            frame = frame.older()


def set_registers(values: dict[str, int]) -> None:
    """Sets these registers of the selected thread, and selects its newest frame: those of another one are the registers
    that it would have. Raises gdb.error."""
    gdb.newest_frame().select()
    for name, value in values.items():
        gdb.execute(f"set var ${name} = {value}")


class GDB:
    """The selected inferior."""

    def __init__(self) -> None:
        self._resumed = 0  # how often a program has run on
        self._before_calls: list[int] = []  # the same, where an expression began to call a function, for each such call
        gdb.events.cont.connect(lambda _event: self._count())
        gdb.events.stop.connect(lambda _event: self._note_stop())
        gdb.events.inferior_call.connect(self._leave_out_call)

    def _count(self) -> None:
        self._resumed += 1

    def _leave_out_call(self, event: Any) -> None:
        """For a call GDB 18 sends the event cont, too, unlike GDB 13 and 16."""
        if isinstance(event, gdb.InferiorCallPreEvent):
            self._before_calls.append(self._resumed)
        elif self._before_calls:
            self._resumed = self._before_calls.pop()

    def _note_stop(self) -> None:
        """A call that ends at a breakpoint is no call any more."""
        if self._before_calls:
            self._before_calls.clear()
            self._count()

    def is_live(self) -> bool:
        """Whether it is a process, not a core dump, or nothing."""
        connection = gdb.selected_inferior().connection
        return connection is not None and connection.type != "core"

    def read(self, address: int, size: int) -> bytes:
        try:
            return bytes(gdb.selected_inferior().read_memory(address, size).tobytes())
        except (gdb.error, OverflowError) as error:
            raise NoMemory(f"cannot read memory at 0x{address:x}") from error

    def function_at(self, pc: int) -> FunctionInfo | None:
        block = gdb.current_progspace().block_for_pc(pc)
        while block and not block.function:
            block = block.superblock
        if block and block.function.symtab:
            return FunctionInfo(_full_name(block), block.start, block.end, block.function.symtab.fullname())
        symbol = SYMBOL.match(execute(f"info symbol {pc}"))
        return FunctionInfo(symbol[1], pc - int(symbol[2] or 0), 0, "") if symbol else None

    def symbols_at(self, pc: int) -> Sequence[Symbol]:
        symbols: list[gdb.Symbol] = []
        block = gdb.current_progspace().block_for_pc(pc)
        while block and not block.is_static:
            symbols += block
            block = block.superblock if not block.function else None
        told = SCOPE.findall(execute(f"info scope *{pc}"))  # (name, where it is)
        names = [name for name, _ in told]
        found: list[Symbol] = []
        begin = 0
        for symbol in symbols:  # not all are told of, but those in this order
            if symbol.name in names[begin:]:
                at = names.index(symbol.name, begin)
                begin = at + 1
                found.append(Symbol(symbol.name, symbol.type, told[at][1], symbol.is_argument, symbol.line))
        return found

    def instructions(self, function: FunctionInfo) -> Sequence[Instruction]:
        with _att_syntax():
            code = gdb.selected_inferior().architecture().disassemble(function.start, function.end - 1)
        found = []
        for each in code:
            place = gdb.find_pc_line(each["addr"])
            is_same_file = place.symtab is not None and place.symtab.fullname() == function.file
            line = place.line if is_same_file else 0
            found.append(Instruction(each["addr"], place.pc, line, each["asm"]))
        return found

    def functions_named(self, name: str) -> Sequence[int]:
        try:
            places = gdb.decode_line(name)[1] or ()
        except gdb.error:  # there is none
            return []
        return [place.pc for place in places]

    def functions_ending(self, name: str) -> Sequence[int]:
        return self.functions_named(name)  # GDB takes a name without scopes for all of them

    def linker_name(self, pc: int) -> str:
        with gdb.with_parameter("print demangle", False):
            symbol = SYMBOL.match(execute(f"info symbol {pc}"))
        return symbol[1] if symbol else ""

    def has_symbol(self, name: str) -> bool:
        try:
            return bool(execute(f"info address {name}"))
        except gdb.error:
            return False

    def variable_at(self, address: int) -> str:
        symbol = SYMBOL.match(execute(f"info symbol {address}"))
        return symbol[1] if symbol else ""

    def is_class(self, type_: gdb.Type) -> bool:
        return type_.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)

    def members(self, type_: gdb.Type) -> Sequence[Member]:
        if not self.is_class(type_):
            return []
        return [
            Member(field.name or "", field.bitpos // 8, field.type)
            for field in type_.strip_typedefs().fields()
            if hasattr(field, "bitpos") and not field.bitsize  # not static, no bit-field
        ]

    def size(self, type_: gdb.Type) -> int:
        return int(type_.strip_typedefs().sizeof)

    def pointee(self, type_: gdb.Type) -> gdb.Type | None:
        plain = type_.strip_typedefs()
        return plain.target() if plain.code == gdb.TYPE_CODE_PTR else None

    def referent(self, type_: gdb.Type) -> gdb.Type | None:
        plain = type_.strip_typedefs()
        return plain.target() if plain.code in REFERENCES else None

    def type_name(self, type_: gdb.Type) -> str:
        plain = type_.strip_typedefs().unqualified()
        return plain.name or ""

    def text(self, type_: gdb.Type, address: int) -> str:
        try:
            text: str = value_at(address, type_).format_string(summary=True, max_elements=MOST_ELEMENTS)
        except gdb.error:
            return "..."
        return "..." if "{" in text else text

    def full_text(self, type_: gdb.Type, address: int) -> str:
        try:
            return str(value_at(address, type_).format_string())
        except gdb.error as error:
            return f"<error: {error}>"

    def mappings(self) -> Iterator[Mapping]:
        if self.is_live():
            rows = MAPPING.findall(execute("info proc mappings"))
        else:
            rows = SECTION_OF_CORE.findall(execute("maint info sections"))
        for start, end, name in rows:
            yield Mapping(int(start, 16), int(end, 16), name)

    def threads(self) -> Iterator[Thread]:
        """Selects them in turn: a frame is one of the selected thread's."""
        for thread in gdb.selected_inferior().threads():
            if thread.is_stopped():
                thread.switch()
                yield Thread(f"thread {thread.num}", frames())

    def parameter(self, frame: Frame, name: str) -> int:
        try:
            block = frame.handle.block()
            while not block.function:  # a local of a block within may have the same name
                block = block.superblock
            symbol = next((symbol for symbol in block if symbol.name == name), None)
            if symbol is None:
                return 0
            value = frame.handle.read_var(symbol, block)
            return int(value if self.pointee(value.type) else value.address)
        except (gdb.error, RuntimeError, ValueError, TypeError):  # no debug information, or optimised out
            return 0

    def register(self, frame: Frame, name: str) -> int:
        try:
            return int(frame.handle.read_register(name))
        except (gdb.error, ValueError):
            return 0

    def architecture(self) -> str:
        name = gdb.selected_inferior().architecture().name()
        return next((known for known in MACHINES if known in name), name)  # "i386:x86-64"

    def process_id(self) -> int | None:
        inferior = gdb.selected_inferior()
        is_here = inferior.connection is not None and inferior.connection.type == "native"
        return inferior.pid if is_here and inferior.pid else None

    def code_id(self) -> Hashable:
        progspace: Hashable = gdb.current_progspace()
        return progspace

    def stop_id(self) -> Hashable:
        inferior = gdb.selected_inferior()
        connection = inferior.connection.num if inferior.connection else 0  # each core dump has its own
        return inferior.num, connection, inferior.pid, self._resumed


def _full_name(block: gdb.Block) -> str:
    """The name of a block's function. Of the body of a lambda coroutine GCC has only operator(): the symbol there tells
    in which function it is."""
    name = _with_scopes(block.function.name, block.function)
    if not name.startswith("operator()("):
        return name
    symbol = SYMBOL.match(execute(f"info symbol {block.start}"))
    return symbol[1] if symbol else "{lambda}"


def _with_scopes(name: str, function: gdb.Symbol) -> str:
    """A function's name, or its mangled one if only that tells that it is a library's. GDB 18 cannot demangle what has
    constraints of C++20 in it, as many functions of Boost 1.92 have; then it takes the name from debug information,
    which is without scopes: "dispatch<...>", "operator()"."""
    scope = name.partition("<")[0].partition("(")[0]
    mangled: str = function.linkage_name or ""
    return mangled if "::" not in scope and mangled.startswith("_Z") and is_library(mangled, "") else name


def _att_syntax() -> contextlib.AbstractContextManager[Any]:
    """The disassembler's AT&T syntax, where there is more than one."""
    try:
        att: contextlib.AbstractContextManager[Any] = gdb.with_parameter("disassembly-flavor", "att")
        return att
    except RuntimeError:  # a GDB that knows no x86
        return contextlib.nullcontext()
