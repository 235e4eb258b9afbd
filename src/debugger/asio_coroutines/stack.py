"""A thread's call stack -> its logical stack: the functions and coroutines of the program, and who awaits whom."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import layout, names
from .compilers import is_wrapper
from .completion import waiter_of_completion
from .coroutine import Coroutine, chain
from .debugger import BUILD, Failure, Frame, NoCoroutine, NoMemory
from .heap import Life, has_glibc_heap, life
from .machine import machine_of
from .program import Snapshot

AWAIT_RESUME = re.compile(r"\bawait_resume$")  # a function that a co_await calls
MOST_WITHOUT_ROW = 3_000  # machine frames that are looked at, one after the other, for the next row
WAITS_FOR_TASK = "[waits for task] "  # is written before the name of a waiter
MANY = 3  # coroutines that are resumed on top of each other, or times that one is
MOST_OF_COMPLETION = 100  # machine frames in which a completion handler is looked for
MOST_TO_BODY = 200  # machine frames in which a coroutine's body is looked for
MOST_FOR_UNUSED = 100  # machine frames that a stack's unused parts are told by


@dataclass(frozen=True, slots=True)
class Body:
    """A place on a call stack where a coroutine is resumed."""

    frame: Frame  # that of its body; if it is suspended, that of awaitable_frame_base::resume
    promise: int  # 0 if it is not to be read
    is_suspended: bool  # it has suspended itself, and an operation that it waits for is being started
    resume: str  # the full name of the awaitable_frame_base::resume that resumes it
    calls: str  # the full name of the function that it calls; empty if it calls none


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A machine frame of the program's, or of a library below all of the program's."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class CoroutineRow:
    """A coroutine that runs, in a machine frame, or that waits, without one."""

    coroutine: Coroutine
    frame: Frame | None
    pc: int  # the instruction where it is
    line: int
    is_waiter: bool  # it is the first one that waits for a task, not for the coroutine before it

    @property
    def name(self) -> str:
        """The coroutine's name."""
        return self.coroutine.name


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said in place of rows that cannot be shown."""

    text: str


Row = FrameRow | CoroutineRow | Remark


class Ahead:
    """Frames that can be looked at before their turn comes. (Their handles may be asked for nothing then.)"""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._coming = iter(frames)
        self._seen: list[Frame] = []
        self._next = 0  # the index of the frame whose turn it is

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._next == len(self._seen):
            self._seen.append(next(self._coming))
        self._next += 1
        return self._seen[self._next - 1]

    def newest(self, most: int) -> list[Frame]:
        """All frames whose turn has come, and more, up to so many."""
        self._seen.extend(itertools.islice(self._coming, max(0, most - len(self._seen))))
        return self._seen


def with_bodies(snapshot: Snapshot, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Body | None]]:
    """Each frame, and the body if it is that of one. No more than two frames beyond are asked for. Clang's
    await_suspend wrappers are left out."""
    frames = (frame for frame in frames if not is_wrapper(frame.name))
    ahead = list(itertools.islice(frames, 3))
    newer = ""
    while ahead:
        frame = ahead[0]
        older = ahead[1] if len(ahead) > 1 else None
        oldest = ahead[2] if len(ahead) > 2 else None
        yield frame, _body(snapshot, newer, frame, older, oldest)
        newer = frame.name
        ahead = ahead[1:] + list(itertools.islice(frames, 1))


def _body(snapshot: Snapshot, newer: str, frame: Frame, older: Frame | None, oldest: Frame | None) -> Body | None:
    """The body in a frame that the function `newer` was called from, and that was called from `older`, and so on."""
    if older and oldest and layout.BODY_CALLER.search(older.name) and layout.RESUME.search(oldest.name):
        promise = snapshot.debugger.parameter(oldest, "this")
        return Body(frame, promise, is_suspended=False, resume=oldest.name, calls=newer)
    if newer and layout.RESUME.search(frame.name) and not layout.BODY_CALLER.search(newer):
        promise = snapshot.debugger.parameter(frame, "this")
        if promise and _may_be_alive(snapshot, promise):
            return Body(frame, promise, is_suspended=True, resume=frame.name, calls=newer)
    return None


def _may_be_alive(snapshot: Snapshot, promise: int) -> bool:
    """Whether a suspended coroutine may live: another thread may have ended it, while this one starts what it waits
    for."""
    try:
        return life(Coroutine(snapshot, promise), has_glibc_heap(snapshot.debugger)) != Life.DESTROYED
    except (NoCoroutine, NoMemory):
        return False


def running_line(coroutine: Coroutine, body: Body) -> int:
    """The line where a coroutine runs in its body. What a co_await ends with is on any line, in the line table of GCC
    and of Clang: but the number of that co_await is still there."""
    if AWAIT_RESUME.search(names.plain_name(body.calls)):
        return coroutine.waiting_line
    return coroutine.function.running_line(body.frame.pc, body.frame.line)


def bodies(snapshot: Snapshot, frames: Iterable[Frame], most: int = MOST_TO_BODY) -> Iterator[Body]:
    """The bodies in the newest so many of these frames."""
    found = with_bodies(snapshot, frames)
    return (body for _frame, body in itertools.islice(found, most) if body)


def is_own(frame: Frame) -> bool:
    """Whether the frame's function is one of the program."""
    return not names.is_library(frame.name, frame.shared_library)


def unused_parts(snapshot: Snapshot, frames: Sequence[Frame]) -> list[range]:
    """The parts of a thread's stack in which nothing of the program can be alive. `frames` are its newest frames:

        lower addresses    no frames: what is there was given back             unused, and so
                           frames of libraries, as epoll_wait                  are these
                           the program's newest function                       from here on, most may be alive,
                           frames of what runs handlers, as scheduler::run     but nothing is in these
        higher addresses   main
    """
    if not frames:
        return []
    parts: list[range] = []
    newest = frames[0]
    free = _free_part(snapshot, newest)
    if free:
        parts.append(free)
    newest_own = next((frame for frame in frames if is_own(frame)), None)
    if newest_own:
        parts.append(range(newest.sp, newest_own.sp))
    elif names.is_library("", frames[-1].shared_library):  # a thread's beginning: nothing is the program's
        parts.append(range(newest.sp, frames[-1].sp))
    for frame, older in zip(frames, frames[1:]):
        if layout.SCHEDULER.search(frame.name):
            parts.append(range(frame.sp, older.sp))
    return parts


def _free_part(snapshot: Snapshot, newest: Frame) -> range | None:
    """What is below all frames of a stack; None if this is not known to be a stack, as that of a fiber.

    A thread's stack has its thread's data at the end, where the thread pointer points to. That of the main thread comes
    after all other memory."""
    mappings = list(snapshot.debugger.mappings())
    stack = next((each for each in mappings if each.start <= newest.sp < each.end), None)
    if stack is None:
        return None
    machine = machine_of(snapshot.debugger)
    pointer = snapshot.debugger.register(newest, machine.thread_pointer) if machine.thread_pointer else 0
    if stack.start <= pointer < stack.end or stack.end == max(each.end for each in mappings):
        return range(stack.start, newest.sp - machine.red_zone)
    return None


def logical_stack(snapshot: Snapshot, frames: Iterable[Frame]) -> Iterator[Row]:
    """The rows of the logical stack, the newest first. Library frames are left out, but for those at the top; for each
    coroutine on the call stack follow those that await it. Frames are asked for as rows are.

    Where an operation that completes at once resumes the same coroutine again and again, on top of itself, its rows and
    those of the functions between are there once or twice, and a remark says how often. Another one says so where
    MOST_WITHOUT_ROW frames have given no row."""
    seen: set[int] = set()  # promises
    shown: set[int] = set()  # the instructions of functions in rows
    inside = False  # whether a row of the program has been shown
    repeated = Repeated()
    last = 0  # the number of the frame that has given the last row
    newer: list[Frame] = []  # those between this frame and the last body, the nearest first
    ahead = Ahead(frames)
    snapshot.find_unused_stack = lambda: unused_parts(snapshot, ahead.newest(MOST_FOR_UNUSED))
    for number, (frame, body) in enumerate(with_bodies(snapshot, ahead)):
        rows: Iterable[Row] = ()
        repeated.look(frame, body)
        if body:
            rows = _rows_of_body(snapshot, body, seen, newer)
            newer = []
        elif is_own(frame) and repeated.are_many and frame.pc in shown:
            repeated.leave_out(frame)
        elif is_own(frame) or not inside:
            rows = [FrameRow(frame)]
        if not body:
            newer = [frame, *newer[:MOST_OF_COMPLETION]]
        for row in rows:
            if isinstance(row, FrameRow):
                if inside and not is_own(row.frame):
                    continue
                shown.add(row.frame.pc)
            yield from repeated.remarks(snapshot)
            yield row
            last = number
            inside = inside or _is_programs(row)
        if number - last > MOST_WITHOUT_ROW:
            yield from repeated.remarks(snapshot)
            left = f"{MOST_WITHOUT_ROW:,} more frames of the call stack show nothing new"
            yield Remark(f"{left}, the rest is not looked at")
            return
    yield from repeated.remarks(snapshot)


def _is_programs(row: Row) -> bool:
    """Whether it is the row of a coroutine or function of the program; a remark is neither."""
    if isinstance(row, FrameRow):
        return is_own(row.frame)
    return isinstance(row, CoroutineRow)


class Repeated:
    """What is on a call stack again and again, because coroutines are resumed on top of each other."""

    def __init__(self) -> None:
        self._resumed = 0  # how often a coroutine has been resumed: some of them may have been destroyed
        self._bodies: dict[int, int] = {}  # how often each coroutine's body has come, by promise
        self._functions: dict[str, int] = {}  # how often each function has been left out, by its name
        self._said: set[int] = set()

    def look(self, frame: Frame, body: Body | None) -> None:
        """The next frame has come."""
        if layout.RESUME.search(frame.name):
            self._resumed += 1
        if body:
            self._bodies[body.promise] = self._bodies.get(body.promise, 0) + 1

    def leave_out(self, frame: Frame) -> None:
        """A function of the program is not shown again."""
        name = names.plain_name(frame.name)
        self._functions[name] = self._functions.get(name, 0) + 1

    @property
    def are_many(self) -> bool:
        """Whether coroutines are resumed on top of each other so often that what is there again is not shown again."""
        return self._resumed >= MANY

    def remarks(self, snapshot: Snapshot) -> Iterator[Remark]:
        """How often the coroutines and functions of the program have been there again, since this was asked last."""
        for promise, count in self._bodies.items():
            if count >= MANY and promise not in self._said and _is_own_coroutine(snapshot, promise):
                self._said.add(promise)
                yield _again(Coroutine(snapshot, promise).name, count - 1)
        functions, self._functions = self._functions, {}
        for name, count in functions.items():
            yield _again(name, count)


def _again(name: str, count: int) -> Remark:
    return Remark(f"{name}() is on the call stack {count:,} more times here")


def _rows_of_body(snapshot: Snapshot, body: Body, seen: set[int], newer: list[Frame]) -> Iterator[Row]:
    """The coroutine that runs there, then those that await it. `newer` has the frames that it has called, if it is an
    entry point whose task has ended: then those follow that wait for its completion."""
    running = None if body.is_suspended or body.promise in seen else body.frame
    remark = "" if body.promise else BUILD
    if running and not _is_own_coroutine(snapshot, body.promise):
        yield FrameRow(running)
        running = None
    try:
        for coroutine, is_waiter in _awaiting_or_completed(snapshot, body, seen, newer):
            frame = running if coroutine.promise == body.promise else None
            pc = frame.pc if frame else coroutine.waiting_pc
            line = running_line(coroutine, body) if frame else coroutine.waiting_line
            yield CoroutineRow(coroutine, frame, pc, line, is_waiter)
            if not coroutine.function.is_readable:
                remark = remark or BUILD
    except Failure as failure:  # the rest of the stack is still to be shown
        remark = f"not all coroutines are readable: {failure}"
    if remark:
        yield Remark(remark)


def _awaiting_or_completed(
    snapshot: Snapshot, body: Body, seen: set[int], newer: list[Frame]
) -> Iterator[tuple[Coroutine, bool]]:
    """As awaiting() gives them, or those that wait for the completion that is called in `newer`."""
    nobody = True
    for coroutine, is_waiter in awaiting(snapshot, chain(snapshot, body.promise), seen):
        nobody = False
        yield coroutine, is_waiter
    if nobody and body.promise and Coroutine(snapshot, body.promise).function.is_entry_point:
        is_first = True
        waiter = waiter_of_completion(snapshot, newer)
        for coroutine, is_waiter in awaiting(snapshot, chain(snapshot, waiter), seen):
            yield coroutine, is_waiter or is_first
            is_first = False


def _is_own_coroutine(snapshot: Snapshot, promise: int) -> bool:
    try:
        return not Coroutine(snapshot, promise).function.is_library
    except (NoCoroutine, NoMemory):
        return False


def awaiting(snapshot: Snapshot, promises: Iterable[int], seen: set[int]) -> Iterator[tuple[Coroutine, bool]]:
    """The program's own coroutines of this chain, then, marked by True, the one that waits for the completion of the
    task that they are, and those that await that, and so on.

    Ends at those that were seen before, and adds to them. Raises what reading a coroutine raises."""
    is_waiter = False
    while True:
        last: Coroutine | None = None
        for each in promises:
            if each in seen:
                return
            seen.add(each)
            try:
                last = Coroutine(snapshot, each)
            except NoCoroutine:
                if last:
                    raise
                continue  # the innermost has ended, and nobody has taken its result yet
            if not last.function.is_library:
                yield last, is_waiter
                is_waiter = False
        waiter = last.waiter() if last and last.function.is_entry_point else 0
        if not waiter:
            return
        promises = chain(snapshot, waiter)
        is_waiter = True
