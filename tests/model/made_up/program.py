"""A made-up program in a made-up debugger: a drawing of a situation, of which the model is asked.

    made = MadeUp(By.CLANG)
    made.compile('''
    awaitable<void> pause(int ms) {
        co_await timer.async_wait();
    }
    awaitable<void> session(int id) {
        co_await pause(10);
    }
    ''')
    session = made.coroutine("session", line=5, id=7)       # waits in line 5
    pause = made.coroutine("pause", line=2, ms=10)
    made.spawn(session, pause)                              # a task: session awaits pause
    tasks.find(made.snapshot())                             # the model's answer
"""

from __future__ import annotations

import atexit
import enum
import os
import tempfile
import textwrap
from collections.abc import Hashable, Iterable, Iterator, Mapping as Dictionary, Sequence
from dataclasses import dataclass, field, replace

from asio_coroutines.coroutine import Coroutine
from asio_coroutines.debugger import (
    Frame, FunctionInfo, Instruction, Mapping, Member, NoMemory, Symbol, Thread
)  # fmt: skip
from asio_coroutines.program import Program, Snapshot

from .code import GCC, PROMISE, Clang, CppType, Function, Source, functions_in, pointer, struct
from .memory import Heap, Memory

CODE, DATA, HEAP, STACKS = 0x555555554000, 0x555555690000, 0x555555700000, 0x7FFFF0000000
STACK_SIZE, FRAME_SIZE = 1 << 16, 0x40
ATTACHED_THREAD, CALLER, EXECUTOR, TOP_OF_STACK, CANCELLATION, HAS_EXECUTOR = 8, 16, 40, 96, 112, 120
TARGET, TARGET_FUNCTIONS = 32, 40
DETACHED = "detached"

_folder = tempfile.TemporaryDirectory(prefix="made-up-")
atexit.register(_folder.cleanup)


class By(enum.Enum):
    """Who has compiled the program."""

    GCC = GCC
    CLANG = Clang


@dataclass(frozen=True, eq=False, slots=True)
class MadeUpFrame:
    """What a machine frame knows besides what the model is told at once."""

    parameters: Dictionary[str, int] = field(default_factory=dict)
    registers: Dictionary[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class MadeUpCoroutine:
    """A coroutine in the program's memory."""

    function: Function
    frame: int

    @property
    def promise(self) -> int:
        """The address that stands for it."""
        return self.frame + PROMISE

    def address_of(self, variable: str) -> int:
        """Where one of its variables is."""
        return self.frame + self.function.offset(variable)


def awaitable_of(asio: str, result: str) -> CppType:
    """asio::awaitable<result>."""
    frame = CppType(f"{asio}::detail::awaitable_frame<{result}, {asio}::any_io_executor> *")
    return struct(f"{asio}::awaitable<{result}, {asio}::any_io_executor>", frame_=frame)


def awaitable_thread(asio: str = "boost::asio") -> CppType:
    """asio::detail::awaitable_thread<any_io_executor>, whose first word is the entry point of a waiting coroutine."""
    bottom = awaitable_of(asio, f"{asio}::detail::awaitable_thread_entry_point")
    return struct(f"{asio}::detail::awaitable_thread<{asio}::any_io_executor>", bottom_of_stack_=bottom)


class MadeUp:
    """The program, and the debugger that has it: this is a `Debugger` as the model knows them."""

    def __init__(
        self, by: By = By.GCC, *, with_asan: bool = False, asio: str = "boost::asio", heap_size: int = 1 << 20
    ) -> None:
        self.asio = asio
        self.top_of_stack = "top_of_stack_"  # what Asio calls it
        self.memory = Memory()
        self.heap = Heap(self.memory, HEAP, heap_size)
        self.symbols = {"gnu_get_libc_version"}
        self.variables_at_addresses: dict[int, str] = {}
        self.texts: list[tuple[str, int]] = []  # what values were asked for: the names of the types, and addresses
        self.linker_names: dict[int, str] = {}  # of functions, by their first instructions
        self.frames_asked_for = 0
        self.machine = "x86-64"
        self.process: int | None = None
        self.code: Hashable = 1
        self.live = True
        self.stop: Hashable = 1
        self._frames_made = 0
        self.threads_stopped: list[tuple[str, Sequence[Frame]]] = []
        self.model = Program(self)
        self._by = by
        self._compiler: GCC | Clang = by.value(with_asan)
        self._functions: dict[str, Function] = {}
        self._by_pc: dict[int, Function] = {}
        self._next_code = CODE
        self._file = ""
        self._entry_points: dict[CppType | None, Function] = {}
        self._waiting_handler = struct(f"{asio}::detail::co_spawn_handler", self_=awaitable_thread(asio))
        self.promise_base = f"{asio}::detail::awaitable_frame_base<{asio}::any_io_executor>"
        (push_frame,) = functions_in(f"void {self.promise_base}::push_frame(base caller) {{\n    link(caller);\n}}")
        self._add(push_frame, "/usr/include/asio/impl/awaitable.hpp", {}, CppType("promise_type", 48))
        scheduler = "/usr/include/asio/scheduler.ipp"
        self.scheduler_run = self.plain_function(f"{asio}::detail::scheduler::run", file=scheduler)

    # The code.

    def compile(self, text: str, file: str = "server.cpp", types: Dictionary[str, CppType] | None = None) -> str:
        """Adds the functions in this source text, which is also written to a file. Returns the file's path."""
        text = textwrap.dedent(text).lstrip("\n")
        path = file
        if not os.path.isabs(file):
            path = os.path.join(tempfile.mkdtemp(dir=_folder.name), file)
            with open(path, "w", encoding="utf-8") as source_file:
                source_file.write(text)
        for source in functions_in(text):
            self._add(source, path, types or {}, CppType("promise_type", 48))
        return path

    def _add(self, source: Source, file: str, types: Dictionary[str, CppType], promise: CppType) -> Function:
        function = self._compiler.compile(source, file, self._next_code, types, promise)
        self._next_code = (function.info.end + 0x20) & ~0xF
        self._functions[source.name] = function
        self._by_pc.update((each.pc, function) for each in function.instructions)
        return function

    def function(self, name: str) -> Function:
        """A function, by its name without parameters."""
        return self._functions[name]

    def rename(self, name: str, full_name: str) -> None:
        """Gives a function another full name in debug information."""
        old = self._functions[name].info
        self._functions[name].info = FunctionInfo(full_name, old.start, old.end, old.file)
        self.model.forget()

    def strip(self, name: str) -> None:
        """Takes a function's debug information away: only its name and where it begins are known then."""
        function = self._functions[name]
        function.info = FunctionInfo(function.info.name, function.info.start, 0, "")
        self.model.forget()

    def add_ramp(self, name: str) -> Function:
        """The function that creates a coroutine: what is called where it is awaited."""
        (source,) = functions_in(f"void {name}() {{\n    create();\n}}")
        body = self._functions[name]
        ramp = self._add(source, body.info.file, {}, CppType("promise_type", 48))
        ramp.own = [Symbol(self._compiler.created, CppType("void *"), "DW_OP_fbreg -24", False, 0)]
        self._functions.update({name: body, f"ramp of {name}": ramp})
        return ramp

    def plain_function(self, name: str, file: str = "") -> FunctionInfo:
        """A function of which only the name matters."""
        info = FunctionInfo(name, self._next_code, self._next_code + 0x10, file)
        self._next_code += 0x20
        return info

    # Coroutines.

    def coroutine(self, name: str, line: int = 0, **variables: int) -> MadeUpCoroutine:
        """A coroutine that waits at the co_await in this line; without one it has not started. The rest are the values
        of its variables."""
        return self._create(self.function(name), line, variables)

    def _create(self, function: Function, line: int, variables: Dictionary[str, int]) -> MadeUpCoroutine:
        frame = self.heap.allocate(function.frame_size)
        made = MadeUpCoroutine(function, frame)
        self.memory.write_words(frame, function.info.start, function.info.start + 1, frame, 0, 0)
        self.set_number(made, function.suspensions[line] if line else self._compiler.initial)
        for name, value in variables.items():
            self.memory.write_words(made.address_of(name), value)
        return made

    def set_number(self, coroutine: MadeUpCoroutine, number: int) -> None:
        """Sets the number of the co_await at which it waits."""
        self.memory.write(coroutine.frame + coroutine.function.number, number.to_bytes(2, "little"))

    def wait_at(self, coroutine: MadeUpCoroutine, line: int) -> None:
        """Now it waits at the co_await in this line."""
        self.set_number(coroutine, coroutine.function.suspensions[line])

    def set_caller(self, coroutine: MadeUpCoroutine, caller: MadeUpCoroutine | None) -> None:
        """Now it is awaited by this one."""
        self.memory.write_words(coroutine.promise + CALLER, caller.promise if caller else 0)

    def destroy(self, coroutine: MadeUpCoroutine) -> None:
        """Ends its life: GCC's makes its number odd; then its memory is free."""
        if self._by == By.GCC:
            at = coroutine.frame + coroutine.function.number
            number = self.memory.word(at) & 0xFFFF | 1
            self.memory.write(at, number.to_bytes(2, "little"))
        self.heap.free(coroutine.frame)

    # Tasks.

    def spawn(
        self, *chain: MadeUpCoroutine, waiter: MadeUpCoroutine | None = None, handler: CppType | None = None
    ) -> MadeUpCoroutine:
        """A task: coroutines that await each other, the outermost first. Returns its entry point, a coroutine as well.

        `waiter` is the entry point of the task that waits for this one. The handler is of a type that only has an
        awaitable_thread then, or of the type given here."""
        entry_point = self.entry_point(handler or (self._waiting_handler if waiter else None))
        above = entry_point
        for coroutine in chain:
            self.set_caller(coroutine, above)
            above = coroutine
        self.memory.write_words(entry_point.promise + TOP_OF_STACK, above.promise)
        if waiter:
            self.memory.write_words(entry_point.address_of("handler"), waiter.promise)
        return entry_point

    def entry_point(self, handler: CppType | None = None, line: int = 2) -> MadeUpCoroutine:
        """Asio's own coroutine at the end of a chain, with a completion handler of this type."""
        if handler not in self._entry_points:
            self._entry_points[handler] = self._entry_point_function(handler or CppType(f"{self.asio}::detached_t", 1))
        return self._create(self._entry_points[handler], line, {})

    def _entry_point_function(self, handler: CppType) -> Function:
        task = awaitable_of(self.asio, "void")
        f = struct(f"{self.asio}::detail::awaitable_as_function<void, {self.asio}::any_io_executor>", awaitable_=task)
        lines = [
            f"awaitable<void> {self.asio}::detail::co_spawn_entry_point(f_t f, handler_t handler) {{",
            "    co_await f();",
            "    handler();",
            "}",
        ]
        state = struct("impl_base", signal_=CppType("signal"), cancelled_=CppType("cancellation_type", 4))
        executor = CppType(f"{self.asio}::any_io_executor", 56)
        members = [
            Member("u_", EXECUTOR, struct("u", executor_=executor)),
            Member(self.top_of_stack, TOP_OF_STACK, CppType("void *")),
            Member("cancellation_state_", CANCELLATION, struct("cancellation_state", impl_=pointer(state))),
            Member("has_executor_", HAS_EXECUTOR, CppType("bool", 1)),
        ]
        promise = CppType("awaitable_frame", 128, members)
        (source,) = functions_in("\n".join(lines))
        return self._add(source, "/usr/include/asio/impl/co_spawn.hpp", {"f_t": f, "handler_t": handler}, promise)

    def spawn_unstarted(self, coroutine: MadeUpCoroutine) -> MadeUpCoroutine:
        """A task that is still to begin: its entry point has the coroutine in its argument f, and awaits Asio's own."""
        entry_point = self.spawn()
        self.memory.write_words(entry_point.address_of("f"), coroutine.promise)
        return entry_point

    # Executors.

    def set_any_executor(self, address: int, type_name: str, target: int = 0) -> None:
        """Makes an any_io_executor of what is there. It holds an executor of this type, which is at `target`; without
        a type, nothing."""
        table = 0
        if type_name:
            base = f"{self.asio}::execution::detail::any_executor_base"
            name = f"{base}::target_fns_table<{type_name} >(bool)::fns_with_execute"
            known = {name: address for address, name in self.variables_at_addresses.items()}
            table = known.get(name, DATA + 0x20 * len(known))
            self.variables_at_addresses[table] = name
        self.memory.write_words(address + TARGET, target)
        self.memory.write_words(address + TARGET_FUNCTIONS, table)

    def set_executor(self, entry_point: MadeUpCoroutine, type_name: str) -> None:
        """Says on what the task with this entry point runs."""
        self.set_any_executor(entry_point.promise + EXECUTOR, type_name)
        self.memory.write(entry_point.promise + HAS_EXECUTOR, b"\1")

    def cancel(self, entry_point: MadeUpCoroutine, type_: int = 1) -> None:
        """Cancels the task with this entry point: type 1 is terminal, 0 none."""
        state = self.heap.allocate(16)
        self.memory.write(state + 8, type_.to_bytes(4, "little"))
        self.memory.write_words(entry_point.promise + CANCELLATION, state)

    # Threads.

    def thread(self, *parts: Iterable[Frame]) -> list[Frame]:
        """A thread that has stopped, with these parts of its call stack, the newest first. Returns its frames."""
        number = len(self.threads_stopped) + 1
        start = STACKS + (number - 1) * 2 * STACK_SIZE
        self.memory.map(start, STACK_SIZE)
        frames = [
            Frame(frame.handle, frame.name, frame.pc, start + STACK_SIZE // 2 + at * FRAME_SIZE, frame.line, frame.file)
            for at, frame in enumerate(each for part in parts for each in part)
        ]
        self.threads_stopped.append((f"thread {number}", frames))
        return frames

    def asked_for(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, which are counted as they are asked for."""
        for frame in frames:
            self.frames_asked_for += 1
            yield frame

    def running(self, coroutine: MadeUpCoroutine, line: int = 0, pc: int = 0) -> list[Frame]:
        """A coroutine's body in a line, or at an instruction, and what resumes it."""
        pc = pc or coroutine.function.pc(line)
        line = line or coroutine.function.line_of(pc)
        info = coroutine.function.info
        names = [each.name for each in coroutine.function.arguments]
        parameters = {name: self.memory.word(coroutine.address_of(name)) for name in names}
        parameters[self._compiler.frame_parameter] = coroutine.frame
        handle = MadeUpFrame(parameters, {"rdi": coroutine.frame})
        self.memory.write_words(coroutine.promise + ATTACHED_THREAD, STACKS)
        body = Frame(handle, info.name, pc, self._next_sp(), line, info.file)
        return [body, *self.frames_of_library("std::__n4861::coroutine_handle<void>::resume"), self.resume(coroutine)]

    def resume(self, coroutine: MadeUpCoroutine) -> Frame:
        """awaitable_frame_base::resume of this coroutine."""
        parameters = {"this": coroutine.promise}
        return self._frame(f"{self.promise_base}::resume", parameters, "/usr/include/asio/impl/awaitable.hpp")

    def pushing(self, awaited: MadeUpCoroutine, caller: MadeUpCoroutine) -> Frame:
        """awaitable_frame_base::push_frame, where one coroutine begins to await another, behind its prologue."""
        function = self._functions[f"{self.promise_base}::push_frame"]
        handle = MadeUpFrame({"this": awaited.promise, "caller": caller.promise})
        return Frame(handle, function.info.name, function.pc(2), self._next_sp(), 2, function.info.file)

    def starting_operation(self, coroutine: MadeUpCoroutine) -> list[Frame]:
        """A coroutine that has suspended itself, while the operation that it waits for is being started."""
        self.memory.write_words(coroutine.promise + ATTACHED_THREAD, 0)
        operation = f"{self.asio}::detail::initiate_async_wait::operator()"
        return [*self.frames_of_library(operation), self.resume(coroutine)]

    def scheduler(self) -> list[Frame]:
        """Asio's frames below a coroutine's."""
        thread = f"{self.asio}::detail::awaitable_thread<{self.asio}::any_io_executor>::pump"
        return self.frames_of_library(thread, f"{self.asio}::detail::scheduler::run", f"{self.asio}::io_context::run")

    def handler_of_group(self, waiter: MadeUpCoroutine | None) -> Frame:
        """A call of the handler that a group of tasks has for each: it has a pointer to what the group's members share,
        and of that an awaitable_thread is a part, the waiter's. Without one it has been moved from."""
        name = f"{self.asio}::experimental::detail::parallel_group_op_handler<0>::operator()"
        if name not in self._functions:
            (source,) = functions_in("void complete_one(int number) {\n    complete();\n}")
            function = self._add(source, "/usr/include/asio/parallel_group.hpp", {}, CppType("promise_type", 48))
            function.info = replace(function.info, name=name)
            self._functions[name] = function
            state = struct("parallel_group_state", count_=CppType("long"), handler_=awaitable_thread(self.asio))
            handler = struct("parallel_group_op_handler<0>", state_=pointer(state))
            function.own = [Symbol("this", pointer(handler), "DW_OP_fbreg -24", True, 0)]
        shared, this = self.heap.allocate(32), self.heap.allocate(32)
        self.memory.write_words(shared, 0, waiter.promise if waiter else 0)
        self.memory.write_words(this, shared)
        info = self._functions[name].info
        return Frame(MadeUpFrame({"this": this}), info.name, info.start, self._next_sp(), 1, info.file)

    def frames_of_library(self, *names: str) -> list[Frame]:
        """Frames of functions of a library."""
        return [self._frame(name, {}, "/usr/include/library.hpp") for name in names]

    def calls(self, name: str, line: int = 0, file: str = "/src/server.cpp") -> list[Frame]:
        """A frame of a plain function of the program, in this line, or its first one."""
        if name not in self._functions:
            return [self._frame(name, {}, file, line)]
        function = self._functions[name]
        pc = function.pc(line) if line else function.info.start
        sp, line = self._next_sp(), function.line_of(pc)
        return [Frame(MadeUpFrame(), function.info.name, pc, sp, line, function.info.file)]

    def wrapper(self, coroutine: MadeUpCoroutine, line: int) -> list[Frame]:
        """Clang's function for a part of a co_await."""
        name = f"{coroutine.function.info.name}.__await_suspend_wrapper__await"
        return [self._frame(name, {}, coroutine.function.info.file, line)]

    def _frame(self, name: str, parameters: Dictionary[str, int], file: str, line: int = 100) -> Frame:
        return Frame(MadeUpFrame(parameters), name, self.scheduler_run.start, self._next_sp(), line, file)

    def _next_sp(self) -> int:
        """A stack pointer that no other frame has."""
        self._frames_made += 1
        return STACKS - self._frames_made * FRAME_SIZE

    def inlined_into(self, frame: Frame, name: str) -> Frame:
        """A frame of a function that the compiler has inlined into another frame's."""
        return Frame(MadeUpFrame(), name, frame.pc, frame.sp, 1, "/usr/include/library.hpp")

    # The model.

    def snapshot(self) -> Snapshot:
        """The model's view of the memory as it is now."""
        return self.model.snapshot()

    def read_coroutine(self, coroutine: MadeUpCoroutine) -> Coroutine:
        """The model's view of a coroutine."""
        return Coroutine(self.snapshot(), coroutine.promise)

    # The debugger: see debugger.py.

    def read(self, address: int, size: int) -> bytes:
        return self.memory.read(address, size)

    def function_at(self, pc: int) -> FunctionInfo | None:
        function = self._by_pc.get(pc)
        return function.info if function else None

    def symbols_at(self, pc: int) -> Sequence[Symbol]:
        function = self._by_pc.get(pc)
        if not function or not function.info.end:
            return []
        return self._compiler.symbols(function, pc) if function.is_coroutine else function.own

    def instructions(self, function: FunctionInfo) -> Sequence[Instruction]:
        return [replace(each, text=self._linked(each.text)) for each in self._by_pc[function.start].instructions]

    def _linked(self, text: str) -> str:
        """An instruction with the address of the function that it calls. Those of the system are somewhere."""
        words, at, name = text.partition("@")
        if not at:
            return text
        start = self._functions[name].info.start if name in self._functions else 0x401000
        return f"{words}0x{start:x} <{name}>"

    def functions_named(self, name: str) -> Sequence[int]:
        return [self._functions[name].info.start] if name in self._functions else []

    def functions_ending(self, name: str) -> Sequence[int]:
        plain = {full: full.replace("{lambda}", "operator()") for full in self._functions}
        return [self._functions[full].info.start for full, end in plain.items() if end.endswith(name)]

    def linker_name(self, pc: int) -> str:
        return self.linker_names.get(pc, "")

    def has_symbol(self, name: str) -> bool:
        return name in self.symbols

    def variable_at(self, address: int) -> str:
        return self.variables_at_addresses.get(address, "")

    def referent(self, type_: CppType) -> CppType | None:
        return type_.referent

    def is_class(self, type_: CppType) -> bool:
        return type_.is_class

    def members(self, type_: CppType) -> Sequence[Member]:
        return type_.members

    def size(self, type_: CppType) -> int:
        return type_.size

    def pointee(self, type_: CppType) -> CppType | None:
        return type_.target

    def type_name(self, type_: CppType) -> str:
        return type_.name

    def text(self, type_: CppType, address: int) -> str:
        self.texts.append((type_.name, address))
        if type_.members:
            return "..."
        try:
            number = int.from_bytes(self.memory.read(address, type_.size), "little")
        except NoMemory:
            return "..."
        return ("false", "true")[number] if type_.name == "bool" and number < 2 else str(number)

    def full_text(self, type_: CppType, address: int) -> str:
        if not type_.members:
            return self.text(type_, address)
        values = (f"{each.name} = {self.full_text(each.type, address + each.offset)}" for each in type_.members)
        return "{" + ", ".join(values) + "}"

    def mappings(self) -> Iterable[Mapping]:
        return self.memory.mappings

    def threads(self) -> Iterator[Thread]:
        for name, frames in self.threads_stopped:
            yield Thread(name, self.asked_for(frames))

    def parameter(self, frame: Frame, name: str) -> int:
        made: MadeUpFrame = frame.handle
        return made.parameters.get(name, 0)

    def register(self, frame: Frame, name: str) -> int:
        made: MadeUpFrame = frame.handle
        return made.registers.get(name, 0)

    def architecture(self) -> str:
        return self.machine

    def process_id(self) -> int | None:
        return self.process

    def code_id(self) -> Hashable:
        return self.code

    def is_live(self) -> bool:
        return self.live

    def stop_id(self) -> Hashable:
        return self.stop
