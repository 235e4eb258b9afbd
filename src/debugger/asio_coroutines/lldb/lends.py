"""What LLDB lends the model: the interface of debugger.py, for one process. Has LLDB's process and target; knows no
coroutines. What LLDB tells only in words is read here."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, BinaryIO

import lldb

from ..debugger import Frame, FunctionInfo, Instruction, Mapping, Member, NoMemory, Symbol, Thread

MOST_FRAMES = 100_000  # of one call stack
MOST_CHARACTERS = 40  # of a value's text
CLASSES = lldb.eTypeClassClass | lldb.eTypeClassStruct | lldb.eTypeClassUnion
ADDRESSES = 1 << 64
ADDRESSES_OF_PROGRAMS = 1 << 63  # the others are the system's
PROCESSORS = {"x86_64": "x86-64", "aarch64": "aarch64", "arm64": "aarch64"}  # as LLDB's triples begin: see machine.py
# "Variable: id = {0x1}, name = "id", type = "int", valid ranges = ..., location = DW_OP_fbreg -8, decl = main.cpp:43"
VARIABLE = re.compile(r'^ +Variable: id = \{\w+\}, name = "(.*?)", type = .*, location = (.*), decl =', re.M)
BODY = re.compile(r"^_Z.*\.(actor|resume)\b")  # a coroutine's body: "_Z5servePZ5serveiE5_Z5servei.Frame.actor" by GCC
MANGLED_LOCAL = "_ZZ"  # as the name of a function's static variable begins
GENERIC_LAMBDA = re.compile(r"(.*\$_\d+cl)I.*")  # "_ZNK3$_0clIiEEDaT_"
DEMANGLED = " ---> "  # "_Z4leafi ---> leaf(int)"
PRINTED = re.compile(r"^\(.*?\) value = ")  # "(int) value = 7"
# "Hook: 2\n  State: enabled\n  AutoContinue on\n  Specifier:\n    File: a.cpp.\n  Commands: \n    bt\n\n"
STOP_HOOK = re.compile(r"^Hook: \d+\n(?: .*\n)*", re.M)
NO_VOTE = re.compile(r"^ *(State: disabled|AutoContinue on|Specifier:|Class:)", re.M)  # keeps nothing in Asio
NOT_LIVE = re.compile("core|minidump")  # in the name of what LLDB has in place of a process: "elf-core", "minidump"


def execute(target: Any, command: str, result: Any = None, context: Any = None) -> Any:
    """The SBCommandReturnObject of a command of LLDB's, which is `result` if that is given. It is executed in this
    SBFrame or SBThread or, if none is named, for this SBTarget: LLDB's own choice is what was selected before our
    command."""
    result = result or lldb.SBCommandReturnObject()
    interpreter = target.debugger.GetCommandInterpreter()
    interpreter.HandleCommand(command, lldb.SBExecutionContext(context or target), result, False)
    return result


def is_kept_stopped(target: Any) -> bool:
    """Whether a stop hook of the user's keeps the program stopped at each stop: LLDB lets it run on only if all hooks
    agree. Those that are commands do not; those that are classes say what they like."""
    hooks = STOP_HOOK.findall(execute(target, "target stop-hook list").GetOutput() or "")
    return any(not NO_VOTE.search(hook) for hook in hooks)


def is_command_line_22(debugger: Any) -> bool:
    """Whether this SBDebugger is the command line of LLDB 22, on a terminal. It interrupts a program that a stop hook
    lets run on, to look where it is: https://github.com/llvm/llvm-project/issues/190956. (What does so is a thread of
    its own, which editors do not have.)"""
    if "version 22." not in debugger.GetVersionString() or not debugger.GetAsync():
        return False
    for name in pathlib.Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            if name.read_text() == "dbg.evt-handler\n":
                return True
    return False


def text_of(value: Any) -> str:
    """An SBValue as text, "..." if that takes more than a few words."""
    value = value.Dereference() if value.type.IsReferenceType() else value
    text = value.summary or value.value or "..."
    return text if len(text) <= MOST_CHARACTERS else "..."


def described(frame: Any) -> Frame:
    """An SBFrame as the model knows it."""
    place, module = frame.line_entry, frame.module.file
    file = (place.file if place else module).fullpath or ""
    library = "" if module == frame.thread.process.target.executable else module.fullpath or ""
    return Frame(frame, frame.name or "", frame.pc, frame.sp, place.line, file, library)


def newest_frame(thread: Any) -> Any:
    """The newest SBFrame of an SBThread, which is not stale: see _drop_stale_frames()."""
    _drop_stale_frames(thread)
    return thread.GetFrameAtIndex(0)


def _drop_stale_frames(thread: Any) -> None:
    """LLDB 22 may still have the frames of the stop before. Its registers are new; writing the pc, as it is, makes LLDB
    unwind again. An SBFrame of this SBThread that one has may be invalid afterwards."""
    frame = thread.GetFrameAtIndex(0)
    pc = frame.FindRegister("pc")
    if pc.error.success and pc.unsigned != frame.pc:
        frame.SetPC(pc.unsigned)


def frames(thread: Any) -> Iterator[Frame]:
    """The machine frames of an SBThread, unwound as they are asked for."""
    _drop_stale_frames(thread)
    found = map(thread.GetFrameAtIndex, range(MOST_FRAMES))
    return map(described, itertools.takewhile(bool, found))


UNNAMED = "___lldb_unnamed_symbol"  # LLDB's name for code that has no symbol of its own


class LLDB:
    """One process. Several debuggers may live in one program: nothing here is of all of them."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.target = process.target
        self._symbols: dict[str, bool] = {}
        self._memory: BinaryIO | None = None  # the process's, where that is one of this machine
        self._memory_of: int | None = None  # the process with this number; None where it is not known yet

    def place(self, pc: int) -> Any:
        """The SBAddress of an instruction."""
        return self.target.ResolveLoadAddress(pc)

    def address(self, place: Any) -> int:
        """The address of an SBAddress."""
        return int(place.GetLoadAddress(self.target))

    def forget(self) -> None:
        """More of the program has been loaded, or less."""
        self._symbols.clear()
        self._memory_of = None  # `exec` has put another memory in the place of the process's

    def is_live(self) -> bool:
        """Whether it is a process, not a core dump."""
        return not NOT_LIVE.search(self.process.GetPluginName())

    def read(self, address: int, size: int) -> bytes:
        """(LLDB gets it from another process, in small packets, which takes ten times as long as the system does.)"""
        number = self.process.GetProcessID()
        if self._memory_of != number:  # of a process that LLDB has followed over a fork the number is another one
            self._memory, self._memory_of = self._open_memory(), number
        if self._memory and 0 < address < ADDRESSES_OF_PROGRAMS and size > 0:
            try:
                memory = os.pread(self._memory.fileno(), size, address)
            except OSError:  # there is none
                memory = b""
            if len(memory) == size:
                return memory
        return self.read_code(address, size)

    def read_code(self, address: int, size: int) -> bytes:
        """The bytes there, without the instructions of the debugger's own breakpoints. Raises NoMemory."""
        error = lldb.SBError()
        is_address = 0 < address < ADDRESSES and size > 0
        memory = self.process.ReadMemory(address, size, error) if is_address else None
        if is_address and (memory is None or len(memory) != size):  # a core dump may leave out what is in a file
            memory = self.target.ReadMemory(lldb.SBAddress(address, self.target), size, error)
        if memory is None or len(memory) != size:
            raise NoMemory(f"cannot read memory at 0x{address:x}")
        return bytes(memory)

    def _open_memory(self) -> BinaryIO | None:
        number = self.process_id()
        if number is None:
            return None
        try:
            return open(f"/proc/{number}/mem", "rb", buffering=0)
        except OSError:  # not ours to read
            return None

    def function_at(self, pc: int) -> FunctionInfo | None:
        place = self.place(pc)
        function, symbol = place.function, place.symbol
        if not function:
            return FunctionInfo(symbol.name or "", self.address(symbol.addr), 0, "") if symbol else None
        name = symbol.name or ""
        if not name or name.startswith(UNNAMED):
            name = function.name or ""
        if name.startswith("_Z"):  # Clang's of a generic lambda: LLVM demangles it only without its template arguments
            mangled = GENERIC_LAMBDA.sub(r"\1Ev", name.split(".")[0])
            name = self._demangled(mangled) or function.name
        start, end = self.address(function.addr), self.address(function.GetEndAddress())
        return FunctionInfo(name, start, end, function.addr.line_entry.file.fullpath or "")

    def symbols_at(self, pc: int) -> Sequence[Symbol]:
        block = self.place(pc).block
        values: list[Any] = []
        while block:
            values += [value for value in block.GetVariables(self.target, True, True, True) if value.name]
            block = block.GetParent()
        # LLDB tells where a variable is only in words. Names may repeat, in the same order.
        told = VARIABLE.findall(execute(self.target, f"image lookup --verbose --address {pc}").GetOutput() or "")
        locations: dict[str, list[str]] = {}  # by name
        for name, location in told:
            locations.setdefault(name, []).append(location)
        found: list[Symbol] = []
        for value in values:
            left = locations.get(value.name)
            location = left.pop(0) if left else ""
            is_argument = value.value_type == lldb.eValueTypeVariableArgument
            found.append(Symbol(value.name, value.type, location, is_argument, value.GetDeclaration().GetLine()))
        return found

    def instructions(self, function: FunctionInfo) -> Sequence[Instruction]:
        target, found = self.target, []
        for each in self.place(function.start).function.GetInstructions(target, "att"):
            place = each.addr.line_entry
            line = place.line if place.file.fullpath == function.file else 0
            text = f"{each.GetMnemonic(target)} {each.GetOperands(target)} {each.GetComment(target)}"
            pc, row = self.address(each.addr), self.address(place.addr)
            found.append(Instruction(pc, row, line, text))
        return found

    def functions_named(self, name: str) -> Sequence[int]:
        found = self.target.FindFunctions(name.rpartition("::")[2])
        functions = (context.function for context in found if context.function)
        starts = (each.addr for each in functions if (each.name or "").startswith(f"{name}("))
        return [self.address(start) for start in starts]

    def functions_ending(self, name: str) -> Sequence[int]:
        """(LLDB knows the bodies that GCC makes by no name that a user knows: the symbols tell.)"""
        starts = [context.function.addr for context in self.target.FindFunctions(name) if context.function]
        for module in self.target.module_iter():
            bodies = (symbol for symbol in module if BODY.search(symbol.GetMangledName() or ""))
            starts += [symbol.addr for symbol in bodies]
        return sorted({self.address(start) for start in starts})

    def linker_name(self, pc: int) -> str:
        return self.place(pc).symbol.GetMangledName() or ""

    def has_symbol(self, name: str) -> bool:
        if name not in self._symbols:
            self._symbols[name] = self.target.FindSymbols(name).GetSize() > 0
        return self._symbols[name]

    def variable_at(self, address: int) -> str:
        name: str = self.place(address).symbol.name or ""
        return self._demangled_function(name) if name.startswith(MANGLED_LOCAL) else name

    def _demangled_function(self, mangled: str) -> str:
        """The function whose local variable has this name. (LLVM demangles not all parameter types of GCC's. So those
        are left out: the function's own name is what begins here and, with "vv" in their place, can be demangled.)"""
        for end in (match.end() for match in re.finditer("E", mangled)):
            function = f"_Z{mangled[len(MANGLED_LOCAL) : end]}vv"
            if demangled := self._demangled(function):
                return demangled
        return mangled

    def _demangled(self, mangled: str) -> str:
        """Empty if it cannot be demangled."""
        said: str = execute(self.target, f"language cplusplus demangle {mangled}").GetOutput() or ""
        return said.partition(DEMANGLED)[2].strip()

    def is_class(self, type_: Any) -> bool:
        return bool(type_.GetCanonicalType().GetTypeClass() & CLASSES)

    def members(self, type_: Any) -> Sequence[Member]:
        """(Not kept by the type's name: all lambdas of a file may share one. From version 21 on, LLDB leaves out
        members of what GCC has compiled, not always the same: "DW_TAG_member 'handler_' refers to type ... unable to be
        parsed".)
        """
        plain = type_.GetCanonicalType()
        bases = map(plain.GetDirectBaseClassAtIndex, range(plain.num_bases))
        parts = (part for part in itertools.chain(bases, plain.fields) if not part.is_bitfield)
        return [Member(part.name or "", part.GetOffsetInBytes(), part.type) for part in parts]

    def size(self, type_: Any) -> int:
        return int(type_.GetCanonicalType().GetByteSize())

    def pointee(self, type_: Any) -> Any | None:
        plain = type_.GetCanonicalType()
        return plain.GetPointeeType() if plain.IsPointerType() else None

    def referent(self, type_: Any) -> Any | None:
        plain = type_.GetCanonicalType()
        return plain.GetDereferencedType() if plain.IsReferenceType() else None

    def type_name(self, type_: Any) -> str:
        return type_.GetCanonicalType().GetUnqualifiedType().name or ""

    def text(self, type_: Any, address: int) -> str:
        return text_of(self.value_at("value", type_, address))

    def full_text(self, type_: Any, address: int) -> str:
        value = self.value_at("value", type_, address)
        return PRINTED.sub("", str(value)).strip()

    def value_at(self, name: str, type_: Any, address: int) -> Any:
        """The value there, as an SBValue with this name."""
        return self.target.CreateValueFromAddress(name, lldb.SBAddress(address, self.target), type_)

    def mappings(self) -> Iterator[Mapping]:
        regions, region = self.process.GetMemoryRegions(), lldb.SBMemoryRegionInfo()
        for number in range(regions.GetSize()):
            regions.GetMemoryRegionAtIndex(number, region)
            if region.IsReadable() and region.IsWritable():
                yield Mapping(region.GetRegionBase(), region.GetRegionEnd(), region.GetName() or "")

    def threads(self) -> Iterator[Thread]:
        for thread in self.process:
            yield Thread(f"thread {thread.GetIndexID()}", frames(thread))

    def parameter(self, frame: Frame, name: str) -> int:
        arguments = frame.handle.GetVariables(True, False, False, True)  # no locals: one may have the same name
        value = arguments.GetFirstValueByName(name)
        if not value:  # Clang's __coro_frame is no argument
            value = frame.handle.FindVariable(name, lldb.eNoDynamicValues)
        if not value:
            return 0
        return int(value.unsigned if value.type.IsPointerType() else value.load_addr)

    def register(self, frame: Frame, name: str) -> int:
        return int(frame.handle.FindRegister(name).unsigned)

    def architecture(self) -> str:
        name: str = self.target.GetTriple().partition("-")[0]
        return PROCESSORS.get(name, name)

    def process_id(self) -> int | None:
        """(LLDB does not say whether the process that it talks to is on this machine: its program tells.)"""
        if not self.is_live():  # the core dump may be of a process that lives
            return None
        number = self.process.GetProcessID()
        try:
            is_here = os.path.samefile(f"/proc/{number}/exe", self.target.executable.fullpath or "")
        except OSError:
            return None
        return number if is_here else None

    def code_id(self) -> Hashable:
        return None  # it is one process's

    def stop_id(self) -> Hashable:
        return self.process.GetUniqueID(), self.process.GetStopID()


class LLDBWithoutProcess(LLDB):
    """A program that does not run. Its addresses are those in its file."""

    def __init__(self, target: Any) -> None:
        super().__init__(target.process)
        self.target = target

    def place(self, pc: int) -> Any:
        return self.target.ResolveFileAddress(pc)

    def address(self, place: Any) -> int:
        return int(place.GetFileAddress())


def set_registers(thread: Any, values: dict[str, int]) -> bool:
    """Sets these registers of an SBThread. False where that cannot be, as in a core dump. The frames that one had of it
    are no longer valid: the command does that, which setting the values of registers does not."""
    writes = [
        execute(thread.process.target, f"register write {name} {value}", context=thread.GetFrameAtIndex(0))
        for name, value in values.items()
    ]
    return all(write.Succeeded() for write in writes)
