"""What the values of a coroutine's variables say, in a few words.

Common values are read here, from memory: it takes a debugger ten times as long. All others are the debugger's."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from fractions import Fraction

from . import executors
from .compilers import THIS, Variable
from .coroutine import Coroutine
from .debugger import WORD, NoCoroutine, NoMemory
from .heap import Life, has_glibc_heap, life
from .kinds import Form, Kind
from .program import Snapshot

UNREADABLE = "<unreadable>"
DANGLING = "<dangling>"
DESTROYED = "<destroyed>"
OTHER = "..."
CLOSED = "closed"  # a socket
DEEPEST = 3  # coroutines inside each other's arguments
MOST_CHARACTERS = 40  # of a string that are shown
SHORTENED = Form.CHARACTERS, Form.STRING, Form.STRING_VIEW
LONGEST = 1 << 32  # bytes that a string may have: what claims more is none
SUFFIXES = {
    Fraction(1, 10**9): "ns", Fraction(1, 10**6): "us", Fraction(1, 1000): "ms", Fraction(1): "s", Fraction(60): "min",
    Fraction(3600): "h", Fraction(86400): "d",
}  # fmt: skip
FLOATING = {4: "<f", 8: "<d"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SYSTEM_CLOCK = "system_clock"


def value(coroutine: Coroutine, variable: Variable, depth: int = 0, in_full: bool = False) -> str:
    """The value of one of its variables; "..." if that takes more than a few words and is not wanted in full. `depth`
    is how many coroutines it is inside of, as an argument's argument."""
    try:
        kind = coroutine.function.kind(variable)
        if dangles(coroutine, variable, kind):
            return DANGLING
        address = coroutine.address_of(variable)
        if kind.is_reference:
            address = coroutine.snapshot.word(address)
        debugger = coroutine.snapshot.debugger
        if in_full and kind.form in SHORTENED:
            return debugger.full_text(kind.type, address)
        said = of_kind(coroutine.snapshot, kind, address, depth)
        if said is not None:
            return said
        return debugger.full_text(kind.type, address) if in_full else debugger.text(kind.type, address)
    except NoMemory:
        return UNREADABLE


def dangles(coroutine: Coroutine, variable: Variable, kind: Kind) -> bool:
    """Whether a variable refers to what cannot be alive: a reference, `this`, or what a lambda has captured. Raises
    NoMemory."""
    snapshot, location = coroutine.snapshot, variable.location
    if location.inner is not None and snapshot.is_unused_stack(snapshot.word(coroutine.frame + location.offset)):
        return True
    refers = kind.is_reference or variable.name == THIS
    return refers and snapshot.is_unused_stack(snapshot.word(coroutine.address_of(variable)))


def of_kind(snapshot: Snapshot, kind: Kind, address: int, depth: int = 0) -> str | None:
    """What the value of this kind at this address says; None if that is for the debugger to say. Raises NoMemory."""
    if kind.form is Form.AWAITABLE:
        return held(snapshot, snapshot.word(address), depth)
    reader = READERS.get(kind.form)
    return reader(snapshot, kind, address) if reader else None


def held(snapshot: Snapshot, promise: int, depth: int = 0) -> str:
    """The coroutine that an awaitable holds: job(id=4) [not started]. `promise` is the awaitable's frame_."""
    if not promise:
        return executors.EMPTY
    if depth >= DEEPEST:
        return OTHER
    try:
        coroutine = Coroutine(snapshot, promise)
        if life(coroutine, has_glibc_heap(snapshot.debugger)) is Life.DESTROYED:
            return DESTROYED
        if not coroutine.function.is_readable:
            return f"{coroutine.name}({OTHER})"
        state = "not started" if coroutine.has_not_started else "started"
        return f"{call(coroutine, depth + 1)} [{state}]"
    except NoCoroutine:
        return OTHER
    except NoMemory:
        return UNREADABLE


def call(coroutine: Coroutine, depth: int = 0) -> str:
    """The coroutine as a call: fetch_data(id=1)."""
    values = (f"{each.name}={value(coroutine, each, depth)}" for each in coroutine.function.arguments)
    return f"{coroutine.name}({', '.join(values)})"


def _number(snapshot: Snapshot, kind: Kind, address: int) -> int:
    """Raises NoMemory."""
    return int.from_bytes(snapshot.read(address, kind.size), "little", signed=kind.is_signed)


def _bool(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    number = snapshot.read(address, kind.size)[0]
    return ("false", "true")[number] if number <= 1 else None


def _integer(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    return str(_number(snapshot, kind, address))


def _pointer(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    return f"0x{snapshot.word(address):x}"


def _characters(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    start = snapshot.word(address)
    found = b""
    try:
        while b"\0" not in found and len(found) <= MOST_CHARACTERS:
            found += snapshot.read(start + len(found), 1)
    except NoMemory:
        return f"0x{start:x}"
    return quoted(found.partition(b"\0")[0])


def _string(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    return _counted(snapshot, snapshot.word(address), snapshot.word(address + WORD))


def _string_view(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    return _counted(snapshot, snapshot.word(address + WORD), snapshot.word(address))


def _counted(snapshot: Snapshot, start: int, length: int) -> str | None:
    if length > LONGEST:
        return None
    return quoted(snapshot.read(start, min(length, MOST_CHARACTERS + 1)) if length else b"")


def quoted(characters: bytes) -> str:
    """As a string literal; after more than MOST_CHARACTERS follows "...".

    >>> quoted(b'a "b"')
    '"a \\\\"b\\\\""'
    """
    shown = characters[:MOST_CHARACTERS].decode("utf-8", "backslashreplace").replace('"', '\\"')
    plain = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown)
    return f'"{plain}"' + ("..." if len(characters) > MOST_CHARACTERS else "")


def _duration(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    return duration(_ticks(snapshot, kind, address), kind.period)


def _ticks(snapshot: Snapshot, kind: Kind, address: int) -> int | float:
    if not kind.is_floating:
        return _number(snapshot, kind, address)
    return float(struct.unpack(FLOATING[kind.size], snapshot.read(address, kind.size))[0])


def duration(ticks: int | float, period: Fraction) -> str:
    """So many times a period, which is in seconds.

    >>> duration(100, Fraction(1, 1000))
    '100ms'
    """
    suffix = SUFFIXES.get(period)
    number = f"{ticks:.15g}" if isinstance(ticks, float) else str(ticks)
    return f"{number}{suffix}" if suffix else f"{number}*{period}s"


def _time_point(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    return time_point(_ticks(snapshot, kind, address), kind.period, kind.clock)


def time_point(ticks: int | float, period: Fraction, clock: str) -> str:
    """A system clock's date and time; of other clocks, whose epoch may be any, the seconds since that.

    >>> time_point(1_500_000_000, Fraction(1, 10**9), "steady_clock")
    '1.5s of steady_clock'
    """
    seconds = float(ticks * period)
    name = clock.rpartition("::")[2]
    if name == SYSTEM_CLOCK:
        try:
            return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S.%f} UTC"
        except (OverflowError, ValueError):  # as that of time_point::max(), or not a number
            pass
    return f"{seconds:.15g}s of {name}"


def _socket(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    descriptor = _number(snapshot, kind, address + kind.offset)
    return f"fd {descriptor}" if descriptor >= 0 else CLOSED


def _executor(snapshot: Snapshot, kind: Kind, address: int) -> str | None:
    return executors.text(snapshot, kind.name, address)


READERS: dict[Form, Callable[[Snapshot, Kind, int], str | None]] = {
    Form.BOOL: _bool,
    Form.INTEGER: _integer,
    Form.POINTER: _pointer,
    Form.CHARACTERS: _characters,
    Form.STRING: _string,
    Form.STRING_VIEW: _string_view,
    Form.DURATION: _duration,
    Form.TIME_POINT: _time_point,
    Form.SOCKET: _socket,
    Form.EXECUTOR: _executor,
    Form.ANY_EXECUTOR: _executor,
}
