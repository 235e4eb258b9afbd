"""GDB for Boost.Asio's C++20 coroutines, in any program that uses asio::awaitable and is built with -O0 -g.

    gdb -x src/debugger/asio_gdb.py build/async_example

`bt` shows the logical stack, `next` steps over a co_await, async-tasks lists all coroutines: see README.md, and help
async-tasks, async-in, async-next, async-step. GDB 13 or newer.
"""

import contextlib
import itertools
import os
import re
import sys
import types

import gdb
from gdb.FrameDecorator import FrameDecorator

sys.path.insert(0, os.path.dirname(os.path.abspath(os.path.expanduser(__file__))))
try:
    import coroutines as model
finally:
    del sys.path[0]


class GDB(model.Program):
    """What GDB lends the model."""

    stop_number = 0

    def read(self, address, size):
        try:
            return gdb.selected_inferior().read_memory(address, size).tobytes()
        except (gdb.error, OverflowError) as error:
            raise ValueError(str(error)) from error

    def find_function(self, pc):
        block = gdb.current_progspace().block_for_pc(pc)
        while block and not block.function:
            block = block.superblock
        if block and block.function.symtab:
            return full_name(block.function), block.start, block.end, block.function.symtab.fullname()
        symbol = re.match(r"(.*?)( \+ (\d+))? in section ", gdb.execute(f"info symbol {pc}", to_string=True))
        return symbol and (symbol[1], pc - int(symbol[3] or 0), 0, "")

    def find_variables(self, pc):
        block, symbols = gdb.current_progspace().block_for_pc(pc), []
        while block and not block.is_static:
            symbols += block
            block = block.superblock if not block.function else None
        # GDB tells where a variable is only in words: "Symbol id is ... DW_OP_fbreg -8 ... , length 4."
        words = gdb.execute(f"info scope *{pc}", to_string=True)
        locations = re.findall(r"^Symbol (.+?) is ((?:(?!^Symbol ).)*)", words, re.M | re.S)
        return [(symbol.name, symbol.type, symbol.is_argument) for symbol in symbols], locations

    def find_code(self, function):
        with gdb.with_parameter("disassembly-flavor", "att"):
            code = gdb.selected_inferior().architecture().disassemble(function.start, function.end - 1)
        for instruction in code:
            place = gdb.find_pc_line(instruction["addr"])
            own = place.symtab and place.symtab.fullname() == function.file
            yield model.Instruction(instruction["addr"], place.pc, place.line * bool(own), instruction["asm"])

    def members(self, type_):
        type_ = type_.strip_typedefs()
        if type_.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return []
        return [(f.name, f.bitpos // 8, f.type) for f in type_.fields() if hasattr(f, "bitpos") and not f.bitsize]

    def pointee(self, type_):
        type_ = type_.strip_typedefs()
        return type_.target() if type_.code == gdb.TYPE_CODE_PTR else None

    def type_name(self, type_):
        type_ = type_.strip_typedefs().unqualified()
        return type_.name or str(type_)

    def show(self, type_, address):
        try:
            text = value_at(address, type_).format_string(summary=True, max_elements=40)
            return "..." if "{" in text else text
        except gdb.error:
            return "..."

    def mappings(self):
        connection = gdb.selected_inferior().connection
        if connection and connection.type == "core":
            command, row = "maint info sections", r"0x(\w+)->0x(\w+) at 0x\w+: load\S* (?!.*READONLY).*LOAD.*()$"
        else:
            command, row = "info proc mappings", r"^ *0x(\w+) +0x(\w+) +0x\w+ +0x\w+ +\S?w\S* *(.*?) *$"
        for start, end, name in re.findall(row, gdb.execute(command, to_string=True), re.M):
            yield int(start, 16), int(end, 16), name

    def threads(self):
        """Selects them in turn: a frame is one of the selected thread's."""
        for thread in gdb.selected_inferior().threads():
            if thread.is_stopped():
                thread.switch()
                yield f"thread {thread.num}", stack()

    def pointer(self, frame, name):
        try:
            value = frame.machine.read_var(name)
            return int(value if self.pointee(value.type) else value.address)
        except (gdb.error, ValueError):
            return 0

    def first_argument(self, frame):
        return int(frame.machine.read_register("rdi" if "x86-64" in frame.machine.architecture().name() else "x0"))


asio = GDB()


def full_name(function):
    """GCC names the body of a lambda coroutine only operator(): the mangled name tells in which function it is."""
    actor = re.fullmatch(r"operator\(\).*?\((_Z\w+)\.Frame ?\*\)", function.name)
    try:
        return gdb.execute(f"demangle -l c++ -- {actor[1]}", to_string=True).strip() if actor else function.name
    except gdb.error:  # not everything can be demangled
        return "{lambda#1}"


def value_at(address, type_):
    """The value in memory; a reference's is what it refers to."""
    if type_.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return value_at(address, type_.strip_typedefs().target().pointer()).dereference()
    return gdb.Value(address).cast(type_.pointer()).dereference()


def described(frame):
    place, pc = frame.find_sal(), frame.pc()
    file = place.symtab.fullname() if place.symtab else gdb.solib_name(pc) or ""
    return model.Frame(frame, frame.name() or "", pc, int(frame.read_register("sp")), place.line, file)


def stack(most=None):
    """The machine frames of the selected thread, as far as they can be unwound."""
    frames, frame = [], gdb.newest_frame()
    with contextlib.suppress(gdb.error):
        while frame and len(frames) != most:
            frames.append(described(frame))
            frame = frame.older()
    return frames


@contextlib.contextmanager
def selection():
    """Keeps the selected thread and frame."""
    thread = gdb.selected_thread()
    if not thread:
        raise ValueError("The program is not being run.")
    frame = gdb.selected_frame()
    try:
        yield
    finally:
        thread.switch()
        frame.select()


def front_end():
    """Who shows what GDB says: dap, mi or, on a terminal, nobody."""
    if "gdb.dap.events" in sys.modules:
        return "dap"
    with contextlib.suppress(OSError), open("/proc/self/cmdline", "rb") as command:
        return "mi" if re.search(rb"\0(-i|--?interpreter)[=\0]mi", command.read()) else ""
    return ""


def values(coroutine, variables):
    """What GDB wants of a frame's arguments or locals. They are read beforehand, lazily: an exception while GDB prints
    the frame would cut the line off. With symbols instead of the names, GDB 13's MI hangs."""
    for variable in variables:
        with contextlib.suppress(gdb.error, ValueError):
            value = value_at(coroutine.place(variable), variable.type)
            value.fetch_lazy()
            yield types.SimpleNamespace(symbol=lambda name=variable.name: name, value=lambda value=value: value)


class Line(FrameDecorator):
    """A line of bt: a frame, with these parts in place of its own. A front end needs a machine frame for each line: a
    coroutine that awaits gets one that is hidden. On a terminal it gets the one of the line above, so that GDB prints
    no number: there is no machine frame to select."""

    def __init__(self, base, above=None, **parts):
        super().__init__(base)
        self.above, self.printed = above, False
        for name, value in parts.items():
            setattr(self, name, lambda value=value: value)

    def inferior_frame(self):
        self.printed = True
        return self.above.inferior_frame() if self.above and self.above.printed else super().inferior_frame()


def running(decorator, row):
    """The line of a coroutine that runs. GDB takes its arguments for locals of its outermost block."""
    if not row.coroutine.function.is_readable:
        return Line(decorator, function=row.name)
    arguments = list(values(row.coroutine, row.coroutine.function.arguments))
    names, own = [argument.symbol() for argument in arguments], []
    for local in reversed(list(decorator.frame_locals() or ())):
        if (symbol := str(local.symbol())) in names:
            names.remove(symbol)
        elif not model.HIDDEN.match(symbol):
            own.insert(0, local)
    return Line(decorator, function=row.name, frame_args=arguments, frame_locals=own)


def awaiting(decorator, above, row):
    """The line of a coroutine that awaits, or of what is to be said instead."""
    coroutine, address, parts = row.coroutine, 0, dict.fromkeys(("filename", "line", "frame_args", "frame_locals"))
    if coroutine:
        address, symtab = coroutine.awaiting_pc, gdb.find_pc_line(coroutine.awaiting_pc).symtab
        parts = {"filename": symtab and (symtab.fullname() if front_end() else symtab.filename),
                 "line": coroutine.line or None,
                 "frame_args": list(values(coroutine, coroutine.function.arguments)),
                 "frame_locals": list(values(coroutine, coroutine.locals))}  # fmt: skip
    if front_end():
        return Line(decorator, function=row.name, address=address, **parts)
    return Line(decorator, above, function="    " + row.name, address=None, **parts)  # where others have their number


class LogicalStack:
    """The frame filter. It is enabled only where a coroutine runs: elsewhere `bt` is GDB's own."""

    name, priority, wanted = "asio", 100, True

    @property
    def enabled(self):
        with contextlib.suppress(gdb.error):
            return self.wanted and any(asio.bodies(stack()))
        return False

    @enabled.setter
    def enabled(self, wanted):
        self.wanted = wanted

    def filter(self, decorators):
        decorators = list(decorators)
        first = decorators[0].inferior_frame()
        if first == gdb.newest_frame():
            return self.lines(decorators)
        # A front end asks for the variables of a frame that it was shown, and GDB only gives what is below that.
        lines = self.lines([FrameDecorator(frame.machine) for frame in stack()])
        return itertools.dropwhile(lambda line: line.inferior_frame() != first, lines)

    def lines(self, decorators):
        frames, above = [described(each.inferior_frame()) for each in decorators], None
        numbers = {id(frame): number for number, frame in enumerate(frames)}
        for row in asio.rows(frames):
            at = numbers[id(row.frame)] if row.frame else min(at + 1, len(frames) - 1)
            if not row.frame:
                yield awaiting(decorators[at], above, row)
            elif row.frame.machine.type() in (gdb.DUMMY_FRAME, gdb.SIGTRAMP_FRAME):
                yield decorators[at]
            else:  # GDB's own lines would have the parameters' types
                above = running(decorators[at], row) if row.coroutine else Line(decorators[at], function=row.name)
                yield above


class Stop(gdb.Breakpoint):
    """Where a step may end."""

    def __init__(self, stepper, step, pc):
        super().__init__(f"*{pc}", internal=True)
        self.silent, self.stepper, self.step = front_end() != "mi", stepper, step

    def stop(self):
        reached = self.step.has_reached(described(gdb.newest_frame()))
        self.stepper.reached = self.stepper.reached or reached
        if reached and front_end() == "dap":
            getattr(sys.modules["gdb.dap.events"], "expect_stop", str)("step")
        return reached


class Stepper:
    """Makes `next` step over a co_await, by three hooks of GDB's: before each `next` we note where it starts. After it,
    before anybody is told, we look where it has ended: if in Asio's code, the program runs on, to the next line of the
    coroutine or of one that awaits it."""

    def __init__(self):
        self.on, self.forced, self.stops, self.step, self.reached = True, False, [], None, False
        self.landed = self.undo = None  # the thread that has ended the step, the registers that it is to get back
        for hook in "hook-next", "hookpost-next", "hook-stop":
            own = []  # GDB has one hook of a kind for each command: if there is one already, it becomes a part of ours.
            with contextlib.suppress(gdb.error):
                own = gdb.execute(f"show user {hook}", to_string=True).splitlines()[1:]
            own = [line for line in own if "asio_stepper" not in line]
            gdb.execute("\n".join([f"define {hook}", f"python asio_stepper.{hook.replace('-', '_')}()", *own, "end"]))
        gdb.events.exited.connect(lambda _event: self.set())
        gdb.events.before_prompt.connect(self.hookpost_next)

    def set(self, step=None):
        """Breakpoints where this step may end, in place of those that there are. DAP clients are not told of them."""
        dap = sys.modules.get("gdb.dap.breakpoint")
        with dap.suppress_new_breakpoint_event() if dap else contextlib.nullcontext():
            for stop in self.stops:
                stop.delete()
            self.stops = [Stop(self, step, pc) for pc in {*step.ends, *step.deaths}] if step else []

    def hook_next(self):
        self.step = self.landed = self.undo = None
        self.reached = False
        try:
            if self.on or self.forced:
                self.step = model.Step.begin(asio, stack(100))
                self.set(self.step)
        except ValueError:
            gdb.write(f"This is a plain next: {model.NEEDS}.\n" if self.forced else "")
        except gdb.error:  # `next` itself says why
            pass

    def hookpost_next(self):
        """GDB selects the thread again that was selected before our hook-stop."""
        thread, self.landed = self.landed, None
        if thread and thread.is_valid():
            thread.switch()

    def hook_stop(self):
        step, reached, undo = self.step, self.reached, self.undo
        self.step = self.landed = self.undo = None
        self.reached = False
        self.set()
        why = gdb.execute("info program", to_string=True)
        if undo:
            set_registers(undo)
        elif reached and not step and not re.search(r"at breakpoint \d", why):  # one of the user's
            self.end_step()
        if not step:
            return
        try:
            frames, stepped = stack(), "stepped" in why
            if not (reached or step.is_repeated(frames) or stepped and not step.is_over(frames)):
                return
            step.go_on()
        except (gdb.error, ValueError):
            return
        self.set(step)
        if front_end() == "mi":
            gdb.execute("continue&")  # hook_stop() is called again
            return
        try:
            gdb.execute("continue")
            self.landed = gdb.selected_thread()
            if self.reached and not front_end():
                show_place(step)
        finally:
            self.reached = False
            self.set()

    def end_step(self):
        """An MI front end is to be told of the end of a step, not of a breakpoint that it does not know: so this thread
        steps by one instruction, one that does no harm, where its function begins. hook_stop() is called once more,
        before MI tells, and puts it back."""
        frame = gdb.newest_frame()
        self.undo = {name: int(frame.read_register(name)) for name in ("pc", "sp")}
        set_registers({"pc": asio.function(frame.pc()).start})
        with gdb.with_parameter("scheduler-locking", "on"):
            gdb.execute("stepi")


def show_place(step):
    """What GDB shows after a step."""
    place, body = gdb.newest_frame().find_sal(), next(asio.bodies(stack(3)), None)
    if body and body.promise != step.promises[0]:
        gdb.write(f"{model.Coroutine(asio, body.promise).name} () at {place.symtab.filename}:{place.line}\n")
    gdb.write(gdb.execute("frame", to_string=True).splitlines()[-1] + "\n")


def command(function):
    """Makes a command of a function. What goes wrong is one sentence for the user."""

    class Command(gdb.Command):
        __doc__ = function.__doc__

        def invoke(self, argument, _from_tty):
            try:
                function(argument)
            except (gdb.error, ValueError) as error:
                raise gdb.GdbError(str(error)) from error

    Command(function.__name__.replace("_", "-"), gdb.COMMAND_STACK)


@command
def async_next(argument):
    """Like `next`, but steps over a co_await: to the next line that this instance of the coroutine executes."""
    stepper.forced = True
    try:
        gdb.execute(f"next {argument}")
    finally:
        stepper.forced = False


@command
def async_step(argument):
    """async-step on|off: whether `next` steps over a co_await."""
    if argument not in ("on", "off"):
        raise ValueError("async-step takes on or off.")
    stepper.on = argument == "on"


@command
def async_tasks(_argument):
    """All coroutines of the program as a tree: which awaits which, and who waits for a spawned task."""
    with selection():
        listing = asio.tree()
    gdb.write(f"{listing}\n")


@command
def async_in(argument):
    """async-in N COMMAND: runs a command in the coroutine that has this number in the list of async-tasks."""
    with selection():
        coroutine, frame, text = asio.listed_coroutine(argument)
        if frame:
            frame.machine.select()
            return run_unharmed(text)
    with selection():  # the coroutine gets the registers that it would have where it waits
        registers = {name: int(gdb.newest_frame().read_register(name)) for name in coroutine.registers}
        try:
            set_registers(coroutine.registers)
            run_unharmed(text)
        finally:
            set_registers(registers)


def set_registers(values):
    gdb.newest_frame().select()
    for name, value in values.items():
        gdb.execute(f"set var ${name} = {value}")


def run_unharmed(text):
    """A function that the command calls must neither stop half way nor let other threads run."""
    disabled = [stop for stop in gdb.breakpoints() if stop.enabled]
    try:
        for stop in disabled:
            stop.enabled = False
        with gdb.with_parameter("unwindonsignal", True), gdb.with_parameter("scheduler-locking", "on"):
            gdb.execute(text)
    finally:
        for stop in disabled:
            stop.enabled = True


# When several threads step over breakpoints at once, GDB 13 was seen to lose a register (and the program to crash).
gdb.execute("set displaced-stepping off")
gdb.frame_filters[LogicalStack.name] = LogicalStack()
sys.modules["__main__"].asio_stepper = stepper = Stepper()
gdb.events.cont.connect(lambda _event: setattr(asio, "stop_number", asio.stop_number + 1))
for loaded in gdb.events.exited, gdb.events.new_objfile, gdb.events.clear_objfiles:
    loaded.connect(lambda _event: asio.forget())
