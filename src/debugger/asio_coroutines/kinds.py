"""What kind of value a type has, of those that the model reads itself. Knows types, no memory."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from . import layout
from .debugger import WORD, Debugger, Type


class Form(enum.Enum):
    """How a value lies in memory."""

    BOOL = "one byte"
    INTEGER = "an integer"
    POINTER = "the address of an object"
    CHARACTERS = "the address of a string that ends with a null"
    STRING = "a libstdc++ string: the address of its characters, then their number"
    STRING_VIEW = "a libstdc++ string_view: the number of its characters, then their address"
    DURATION = "how many times a period"
    TIME_POINT = "the duration since a clock's epoch"
    EXECUTOR = "a concrete executor of Asio's: its type says all"
    ANY_EXECUTOR = "an asio::any_io_executor: see layout.py"
    SOCKET = "an Asio object for a file descriptor"
    AWAITABLE = "an asio::awaitable: the promise of its coroutine, or null"
    OTHER = "something that only the debugger can read"


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a type's values."""

    form: Form
    type: Type  # what a reference refers to, or the type itself
    name: str  # of that type, in full
    is_reference: bool = False
    size: int = WORD  # bytes
    is_signed: bool = False
    is_floating: bool = False  # of a duration's ticks
    period: Fraction = Fraction(1)  # of a duration, in seconds
    clock: str = ""  # of a time point
    offset: int = 0  # bytes: where in a socket its file descriptor is


# As they are on 64-bit Linux: the size in bytes, and whether there are negative ones.
INTEGERS = {
    "short": (2, True), "unsigned short": (2, False), "short unsigned int": (2, False), "int": (4, True),
    "unsigned int": (4, False), "long": (8, True), "long int": (8, True), "unsigned long": (8, False),
    "long unsigned int": (8, False), "long long": (8, True), "long long int": (8, True),
    "unsigned long long": (8, False), "long long unsigned int": (8, False),
}  # fmt: skip
DEEPEST = 10  # classes inside each other
FLOATING = {"float": 4, "double": 8}  # bytes
CHARACTER = "char"
# libstdc++'s begin with the address that they have.
SMART_POINTER = re.compile(r"std::(shared_ptr<|unique_ptr<.*, ?std::default_delete<)")
STRING = re.compile(r"std::__cxx11::basic_string<char, ?std::char_traits<char>, ?std::allocator<char> ?>$")
STRING_VIEW = re.compile(r"std::basic_string_view<char, ?std::char_traits<char> ?>$")
DURATION = re.compile(r"std::chrono::duration<([\w ]+), ?std::ratio<(\d+)[lL]*, ?(\d+)[lL]*> ?>$")
TIME_POINT = re.compile(
    r"std::chrono::time_point<(?:std::chrono::)?(?:_V2::)?([\w:]+), ?(std::chrono::duration<.*>) ?>$"
)


def kind_of(debugger: Debugger, type_: Type) -> Kind:
    """The kind of the type's values; of a reference, of what it refers to."""
    referent = debugger.referent(type_)
    plain = type_ if referent is None else referent
    name = debugger.type_name(plain)
    is_reference = referent is not None
    target = debugger.pointee(plain)
    if target is not None:
        return Kind(_form_of_pointer(debugger.type_name(target)), plain, name, is_reference)
    if name == "bool":
        return Kind(Form.BOOL, plain, name, is_reference, size=1)
    if name in INTEGERS:
        size, is_signed = INTEGERS[name]
        return Kind(Form.INTEGER, plain, name, is_reference, size, is_signed)
    time = _kind_of_time(plain, name, is_reference)
    if time is not None:
        return time
    number = _offset_of(debugger, plain, layout.SOCKET_NUMBER) if layout.SOCKET.match(name) else None
    if number is not None:
        return Kind(Form.SOCKET, plain, name, is_reference, size=4, is_signed=True, offset=number)
    return Kind(_form_of_class(name), plain, name, is_reference)


def _offset_of(debugger: Debugger, type_: Type, names: Sequence[re.Pattern[str]], depth: int = 0) -> int | None:
    """Where in an object of a class a member with the first of these names is, then in that, one with the second, and
    so on; None if there is none. Members may be those of bases, which are known by their names: those of types, with
    a scope."""
    if not names:
        return 0
    if depth > DEEPEST:
        return None
    for member in debugger.members(type_):
        is_wanted, is_base = names[0].match(member.name), "::" in member.name
        if is_wanted or is_base:
            inner = _offset_of(debugger, member.type, names[1:] if is_wanted else names, depth + 1)
            if inner is not None:
                return member.offset + inner
    return None


def _form_of_pointer(target: str) -> Form:
    """Of a pointer to a type with this name. Types without one are left to the debugger: functions are among them."""
    if target == CHARACTER:
        return Form.CHARACTERS
    return Form.POINTER if target and "(" not in target else Form.OTHER


def _kind_of_time(type_: Type, name: str, is_reference: bool) -> Kind | None:
    """The kind of a duration or a time point, if the type with this name is one whose ticks are numbers."""
    point = TIME_POINT.match(name)
    duration = DURATION.match(point[2] if point else name)
    if not duration:
        return None
    ticks, numerator, denominator = duration[1], int(duration[2]), int(duration[3])
    is_floating = ticks in FLOATING
    if not denominator or not (is_floating or ticks in INTEGERS):
        return None
    size, is_signed = (FLOATING[ticks], True) if is_floating else INTEGERS[ticks]
    return Kind(
        Form.TIME_POINT if point else Form.DURATION,
        type_,
        name,
        is_reference,
        size,
        is_signed,
        is_floating,
        period=Fraction(numerator, denominator),
        clock=point[1] if point else "",
    )


def _form_of_class(name: str) -> Form:
    """Of the type with this name."""
    if STRING.match(name):
        return Form.STRING
    if STRING_VIEW.match(name):
        return Form.STRING_VIEW
    if SMART_POINTER.match(name):
        return Form.POINTER
    if layout.AWAITABLE.match(name):
        return Form.AWAITABLE
    if layout.ANY_EXECUTOR.match(name):
        return Form.ANY_EXECUTOR
    if any(each.match(name) for each in (layout.STRAND, layout.CONTEXT_EXECUTOR, layout.OTHER_EXECUTOR)):
        return Form.EXECUTOR
    return Form.OTHER
