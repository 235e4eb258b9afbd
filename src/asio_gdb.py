"""GDB for Boost.Asio's C++20 coroutines: who awaits whom, and stepping over a co_await.

    gdb -x src/asio_gdb.py build/async_example

bt          shows the logical stack: the running coroutine, the one that awaits it, and so on up to the one that was
            spawned, then the thread's outer frames. Asio's and the standard library's frames in between are hidden.
async-next  is `next` for coroutines: it stops at the next line that this instance of the coroutine runs, on whichever
            thread, and at its end in the coroutine that awaits it. At the end of a spawned one the program runs on.

For any program that uses boost::asio::awaitable, built with -O0 -g by GCC or Clang. GDB 13 or newer.

How it works: only the running coroutine is on the machine stack, called by awaitable_frame_base::resume. That object
leads to the rest. Its `caller_` is the same for the awaiting coroutine, and its `coro_` points to the coroutine frame,
where the compiler keeps the resume function, the arguments, the locals and the number of the co_await it waits at.
"""

import itertools
import os
import re

import gdb
from gdb.FrameDecorator import FrameDecorator

LIBRARY = re.compile(r"/boost/asio/|/include/(boost|asio|c\+\+)/")
RESUME = re.compile(r"asio::detail::awaitable_frame_base<.*>::resume$")
JUMP = re.compile(r"j|b\b|b\.|cb|tb")


class Coroutine:
    """A running or waiting coroutine, known by its `awaitable_frame_base` (a pointer)."""

    def __init__(self, base):
        handle = base["coro_"]
        self.address = int(handle[handle.type.fields()[0]])
        self.pc = int(read(self.address, gdb.lookup_type("unsigned long")))  # the resume function comes first
        self.block = gdb.block_for_pc(self.pc)
        while not self.block.function:
            self.block = self.block.superblock
        self.function = self.block.function
        # GDB knows where in the coroutine frame each variable is: "Symbol id is ... DW_OP_plus_uconst 104 , length 4."
        scope = gdb.execute(f"info scope *{self.pc}", to_string=True)
        places = re.findall(r"^Symbol (\S+) is (?:(?!^Symbol ).)*?plus_uconst (\d+)\s*, length", scope, re.M | re.S)
        self.offsets = {name: int(offset) for name, offset in places}

    def name(self):
        """The function as the programmer wrote it: without parameters and what the compiler adds."""
        name = re.sub(r"\[abi:\w+\]", "", self.function.name)
        actor = re.fullmatch(r"operator\(\)\((\w+)\.Frame ?\*\)", name)
        if actor:  # a lambda in a build by GCC: only the mangled name tells in which function
            name = gdb.execute(f"demangle {actor[1]}", to_string=True).strip()
        parameters = True
        while parameters:  # from the inside out
            name, parameters = re.subn(r"\([^()]*\)", "", name)
        return re.sub(r"::(\$_\d+|\{lambda#\d+\})::operator$", "::{lambda}", name.removesuffix(" const"))

    def arguments(self):
        """Names and values. Clang marks arguments as such; GCC puts them between two variables of its own."""
        symbols = list(self.block)
        names = [symbol.name for symbol in symbols]
        if "_Coro_self_handle" in names:
            symbols = symbols[names.index("_Coro_self_handle") + 1 : names.index("_Coro_resume_index")]
        else:
            symbols = [symbol for symbol in symbols if symbol.is_argument]
        places = [self.address + self.offsets[symbol.name] for symbol in symbols]
        return [Argument(symbol, read(place, symbol.type)) for symbol, place in zip(symbols, places)]

    def instructions(self):
        with gdb.with_parameter("disassembly-flavor", "att"):
            return gdb.selected_inferior().architecture().disassemble(self.block.start, self.block.end - 1)

    def awaiting_line(self):
        """The line of the co_await that the coroutine waits at, or else (not on x86-64) that of its definition.

        Right before it calls await_suspend, it stores the number of that co_await in its frame: find that store."""
        if "_Coro_resume_index" in self.offsets:  # GCC
            offset, number_type = self.offsets["_Coro_resume_index"], gdb.lookup_type("unsigned short")
        else:  # Clang
            fields = gdb.lookup_symbol("__coro_frame", self.block)[0].type.fields()
            offset, number_type = next((f.bitpos // 8, f.type) for f in fields if f.name == "__coro_index")
        store = re.compile(rf"mov[bwl] +\$0x{int(read(self.address + offset, number_type)):x},0x{offset:x}\(")
        rest = itertools.dropwhile(lambda instruction: not store.match(instruction["asm"]), self.instructions())
        call = next((instruction["addr"] for instruction in rest if "await_suspend" in instruction["asm"]), self.pc)
        return gdb.find_pc_line(call).line

    def statements(self):
        """(line, pc) of each place where `next` may stop. That excludes the function's first and last line, of which
        GCC puts parts at every co_await, and all before the first jump, where Clang names lines of the body."""
        body = next((i["addr"] for i in self.instructions() if JUMP.match(i["asm"])), self.block.start)
        table = [(entry.line, entry.pc) for entry in self.function.symtab.linetable() if entry.line > 0]
        table = [(line, pc) for line, pc in table if self.block.start <= pc < self.block.end]
        edges = {min(table)[0], max(table)[0]}
        return [(line, pc) for line, pc in table if pc > body and line not in edges]


class Argument:
    """What GDB wants of a frame's argument."""

    def __init__(self, symbol, value):
        self.symbol = lambda: symbol
        self.value = lambda: value


def read(address, value_type):
    """The value in memory; a reference's is what it refers to."""
    if value_type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return read(address, value_type.target().pointer()).dereference()
    return gdb.Value(address).cast(value_type.pointer()).dereference()


def base_of(frame):
    """The awaitable_frame_base of the coroutine whose body this machine frame runs, or None. Its callers tell."""
    try:
        handle = frame.older()
        resume = handle and handle.older()
        if resume and "coroutine_handle<" in (handle.name() or "") and RESUME.search(resume.name() or ""):
            return resume.read_var("this")
    except gdb.error:
        pass  # a stack that cannot be unwound further
    return None


def chain(base):
    """The coroutine at `base`, the one that awaits it, and so on up to the one that was spawned."""
    while base:
        coroutine = Coroutine(base)
        if not is_library(coroutine.function.symtab):
            yield coroutine
        base = base["caller_"]


def is_library(symtab):
    return bool(symtab and LIBRARY.search(os.path.normpath(symtab.fullname())))


def stack():
    frame = gdb.newest_frame()
    while frame:
        yield frame
        frame = frame.older()


def line_of_bt(frame, **parts):
    """The frame, with these parts in place of its own. They are values, read beforehand: an exception while GDB prints
    the frame would cut the line off."""
    decorator = FrameDecorator(frame)
    for name, value in parts.items():
        setattr(decorator, name, lambda value=value: value)
    return decorator


def coroutine_lines(frame, base):
    """The running coroutine, then those that await it. These have no machine frame: they borrow its, without number."""
    lines = 0
    try:
        for lines, coroutine in enumerate(chain(base)):
            parts = {"function": coroutine.name(), "frame_args": coroutine.arguments()}
            if lines > 0:
                parts["function"] = "    " + parts["function"]  # where the others have their number
                parts.update(filename=coroutine.function.symtab.filename, line=coroutine.awaiting_line())
                parts.update(address=None, frame_locals=None)
            yield line_of_bt(frame, **parts)
    except Exception as error:
        nothing = dict.fromkeys(("address", "filename", "line", "frame_args", "frame_locals"))
        yield line_of_bt(frame, function=f"    (awaiting coroutines not readable: {error})", **nothing)


class LogicalStack:
    """The frame filter. It is enabled only where a coroutine runs: elsewhere `bt` is GDB's own."""

    name, priority, wanted = "asio", 100, True

    @property
    def enabled(self):
        return self.wanted and any(base_of(frame) for frame in stack())

    @enabled.setter
    def enabled(self, wanted):
        self.wanted = wanted

    def filter(self, decorators):
        inside = False
        for frame in (decorator.inferior_frame() for decorator in decorators):
            base = base_of(frame)
            if base:
                inside = True
                yield from coroutine_lines(frame, base)
            elif frame.type() in (gdb.DUMMY_FRAME, gdb.SIGTRAMP_FRAME):
                yield FrameDecorator(frame)
            elif not inside or not is_machinery(frame):
                yield line_of_bt(frame, function=frame.name() or "??")  # the default would add the parameters' types


def is_machinery(frame):
    return is_library(frame.find_sal().symtab) or "libstdc++" in (gdb.solib_name(frame.pc()) or "")


class LineStop(gdb.Breakpoint):
    """Stops at an instruction, but only in one instance of the coroutine."""

    def __init__(self, pc, coroutine):
        super().__init__(f"*{pc}", internal=True)
        self.silent = True
        self.coroutine = coroutine

    def stop(self):
        try:
            address = gdb.newest_frame().read_var("__coro_frame").address  # Clang
        except ValueError:
            address = gdb.newest_frame().read_var("frame_ptr")  # GCC
        return int(address) == self.coroutine.address


class AsyncNext(gdb.Command):
    """Like `next`, but steps over a co_await: to the next line that this instance of the coroutine executes."""

    def invoke(self, _argument, _from_tty):
        if not gdb.selected_thread():
            raise gdb.GdbError("The program is not being run.")
        here = gdb.newest_frame()
        body = next((frame for frame in stack() if base_of(frame)), None)
        if not body or is_machinery(here):
            gdb.execute("next")
            return
        line_now, stops = body.find_sal().line, []
        try:
            for coroutine in chain(base_of(body)):
                stops += [LineStop(pc, coroutine) for line, pc in coroutine.statements() if line != line_now]
                line_now = None
            # In a function that the coroutine calls, `next` may return to a co_await, and then from the coroutine.
            shown = "" if here == body else gdb.execute("next", to_string=True)
            if here == body or not reached(stops) and gdb.selected_thread() and is_machinery(gdb.newest_frame()):
                shown = ""
                gdb.execute("continue")
            if reached(stops):
                shown = gdb.execute("frame", to_string=True)
            gdb.write(shown)
        finally:
            for stop in stops:
                stop.delete()


def reached(stops):
    return any(stop.hit_count for stop in stops)


# When several threads step over breakpoints at once, GDB 13 was seen to lose a register (and the program to crash).
gdb.execute("set displaced-stepping off")
gdb.frame_filters[LogicalStack.name] = LogicalStack()
AsyncNext("async-next", gdb.COMMAND_RUNNING)
