"""What a debugger lends the model, and how it may fail. It knows nothing of coroutines, and uses no other room."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

WORD = 8  # bytes
BUILD = "coroutines can only be read in a build with -O0 -g, without -flto"

Type = Any  # A C++ type, an object of the debugger's own: the model hands it back to ask about it.


class Failure(Exception):
    """Something that cannot be told. Its text is a sentence for the user, without the full stop."""


class NoMemory(Failure):
    """There is no memory at an address. Expected where memory is searched: then the search goes on."""


class NoCoroutine(Failure):
    """There is no coroutine at an address. Expected where memory is searched: then the search goes on."""


class NoDebugInformation(Failure):
    """The build does not tell what must be known of this coroutine."""


class UnknownAsio(Failure):
    """Asio's structures are not as the room `layout` describes them."""


class UserMistake(Failure):
    """The user asked for something that there is not."""


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """What debug information has of a function. Without any, `end` is 0 and `file` is empty."""

    name: str  # in full: with scopes, parameters and template arguments
    start: int  # the address of its first instruction
    end: int  # of what follows its last one
    file: str  # the path of its source


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable, as debug information describes it."""

    name: str
    type: Type
    location: str  # in DWARF's words: see location.py
    is_argument: bool
    line: int  # where it is declared, or 0


@dataclass(frozen=True, slots=True)
class Instruction:
    """A machine instruction."""

    pc: int
    row: int  # the first instruction of its row in the line table
    line: int  # 0 if the line is of another file than the function
    text: str  # AT&T syntax, with the names of called functions

    @property
    def begins_row(self) -> bool:
        """Whether it is the first one of its row in the line table."""
        return self.pc == self.row


@dataclass(frozen=True, slots=True)
class Frame:
    """A machine frame of a thread's call stack."""

    handle: Any  # the debugger's own object for it
    name: str  # of its function, in full; may be empty
    pc: int
    sp: int
    line: int  # 0 if unknown
    file: str  # of its source, or its shared library; may be empty
    shared_library: str = ""  # the file that has its code; empty if that is the program itself


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread that has stopped. Its frames come one by one, the newest first, as they are asked for."""

    name: str  # as the user knows it: "thread 2"
    frames: Iterator[Frame]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A range of addresses that the program may write to."""

    start: int
    end: int
    name: str  # of its file, or as the system calls it: "[heap]"; may be empty


@dataclass(frozen=True, slots=True)
class Member:
    """A data member or base of a class."""

    name: str
    offset: int  # bytes
    type: Type


class Debugger(Protocol):
    """One program in a debugger. Addresses and sizes are in bytes."""

    def read(self, address: int, size: int) -> bytes:
        """The bytes there. Raises NoMemory."""

    def function_at(self, pc: int) -> FunctionInfo | None:
        """The function that has this instruction."""

    def symbols_at(self, pc: int) -> Sequence[Symbol]:
        """The variables that are visible at this instruction, the innermost block's first."""

    def instructions(self, function: FunctionInfo) -> Sequence[Instruction]:
        """The function's code, in the order of the addresses."""

    def functions_named(self, name: str) -> Sequence[int]:
        """The addresses of the first instructions of all functions with this name: in full, without parameters."""

    def functions_ending(self, name: str) -> Sequence[int]:
        """The addresses of the first instructions of all functions with this name in any scope, also instances of
        templates. It has no scopes and no parameters: `serve`, `operator()`. Others may be among them."""

    def linker_name(self, pc: int) -> str:
        """The name, as the linker knows it, of the symbol that has this instruction; empty if there is none."""

    def has_symbol(self, name: str) -> bool:
        """Whether the program or a library that it has loaded has a function or variable of this name."""

    def variable_at(self, address: int) -> str:
        """The full name of the static variable that is there; empty if there is none."""

    def is_class(self, type_: Type) -> bool:
        """Whether it is a class, struct or union."""

    def members(self, type_: Type) -> Sequence[Member]:
        """The bases and data members of a class, as far as they are known; nothing for other types."""

    def size(self, type_: Type) -> int:
        """How many bytes a value of this type takes; 0 if that is unknown."""

    def pointee(self, type_: Type) -> Type | None:
        """What a pointer points to; None for other types."""

    def referent(self, type_: Type) -> Type | None:
        """What a reference refers to; None for other types."""

    def type_name(self, type_: Type) -> str:
        """The type's full name, without typedefs. Types without a name may share one, or have an empty one."""

    def text(self, type_: Type, address: int) -> str:
        """The value there as text, "..." if that takes more than a few words. Raises nothing."""

    def full_text(self, type_: Type, address: int) -> str:
        """The value there as the debugger prints it, in as many words as it takes. Raises nothing."""

    def mappings(self) -> Iterable[Mapping]:
        """The memory that the program may write to."""

    def threads(self) -> Iterator[Thread]:
        """The program's threads. The frames of one are valid until the next one is asked for."""

    def parameter(self, frame: Frame, name: str) -> int:
        """The pointer in this parameter of the frame's function, or the parameter's address if it is no pointer; 0 if
        there is none that can be read."""

    def register(self, frame: Frame, name: str) -> int:
        """What a machine register holds in this frame; 0 if there is none of this name."""

    def architecture(self) -> str:
        """The processor, by its name in machine.py, or the debugger's own name of another."""

    def is_live(self) -> bool:
        """Whether the program is a process, not a core dump."""

    def process_id(self) -> int | None:
        """The process, if it runs on this machine under this kernel."""

    def code_id(self) -> Hashable:
        """Which program's code the addresses are of. A debugger may have several at once, each with its own."""

    def stop_id(self) -> Hashable:
        """Which stop of which program this is: another one each time the program has run."""
