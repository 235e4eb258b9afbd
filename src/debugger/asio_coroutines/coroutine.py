"""One coroutine at one stop: facts that are read from its frame and its promise, and no state."""

from __future__ import annotations

from collections.abc import Iterator

from . import layout
from .compilers import Variable
from .debugger import BUILD, WORD, NoCoroutine, NoDebugInformation, NoMemory, UnknownAsio
from .function import Function
from .parts import Path
from .program import Snapshot

MOST_IN_CHAIN = 100_000  # coroutines that await each other


class Coroutine:
    """A coroutine, known by its promise's address. Raises NoCoroutine or NoMemory where there is none."""

    __slots__ = ("snapshot", "promise", "frame", "function")

    def __init__(self, snapshot: Snapshot, promise: int) -> None:
        self.snapshot = snapshot
        self.promise = promise
        self.frame = snapshot.word(promise)
        if not 0 < promise - self.frame <= layout.MOST_BEFORE_PROMISE:
            raise NoCoroutine(f"there is no coroutine at 0x{promise:x}")
        pc = snapshot.word(self.frame)
        function = snapshot.program.function(pc)
        if not function or function.start != pc:
            raise NoCoroutine(f"there is no coroutine at 0x{promise:x}")
        self.function: Function = function

    @property
    def name(self) -> str:
        """Its function's name, as a programmer writes it."""
        return self.function.name

    @property
    def number(self) -> int | None:
        """The number of the co_await that it waits at; None if that is unknown."""
        if self.function.compiler is None or self.function.number_offset is None:
            return None
        size = self.function.compiler.number_size
        return int.from_bytes(self.snapshot.read(self.frame + self.function.number_offset, size), "little")

    @property
    def is_attached(self) -> bool:
        """Whether Asio says that a thread runs it."""
        return self.snapshot.word(self.promise + layout.ATTACHED_THREAD) != 0

    @property
    def has_not_started(self) -> bool:
        """Whether it still waits at its initial suspension, awaited by nobody."""
        compiler = self.function.compiler
        return (
            compiler is not None
            and self.number == compiler.initial
            and not self.is_attached
            and self.snapshot.word(self.promise + layout.CALLER) == 0
        )

    @property
    def destroy(self) -> int:
        """The address of the function that destroys it."""
        return self.snapshot.word(self.frame + WORD)

    @property
    def waiting_pc(self) -> int:
        """The instruction that suspended it, or where its function begins, if that is not to be found."""
        number = self.number
        return self.function.start if number is None else self.function.suspension(number)

    @property
    def waiting_line(self) -> int:
        """The line of the co_await that it waits at, or the first one of its function."""
        return self.function.lines[0] if self.has_not_started else self.function.line_of(self.waiting_pc)

    @property
    def locals(self) -> list[Variable]:
        """The program's variables that are visible where it waits, the innermost block's first, without arguments."""
        return self.function.locals(self.waiting_pc)

    def address_of(self, variable: Variable) -> int:
        """Where one of its variables is. Raises NoMemory."""
        address = self.frame + variable.location.offset
        inner = variable.location.inner
        return address if inner is None else self.snapshot.word(address) + inner

    @property
    def has_registers(self) -> bool:
        """Whether registers() has them."""
        try:
            self.registers()
        except NoDebugInformation:
            return False
        return True

    def registers(self) -> dict[str, int]:
        """With these in its machine registers, a debugger sees the variables of this coroutine, which waits.

        A body finds its coroutine frame by an address that it keeps on the thread's stack, `spill` bytes from the base
        of its machine frame. A promise begins with just that address. So let the machine frame be where its spilled
        word is the promise. With a spill of -56, for a promise at 0x1010:

            base = 0x1010 + 56 = 0x1048      on x86-64 rbp = base with Clang, base - 16 = 0x1038 with GCC

        Raises NoDebugInformation where that is not known, or the processor's registers are not."""
        function = self.function
        if not function.machine.can_stand_in:
            raise NoDebugInformation("this takes registers as those of x86-64")
        unknown = self.waiting_pc == function.start and not self.has_not_started
        if function.compiler is None or function.spill is None or unknown:
            raise NoDebugInformation(BUILD)
        base = self.promise - function.spill
        return function.machine.registers_of(self.waiting_pc, base, function.compiler.base_is_cfa)

    def waiter(self) -> int:
        """Of an entry point: the promise of the coroutine that its completion resumes, or 0.

        Asio makes an awaitable_thread a part of the completion handler; its first word is that coroutine's entry point,
        or null if the handler has been moved on."""
        parts = self.function.paths_to_waiter
        for coroutine in self._coroutines([*parts.wanted, *parts.unknown]):
            if coroutine.function.is_entry_point and coroutine.promise != self.promise:
                try:
                    return coroutine.top_of_stack()
                except (NoMemory, NoDebugInformation):  # not alive, or not readable: there may be another one
                    continue
        return 0

    def is_cancelled(self) -> bool:
        """Of an entry point: whether its task was cancelled. Raises NoMemory."""
        if self.function.cancellation is None:
            return False
        state, cancelled = self.function.cancellation
        implementation = self.snapshot.word(self.promise + state)
        if not implementation:
            return False
        types = self.snapshot.read(implementation + cancelled, layout.CANCELLATION_SIZE)
        return int.from_bytes(types, "little") in layout.CANCELLATION_TYPES

    def executor(self) -> int:
        """Of an entry point: where its task's executor is, or 0 if there is none. Raises NoMemory."""
        executor, flag = self.function.executor, self.function.executor_flag
        if executor is None or flag is None:
            return 0
        is_there = self.snapshot.read(self.promise + flag.offset, 1) != b"\0"
        return self.promise + executor.offset if is_there else 0

    def task(self) -> int:
        """Of an entry point: the promise of the coroutine that it is going to start, or 0."""
        parts = self.function.paths_to_task
        for promise in words_at(self.snapshot, self.frame, parts.wanted):
            return promise
        for guess in self._coroutines(parts.unknown):
            if not guess.function.is_library and guess.has_not_started:
                return guess.promise
        return 0

    def top_of_stack(self) -> int:
        """Of an entry point: the promise of the innermost coroutine of its chain; 0 if all have ended. Raises
        UnknownAsio, NoDebugInformation, NoMemory."""
        if not self.function.is_readable:
            raise NoDebugInformation(BUILD)
        if self.function.top_of_stack_offset is None:
            raise UnknownAsio(f"Asio's {layout.ENTRY_POINT} has no {layout.TOP_OF_STACK} here")
        return self.snapshot.word(self.promise + self.function.top_of_stack_offset)

    def _coroutines(self, paths: list[Path]) -> Iterator[Coroutine]:
        """Those whose promises' addresses are the first words of these parts of it."""
        for promise in words_at(self.snapshot, self.frame, paths):
            try:
                yield Coroutine(self.snapshot, promise)
            except (NoCoroutine, NoMemory):  # what was found is not alive
                continue


def words_at(snapshot: Snapshot, start: int, paths: list[Path]) -> Iterator[int]:
    """The first words of these parts of an object, if they are not null."""
    for path in paths:
        try:
            address = start
            for offset in path:
                address = address and snapshot.word(address + offset)
        except NoMemory:  # what the path leads through need not be alive
            continue
        if address:
            yield address


def chain(snapshot: Snapshot, promise: int) -> Iterator[int]:
    """The promises of this coroutine, of the one that awaits it, and so on up to Asio's entry point. Ends where it
    would go in a circle, as in memory that is no longer theirs. Raises NoMemory where one cannot be read."""
    seen: set[int] = set()
    while promise and promise not in seen and len(seen) < MOST_IN_CHAIN:
        seen.add(promise)
        yield promise
        promise = snapshot.word(promise + layout.CALLER)
