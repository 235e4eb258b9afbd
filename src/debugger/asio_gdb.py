"""GDB for Boost.Asio's C++20 coroutines: who awaits whom, all tasks there are, and stepping over a co_await.

    gdb -x src/debugger/asio_gdb.py build/async_example

bt           shows the logical stack: the running coroutine, the one that awaits it, and so on, then the thread's outer
             frames. Asio's and the standard library's frames in between are hidden. `bt full` has everyone's locals.
next         steps over a co_await, too: to the next line that this instance of the coroutine runs, on whichever thread,
             and at its end in the coroutine that awaits it. At the end of a spawned one that nobody waits for, the
             program runs on. `async-step off` gives the plain `next` back; `async-next` steps so in any case.
async-tasks  lists all coroutines of the program as a tree.
async-in     runs a command in one of them: async-in 3 info locals

For any program that uses asio::awaitable, built with -O0 -g by GCC or Clang. GDB 13 or newer.
"""

import contextlib
import itertools
import os
import re
import sys

import gdb
from gdb.FrameDecorator import FrameDecorator

sys.path.insert(0, os.path.dirname(os.path.abspath(os.path.expanduser(__file__))))
try:
    import coroutines as model
finally:
    del sys.path[0]


class GDB(model.Debugger):
    """What GDB lends the model."""

    def read(self, address, size):
        try:
            return gdb.selected_inferior().read_memory(address, size).tobytes()
        except (gdb.error, OverflowError) as error:
            raise model.Unreadable(str(error)) from error

    def find_function(self, pc):
        block = gdb.current_progspace().block_for_pc(pc)
        while block and not block.function:
            block = block.superblock
        if block and block.function.symtab:
            function = block.function
            return model.Function(full_name(function), block.start, block.end, function.symtab.fullname())
        symbol = re.match(r"(.*?)( \+ (\d+))? in section ", gdb.execute(f"info symbol {pc}", to_string=True))
        return symbol and model.Function(symbol[1], pc - int(symbol[3] or 0), 0, "")

    def find_variables(self, pc):
        block, symbols = gdb.current_progspace().block_for_pc(pc), []
        while block and not block.is_static:
            symbols += block
            block = block.superblock if not block.function else None
        # GDB tells where a variable is only in words: "Symbol id is ... DW_OP_fbreg -8 ... , length 4."
        words = gdb.execute(f"info scope *{pc}", to_string=True)
        places = iter(re.findall(r"^Symbol (.+?) is ((?:(?!^Symbol ).)*)", words, re.M | re.S))
        found = []
        for symbol in symbols:  # both go from the innermost block to the function's, so that names may repeat
            place = next((place for name, place in places if name == symbol.name), "")
            found.append((symbol.name, symbol.type, place, symbol.is_argument))
        return found

    def find_lines(self, function):
        if not function.end:
            return []
        table = gdb.current_progspace().block_for_pc(function.start).function.symtab.linetable()
        return [(entry.line, entry.pc) for entry in table
                if entry.line > 0 and function.start <= entry.pc < function.end]  # fmt: skip

    def find_instructions(self, function):
        if not function.end:
            return []
        with gdb.with_parameter("disassembly-flavor", "att"):
            code = gdb.selected_inferior().architecture().disassemble(function.start, function.end - 1)
        return [(instruction["addr"], instruction["asm"]) for instruction in code]

    def find_line(self, pc):
        return gdb.find_pc_line(pc).line

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

    def regions(self):
        stacks = [int(frames[0].read_register("sp")) for _name, frames in self.frames()]
        connection = gdb.selected_inferior().connection
        if connection and connection.type == "core":
            rows = re.findall(r"0x(\w+)->0x(\w+) at 0x\w+: load\S* (.*)()$",
                              gdb.execute("maint info sections", to_string=True), re.M)  # fmt: skip
        else:
            rows = re.findall(r"^ *0x(\w+) +0x(\w+) +0x\w+ +0x\w+ +(\S+) *(.*?) *$",
                              gdb.execute("info proc mappings", to_string=True), re.M)  # fmt: skip
        for start, end, flags, name in rows:
            writable = "w" in flags[:2] or "LOAD" in flags and "READONLY" not in flags
            start, end = int(start, 16), int(end, 16)
            if writable and (not name or name.startswith("[heap") or name.startswith("[anon")):
                if end - start <= MOST and not any(start <= stack < end for stack in stacks):
                    yield start, end

    def frames(self):
        with selection():
            for thread in gdb.selected_inferior().threads():
                if thread.is_stopped():
                    thread.switch()
                    yield f"thread {thread.num}", list(stack())

    def frame_line(self, frame):
        return frame.find_sal().line

    def frame_name(self, frame):
        return frame.name() or ""

    def promise_of(self, frame):
        try:
            return int(frame.read_var("this"))
        except (gdb.error, ValueError):
            return 0

    def creates_coroutine(self, frame):
        return any(name.startswith(("_Coro_", "__coro_")) for name, *_ in self.find_variables(frame.pc()))

    def show(self, variable, address):
        try:
            text = value_at(address, variable.type).format_string(summary=True, max_elements=40)
            return "..." if "{" in text else text
        except gdb.error:
            return "..."


MOST = 4 << 30  # bytes of a mapping; larger ones are reserved address space, as ASan's shadow
asio = GDB()


class selection:
    """Keeps the selected thread and frame."""

    def __enter__(self):
        self.thread, self.frame = gdb.selected_thread(), gdb.selected_frame()

    def __exit__(self, *_error):
        self.thread.switch()
        self.frame.select()


def full_name(function):
    """GCC names the body of a lambda coroutine only operator(): the mangled name tells in which function it is."""
    name = function.name
    actor = re.fullmatch(r"operator\(\).*?\((_Z\w+)\.Frame ?\*\)", name)
    try:
        return gdb.execute(f"demangle -l c++ -- {actor[1]}", to_string=True).strip() if actor else name
    except gdb.error:  # not everything can be demangled
        return "{lambda#1}"


def value_at(address, type_):
    """The value in memory; a reference's is what it refers to."""
    if type_.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return value_at(address, type_.strip_typedefs().target().pointer()).dereference()
    return gdb.Value(address).cast(type_.pointer()).dereference()


def stack():
    frame = gdb.newest_frame()
    while frame:
        yield frame
        try:
            frame = frame.older()
        except gdb.error:  # it cannot be unwound further
            return


def is_machinery(frame):
    symtab = frame.find_sal().symtab
    return model.is_library(symtab and symtab.fullname()) or "libstdc++" in (gdb.solib_name(frame.pc()) or "")


def front_end():
    """Who shows what GDB says: dap, mi or, on a terminal, nobody."""
    if "gdb.dap.events" in sys.modules:
        return "dap"
    try:
        with open("/proc/self/cmdline", encoding="utf-8", errors="replace") as command:
            return "mi" if re.search(r"\0(-i|--?interpreter)[=\0]mi", command.read()) else ""
    except OSError:
        return ""


class Variable:
    """What GDB wants of a frame's argument or local. Its value is read beforehand, lazily: an exception while GDB
    prints the frame would cut the line off. With a symbol instead of the name, GDB 13's MI hangs."""

    def __init__(self, name, value):
        self.symbol = lambda: name
        self.value = lambda: value


def variables_of(coroutine, variables):
    found = []
    for variable in variables:
        try:
            value = value_at(coroutine.frame + variable.offset, variable.type)
            value.fetch_lazy()
            found.append(Variable(variable.name, value))
        except gdb.error:
            pass
    return found


class Line(FrameDecorator):
    """A line of bt: a frame, with these parts in place of its own."""

    has_frame = True

    def __init__(self, base, **parts):
        super().__init__(base)
        self.printed = False
        for name, value in parts.items():
            setattr(self, name, lambda value=value: value)

    def inferior_frame(self):
        self.printed = True
        return super().inferior_frame()


class Awaiting(Line):
    """A line without a machine frame. For a front end each line needs one: it gets one that is hidden. On a terminal it
    gets the one above, so that GDB prints no number: there is no machine frame to select."""

    has_frame = False

    def __init__(self, above, own, function, **parts):
        front = bool(front_end())
        if not front:
            function, parts["address"] = "    " + function, None  # where the others have their number
        super().__init__(own, function=function, **parts)
        self.above = None if front else above

    def inferior_frame(self):
        return self.above.inferior_frame() if self.above and self.above.printed else super().inferior_frame()


def awaiting(above, own, coroutine, spawned):
    pc, file = coroutine.awaiting_pc, coroutine.function.file
    if file and not front_end():
        file = gdb.find_pc_line(pc).symtab.filename
    return Awaiting(
        above, own, f"{model.WAITS} {coroutine.name}" if spawned else coroutine.name,
        address=pc, filename=file or None, line=coroutine.awaiting_line or None,
        frame_args=variables_of(coroutine, coroutine.arguments),
        frame_locals=variables_of(coroutine, coroutine.locals))  # fmt: skip


class LogicalStack:
    """The frame filter. It is enabled only where a coroutine runs: elsewhere `bt` is GDB's own."""

    name, priority, wanted = "asio", 100, True

    @property
    def enabled(self):
        try:
            return self.wanted and any(body for _frame, body in model.bodies(asio, stack()))
        except gdb.error:
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
        lines = self.lines([FrameDecorator(frame) for frame in stack()])
        return itertools.dropwhile(lambda line: line.inferior_frame() != first, lines)

    def lines(self, decorators):
        above, inside, seen = None, False, set()
        frames = [decorator.inferior_frame() for decorator in decorators]
        for number, (frame, body) in enumerate(model.bodies(asio, frames)):
            if body:
                inside = True
                hidden = itertools.chain(decorators[number + 1 :], itertools.repeat(decorators[-1]))
                for line in coroutine_lines(decorators[number], body, above, hidden, seen):
                    above = line if line.has_frame else above
                    yield line
            elif frame.type() in (gdb.DUMMY_FRAME, gdb.SIGTRAMP_FRAME):
                yield decorators[number]
            elif not inside or not is_machinery(frame):
                inside = inside or not is_machinery(frame)
                above = Line(decorators[number], function=frame.name() or "??")  # GDB's would add the parameters' types
                yield above


def coroutine_lines(decorator, body, above, hidden, seen):
    """The running coroutine, then those that await it."""
    shown, trouble = False, "" if body.promise else model.NEEDS
    try:
        for coroutine, spawned in model.logical_stack(asio, model.chain(asio, body.promise), seen):
            seen.add(coroutine.promise)
            if not shown and not body.suspended and coroutine.promise == body.promise:
                arguments = variables_of(coroutine, coroutine.arguments)
                if not coroutine.is_readable:
                    arguments = decorator.frame_args()
                own, names = [], [argument.symbol() for argument in arguments if isinstance(argument, Variable)]
                for local in reversed(list(decorator.frame_locals() or ())):  # the outermost block, with the arguments, first
                    if str(local.symbol()) in names:
                        names.remove(str(local.symbol()))
                    elif not model.HIDDEN.match(str(local.symbol())):
                        own.insert(0, local)
                above = Line(decorator, function=coroutine.name, frame_args=arguments, frame_locals=own)
                yield above
            else:
                yield awaiting(above, next(hidden), coroutine, spawned)
            shown, trouble = True, trouble or ("" if coroutine.is_readable else model.NEEDS)
    except Exception as error:  # it must not leave a frame filter
        trouble = f"not all coroutines are readable: {error}"
    if not shown and not body.suspended and body.promise not in seen:
        yield Line(decorator, function=model.plain_name(decorator.inferior_frame().name() or "??"))
    if trouble:
        nothing = dict.fromkeys(("filename", "line", "frame_args", "frame_locals"))
        yield Awaiting(above, next(hidden), f"({trouble})", address=0, **nothing)


class Stop(gdb.Breakpoint):
    """Stops at an instruction, but only in these coroutines, given by their frames' addresses."""

    def __init__(self, pc, instances):
        super().__init__(f"*{pc}", internal=True)
        self.silent, self.pc, self.instances, self.reached = front_end() != "mi", pc, instances, False

    def stop(self):
        frame = gdb.newest_frame()
        try:
            address = int(frame.read_var("__coro_frame").address)  # Clang
        except ValueError:
            address = int(frame.read_var("frame_ptr"))  # GCC
        self.reached = address in self.instances
        if self.reached and front_end() == "dap" and not self.is_users():
            getattr(sys.modules["gdb.dap.events"], "expect_stop", str)("step")
        return self.reached

    def is_users(self):
        """Whether the user has a breakpoint there, too."""
        users = (stop for stop in gdb.breakpoints() if stop.enabled and stop.number > 0)
        return any(place.address == self.pc for stop in users for place in stop.locations or ())


class Death(gdb.Breakpoint):
    """Where coroutines are destroyed: another one at the same address is not the one that is stepped in."""

    def __init__(self, pc, instances, stops):
        super().__init__(f"*{pc}", internal=True)
        self.silent, self.instances, self.stops = True, instances, stops

    def stop(self):
        frame = gdb.newest_frame()
        address = int(frame.read_register("rdi" if "x86-64" in frame.architecture().name() else "x0"))
        for stop in self.stops if address in self.instances else ():
            stop.instances.discard(address)
        return False


class Stepper:
    """Makes `next` step over a co_await, by three hooks of GDB's: before each `next` we note where it starts. After it,
    before anybody is told, we look where it has ended: if in Asio's code, the program runs on, to the next line of the
    coroutine or of one that awaits it."""

    def __init__(self):
        self.on, self.forced, self.step, self.stops = True, False, None, []
        self.landed = None  # the thread that has ended the step
        for hook in "hook-next", "hookpost-next", "hook-stop":
            self.hook(hook)
        gdb.events.exited.connect(lambda _event: self.clear())
        gdb.events.before_prompt.connect(self.hookpost_next)

    def hook(self, name):
        """GDB has one hook of a kind for each command: if there is one already, it becomes a part of ours."""
        try:
            own = gdb.execute(f"show user {name}", to_string=True).splitlines()[1:]
        except gdb.error:
            own = []
        own = [line for line in own if "asio_stepper" not in line]
        gdb.execute("\n".join([f"define {name}", f"python asio_stepper.{name.replace('-', '_')}()", *own, "end"]))

    def clear(self):
        with quiet_front_end():
            for stop in self.stops:
                stop.delete()
        self.stops = []

    def hook_next(self):
        self.step = self.landed = None
        try:
            frames = list(itertools.islice(stack(), 100)) if self.on or self.forced else []
            body = next((body for _frame, body in model.bodies(asio, frames) if body), None)
            if not body or is_machinery(frames[0]) and not model.THROW.match(frames[0].name() or ""):
                return
            if body.promise and model.Coroutine(asio, body.promise).is_readable:
                self.step = model.Step(asio, body, body.frame.find_sal().line, frames)
                with quiet_front_end():
                    self.stops = [Stop(pc, instances) for pc, instances in self.step.catches().items()]
            elif self.forced:
                gdb.write(f"This is a plain next: {model.NEEDS}.\n")
        except (gdb.error, model.Unreadable, ValueError):
            pass

    def hookpost_next(self):
        """GDB selects the thread again that was selected before our hook-stop."""
        thread, self.landed = self.landed, None
        if thread and thread.is_valid():
            thread.switch()

    def hook_stop(self):
        step, self.step, self.landed = self.step, None, None
        reached = next((stop for stop in self.stops if isinstance(stop, Stop) and stop.reached), None)
        if reached and not step:  # in an MI front end: see below
            if reached.is_users() or not can_step_instruction():
                gdb.post_event(self.clear)
            else:
                self.clear()
                gdb.execute("nexti")
            return
        self.clear()
        if not step or not reached and "stepped" not in gdb.execute("info program", to_string=True):
            return
        try:
            frame = gdb.newest_frame()
            place = frame.find_sal()
            if not reached and step.is_over(stack(), frame.pc(), place.line, place.symtab.fullname() if place.symtab else ""):
                return
            ends, deaths = step.stops()
        except (gdb.error, model.Unreadable, ValueError):
            return
        with quiet_front_end():
            stops = [Stop(pc, instances) for pc, instances in ends.items()]
            self.stops = stops + [Death(pc, instances, stops) for pc, instances in deaths.items()]
            if front_end() == "mi":
                gdb.execute("continue&")  # hook_stop() is called again
                return
            try:
                gdb.execute("continue")
                self.landed = gdb.selected_thread()
                if any(stop.reached for stop in stops) and not front_end():
                    show_place(step)
            finally:
                self.clear()


def show_place(step):
    """What GDB shows after a step."""
    frame = gdb.newest_frame()
    place = frame.find_sal()
    body = next((body for _frame, body in model.bodies(asio, itertools.islice(stack(), 3)) if body), None)
    if body and body.promise != step.promises[0]:
        gdb.write(f"{model.Coroutine(asio, body.promise).name} () at {place.symtab.filename}:{place.line}\n")
    gdb.write(gdb.execute("frame", to_string=True).splitlines()[-1] + "\n")


def can_step_instruction():
    """An MI front end would be told of a breakpoint that it does not know. So it is told of a step by one instruction
    in place of that, unless that leaves the line or runs a function."""
    frame = gdb.newest_frame()
    code = frame.architecture().disassemble(frame.pc())[0]["asm"]
    jump = re.match(r"jmp +0x(\w+)", code)
    if jump:
        return gdb.find_pc_line(int(jump[1], 16)).line == frame.find_sal().line
    return not re.match("j|call|b", code)


def quiet_front_end():
    """The DAP server tells its client of each breakpoint; these come and go unseen."""
    if front_end() == "dap":
        return sys.modules["gdb.dap.breakpoint"].suppress_new_breakpoint_event()
    return contextlib.nullcontext()


class AsyncNext(gdb.Command):
    """Like `next`, but steps over a co_await: to the next line that this instance of the coroutine executes."""

    def invoke(self, argument, _from_tty):
        asio_stepper.forced = True
        try:
            gdb.execute(f"next {argument}")
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from error
        finally:
            asio_stepper.forced = False


class AsyncStep(gdb.Command):
    """async-step on|off: whether `next` steps over a co_await."""

    def invoke(self, argument, _from_tty):
        if argument not in ("on", "off"):
            raise gdb.GdbError("async-step takes on or off.")
        asio_stepper.on = argument == "on"


class AsyncTasks(gdb.Command):
    """All coroutines of the program as a tree: which awaits which, and who waits for a spawned task."""

    listed = ()  # since the program stopped

    def invoke(self, _argument, _from_tty):
        require_program()
        with selection():
            self.listed = list(model.numbered_lines(model.find_tasks(asio)))
            lines = list(model.task_lines(self.listed))
        gdb.write("".join(f"{line}\n" for line in lines or [model.NO_TASKS]))

    def numbered(self, number):
        if not self.listed:
            raise gdb.GdbError("async-in takes the numbers that async-tasks has shown at this stop: run that first.")
        if not 1 <= number <= len(self.listed):
            raise gdb.GdbError(f"async-tasks has shown no number {number}.")
        return self.listed[number - 1][1]


class AsyncIn(gdb.Command):
    """async-in N COMMAND: runs a command in the coroutine that has this number in the list of async-tasks."""

    def invoke(self, argument, _from_tty):
        require_program()
        number, _, command = argument.strip().partition(" ")
        if not number.isdigit() or not command.strip():
            raise gdb.GdbError("async-in takes a number of async-tasks and a command: async-in 3 info locals")
        if runs_program(command):
            raise gdb.GdbError("async-in takes commands that look, not ones that let the program run.")
        coroutine = asio_tasks.numbered(int(number))
        with selection():
            for _thread, frames in asio.frames():
                for frame, body in model.bodies(asio, frames):
                    if body and body.promise == coroutine.promise and not body.suspended:
                        frame.select()
                        return run_unharmed(command)
            run_in(coroutine, command)


def run_in(coroutine, command):
    """Runs the command with the registers that the coroutine would have where it waits."""
    machine_frame = coroutine.machine_frame
    if machine_frame is None or "x86-64" not in gdb.newest_frame().architecture().name():
        raise gdb.GdbError(f"async-in works on x86-64; {model.NEEDS}.")
    frame = gdb.newest_frame()
    frame.select()
    registers = {name: int(frame.read_register(name)) for name in ("rip", "rbp")}
    try:
        set_registers(rip=coroutine.awaiting_pc, rbp=machine_frame)
    except gdb.error as error:
        raise gdb.GdbError(f"async-in needs a running process: {error}") from error
    try:
        run_unharmed(command)
    finally:
        set_registers(**registers)


def set_registers(**values):
    gdb.newest_frame().select()
    for name, value in values.items():
        gdb.execute(f"set var ${name} = {value}")


def run_unharmed(command):
    """A function that the command calls must neither stop half way nor let other threads run."""
    disabled = [stop for stop in gdb.breakpoints() if stop.enabled]
    try:
        for stop in disabled:
            stop.enabled = False
        with gdb.with_parameter("unwindonsignal", True), gdb.with_parameter("scheduler-locking", "on"):
            gdb.execute(command)
    except gdb.error as error:
        raise gdb.GdbError(str(error)) from error
    finally:
        for stop in disabled:
            stop.enabled = True


def runs_program(command):
    """Whether GDB counts it, or what it abbreviates, among the commands that run the program."""
    running = re.findall(r"^([\w-]+)(?:,.*)? -- ", gdb.execute("help running", to_string=True), re.M)
    try:
        return gdb.execute(f"help {command.split()[0]}", to_string=True).split("\n")[0].split(",")[0] in running
    except gdb.error:
        return False  # print/x and the like


def require_program():
    if not gdb.selected_thread():
        raise gdb.GdbError("The program is not being run.")


# When several threads step over breakpoints at once, GDB 13 was seen to lose a register (and the program to crash).
gdb.execute("set displaced-stepping off")
gdb.frame_filters[LogicalStack.name] = LogicalStack()
sys.modules["__main__"].asio_stepper = asio_stepper = Stepper()
AsyncNext("async-next", gdb.COMMAND_RUNNING)
AsyncStep("async-step", gdb.COMMAND_RUNNING)
asio_tasks = AsyncTasks("async-tasks", gdb.COMMAND_STACK)
AsyncIn("async-in", gdb.COMMAND_STACK)
gdb.events.cont.connect(lambda _event: setattr(asio_tasks, "listed", ()))
for loaded in gdb.events.exited, gdb.events.new_objfile, gdb.events.clear_objfiles:
    loaded.connect(lambda _event: asio.forget())
