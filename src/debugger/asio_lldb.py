"""LLDB for Boost.Asio's C++20 coroutines, in any program that uses asio::awaitable and is built with -O0 -g.

    lldb -o "command script import src/debugger/asio_lldb.py" build/async_example

async-bt shows the logical stack, `next` and an editor's Step Over step over a co_await, async-tasks lists all
coroutines: see README.md, and help async-bt, async-tasks, async-in, async-next, async-step. LLDB 19 or newer.
"""

import contextlib
import itertools
import os
import re
import sys
import threading
import time

import lldb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import coroutines as model
finally:
    del sys.path[0]

STEP = "step over"  # as LLDB describes why it has stopped
SIGTRAP, INT3 = 5, b"\xcc"


class LLDB(model.Program):
    """What LLDB lends the model, for one process. Several debuggers may live in one program: nothing is global."""

    def __init__(self, process):
        super().__init__()
        self.process, self.target, self.error, self.known = process, process.target, lldb.SBError(), {}

    stop_number = property(lambda self: self.process.GetStopID())

    def read(self, address, size):
        memory = self.process.ReadMemory(address, size, self.error) if 0 < address < 1 << 64 and size else b""
        if len(memory or b"") != size:
            raise ValueError(f"cannot read memory at 0x{address:x}")
        return memory

    def find_function(self, pc):
        place = self.target.ResolveLoadAddress(pc)
        function, symbol = place.function, place.symbol
        if not function:
            return symbol and (symbol.name, symbol.addr.GetLoadAddress(self.target), 0, "")
        name = symbol.name or function.name
        if name.startswith("_Z"):  # Clang's of a generic lambda: LLVM demangles it only without its template arguments
            mangled = re.sub(r"(.*\$_\d+cl)I.*", r"\1Ev", name.split(".")[0])
            name = execute(self.target, f"language cplusplus demangle {mangled}").GetOutput().partition(" ---> ")[2]
        start, end = (address.GetLoadAddress(self.target) for address in (function.addr, function.GetEndAddress()))
        return name.strip() or function.name, start, end, function.addr.line_entry.file.fullpath or ""

    def find_variables(self, pc):
        block, values = self.target.ResolveLoadAddress(pc).block, []
        while block:
            values += [value for value in block.GetVariables(self.target, True, True, True) if value.name]
            block = block.GetParent()
        # LLDB tells where one is in words: Variable: id = {...}, name = "id", type = ..., location = ..., decl =
        words = execute(self.target, f"image lookup --verbose --address {pc}").GetOutput() or ""
        row = r'^ +Variable: id = \{\w+\}, name = "(.*?)", type = .*, location = (.*), decl ='
        is_argument = lambda value: value.value_type == lldb.eValueTypeVariableArgument
        return [(value.name, value.type, is_argument(value)) for value in values], re.findall(row, words, re.M)

    def find_code(self, function):
        target = self.target
        for each in target.ResolveLoadAddress(function.start).function.GetInstructions(target, "att"):
            row = each.addr.line_entry
            line = row.line if row.file.fullpath == function.file else 0
            text = f"{each.GetMnemonic(target)} {each.GetOperands(target)} {each.GetComment(target)}"
            yield model.Instruction(each.addr.GetLoadAddress(target), row.addr.GetLoadAddress(target), line, text)

    def members(self, type_):
        type_ = type_.GetCanonicalType()
        if type_.name not in self.known:
            bases = map(type_.GetDirectBaseClassAtIndex, range(type_.num_bases))
            parts = [member for member in itertools.chain(bases, type_.fields) if not member.is_bitfield]
            self.known[type_.name] = [(part.name, part.GetOffsetInBytes(), part.type) for part in parts]
        return self.known[type_.name]

    def pointee(self, type_):
        type_ = type_.GetCanonicalType()
        return type_.GetPointeeType() if type_.IsPointerType() else None

    def type_name(self, type_):
        return type_.GetCanonicalType().GetUnqualifiedType().name or ""

    def show(self, type_, address):
        return text_of(self.target.CreateValueFromAddress("value", lldb.SBAddress(address, self.target), type_))

    def mappings(self):
        regions, region = self.process.GetMemoryRegions(), lldb.SBMemoryRegionInfo()
        for number in range(regions.GetSize()):
            regions.GetMemoryRegionAtIndex(number, region)
            if region.IsReadable() and region.IsWritable():
                yield region.GetRegionBase(), region.GetRegionEnd(), region.GetName() or ""

    def threads(self):
        return ((f"thread {thread.GetIndexID()}", stack(thread)) for thread in self.process)

    def pointer(self, frame, name):
        value = frame.machine.FindVariable(name, lldb.eNoDynamicValues)
        return value.unsigned if value.type.IsPointerType() else value.load_addr if value else 0

    def first_argument(self, frame):
        return frame.machine.FindRegister("arg1").unsigned


def text_of(value):
    value = value.Dereference() if value.type.IsReferenceType() else value
    text = value.summary or value.value or "..."
    return text if len(text) <= 40 else "..."


def execute(target, command, result=None, frame=None):
    """In this frame or, if none is named, of this target: LLDB's own choice is what was selected before our command."""
    result, context = result or lldb.SBCommandReturnObject(), lldb.SBExecutionContext(frame or target)
    target.debugger.GetCommandInterpreter().HandleCommand(command, context, result, False)
    return result


def described(frame):
    place = frame.line_entry
    file = (place or frame.module).file.fullpath or ""
    return model.Frame(frame, frame.name or "", frame.pc, frame.sp, place.line, file)


def stack(thread, most=100_000):
    """The frames, the newest first, without what Clang makes of a co_await: that has the coroutine's own name."""
    frames = map(described, itertools.takewhile(bool, map(thread.GetFrameAtIndex, range(most))))
    return [frame for frame in frames if model.WRAPPER not in frame.name]


class Stepper:
    """Makes `next` and Step Over step over a co_await, in one process. LLDB calls on_stop() at each stop, before
    anybody is told. That remembers for each thread in which coroutine it stands. If at the next stop a step has ended
    in Asio's code, the program runs on, to the next line of that coroutine or of one that awaits it."""

    on, forced = True, False  # by async-step; by async-next

    def __init__(self, process):
        self.process, self.asio = process, LLDB(process)
        self.stop, self.remains, self.deciding, self.reasons = None, True, False, {}
        self.steps = {}  # by thread: where its next step begins
        self.breakpoint = self.step = self.reached = None
        self.ending = None  # the thread that has reached the end of a step, and its registers there

    def on_stop(self):
        """LLDB asks for each thread that has a reason to stop; returns whether the program shall remain stopped."""
        if self.stop != self.process.GetStopID():
            self.stop = self.process.GetStopID()
            threads = self.new_reasons()
            self.remains = not (self.is_repeated(*threads) or self.is_under_way(threads))
            if self.remains:
                self.clear()
                # Where another thread's breakpoint has come between, the next step takes up the one that is not over.
                self.steps = {number: self.steps[number] for number in threads if self.is_unfinished(number)}
                self.forced = False
                self.remember()
        return self.remains

    def is_under_way(self, threads):
        """Whether a step has not ended yet, and nothing else has made one of these threads stop."""
        if self.ending:
            self.put_back(*self.ending)
            return False
        if self.breakpoint and not self.reached:  # LLDB may stop although on_hit() has said no, twice at once
            return not threads
        reached = self.reached
        self.clear()
        if reached or len(threads) != 1:
            return bool(reached) and not threads and self.end(reached)
        if self.is_unfinished(threads[0]):
            self.go_on(self.steps[threads[0]])
        return bool(self.breakpoint)

    def is_unfinished(self, number):
        """Whether LLDB's own step of this thread has ended where a user does not want to be."""
        if number not in self.steps or self.reasons[number][0] != STEP or not (self.on or self.forced):
            return False
        return not self.steps[number].is_over(stack(self.process.GetThreadByID(number)))

    def is_repeated(self, number=0, *others):
        frames = map(described, map(self.process.GetThreadByID(number).GetFrameAtIndex, range(4)))
        return number in self.steps and not others and self.steps[number].is_repeated([*frames])

    def remember(self):
        """Where the next step would begin."""
        for thread in self.process:
            with contextlib.suppress(ValueError):
                if step := model.Step.begin(self.asio, stack(thread, 100)):
                    self.steps[thread.id] = step

    def new_reasons(self):
        """The threads that have stopped now for a reason that is not of the debugger's own making. One that did not get
        to run since still tells why it stopped before."""
        hits = {stop.GetID(): stop.GetHitCount() for stop in self.asio.target.breakpoint_iter()
                if stop != self.breakpoint}
        old, self.reasons = self.reasons, {}
        for thread in self.process:
            why, count = thread.stop_reason, thread.GetStopReasonDataCount()
            data, pc = [*map(thread.GetStopReasonDataAtIndex, range(count))], thread.GetFrameAtIndex(0).pc
            if why == lldb.eStopReasonBreakpoint:
                data = [hits[number] for number in data[::2] if number in hits]
            elif why == lldb.eStopReasonSignal and data == [SIGTRAP] and self.asio.read(pc - 1, 1) != INT3:
                continue  # it has reached a breakpoint that was deleted before its turn
            if why not in (lldb.eStopReasonNone, lldb.eStopReasonTrace, not data and lldb.eStopReasonBreakpoint):
                self.reasons[thread.id] = thread.GetStopDescription(100), pc, data
        return [number for number, reason in self.reasons.items() if old.get(number) != reason]

    def go_on(self, step):
        """Lets the program run to where this step may end."""
        step.go_on()
        self.step = step
        self.breakpoint = self.asio.target.BreakpointCreateFromScript(
            f"{__name__}.Places", lldb.SBStructuredData(), lldb.SBFileSpecList(), lldb.SBFileSpecList())  # fmt: skip
        self.breakpoint.SetScriptCallbackFunction(f"{__name__}.on_hit")
        threading.Thread(target=self.watch, args=(self.breakpoint,), daemon=True).start()

    def watch(self, breakpoint_):
        """LLDB does not call on_stop() where the program is paused or ends on the way: nothing may stay behind then. (A
        listener to its events would change the process's state when it takes one: so this looks, again and again.)"""
        looks = []
        while self.breakpoint == breakpoint_ and self.process.is_alive and len(looks) <= 3:
            stands = self.process.is_stopped and not self.deciding and self.process.GetStopID()
            looks = [look for look in looks if stands and look == stands] + [stands]
            time.sleep(0.05)
        if self.breakpoint == breakpoint_:
            self.clear()

    def clear(self):
        if self.breakpoint:
            self.asio.target.BreakpointDelete(self.breakpoint.GetID())
        self.breakpoint = self.step = self.reached = None

    def end(self, number):
        """A breakpoint's reason to stop would puzzle, and other threads may have such a one as well. So let this thread
        end a step of one instruction while they run: one that does no harm, where its function begins."""
        thread = self.process.GetThreadByID(number)
        frame = thread.GetFrameAtIndex(0)
        self.ending = number, {name: frame.FindRegister(name).unsigned for name in ("pc", "sp", "fp")}
        set_registers(thread, pc=frame.function.addr.GetLoadAddress(self.asio.target))
        if not thread.StepUsingScriptedThreadPlan(f"{__name__}.End", False).Success():
            self.put_back(*self.ending)
        return bool(self.ending)

    def put_back(self, number, registers):
        self.ending, thread = None, self.process.GetThreadByID(number)
        if thread:
            set_registers(thread, **registers)
            self.process.SetSelectedThread(thread)


steppers = {}


def stepper_of(process):
    number = process.GetUniqueID()
    if number not in steppers:
        for other in [other for other, stepper in steppers.items() if not stepper.process.is_alive]:
            del steppers[other]
        steppers[number] = Stepper(process)
    return steppers[number]


class Places:
    """Where LLDB sets the breakpoint. One with all places takes one number from the user's, not a hundred."""

    def __init__(self, breakpoint_, _arguments, _internal):
        self.breakpoint, self.is_set = breakpoint_, False

    def __callback__(self, _context):
        if not self.is_set:
            self.is_set = True
            stepper = stepper_of(self.breakpoint.GetTarget().process)
            for pc in {*stepper.step.ends, *stepper.step.deaths}:
                self.breakpoint.AddLocation(stepper.asio.target.ResolveLoadAddress(pc))

    def __get_depth__(self):
        return lldb.eSearchDepthTarget


class End:
    """What a thread does that has reached the end of a step: it stops, for the reason of a step."""

    def __init__(self, plan, _internal):
        self.plan = plan

    def explains_stop(self, _event):
        return self.plan.GetThread().stop_reason == lldb.eStopReasonTrace

    def is_stale(self):
        return False

    def should_step(self):
        return True

    def should_stop(self, _event):
        self.plan.SetPlanComplete(True)
        return True

    def stop_description(self, stream):
        stream.Print(STEP)


class StopHook:
    def __init__(self, _target, _arguments, _internal):
        pass

    def handle_stop(self, context, _stream):
        stepper = stepper_of(context.process)
        stepper.deciding = True
        try:
            return stepper.on_stop()
        except Exception:  # whatever goes wrong, the step is LLDB's own
            return True
        finally:
            stepper.deciding = False


def on_hit(frame, _location, _arguments, _internal):
    """Whether to stop at this place."""
    stepper = stepper_of(frame.thread.process)
    if stepper.step and stepper.step.has_reached(described(frame)):
        stepper.reached = frame.thread.id
    return stepper.reached == frame.thread.id


def command(function):
    """Makes a command of a function. What goes wrong is one sentence for the user."""

    def run(_debugger, arguments, context, result, _internal):
        if not context.thread or not context.process.is_stopped:
            result.SetError("The program is not being run.")
            return
        try:
            function(stepper_of(context.process), arguments.strip(), context.thread, result)
        except Exception as error:
            result.SetError(str(error))

    run.__doc__ = function.__doc__
    return run


def shown_frame(frame):
    name, place = model.plain_name(frame.name or "??"), frame.line_entry
    if not place:
        return f"{name} from {frame.module.file.basename}"
    values = frame.GetVariables(True, False, False, True)
    values = [f"{value.name}={text_of(value)}" for value in values if value.name not in (None, "frame_ptr")]
    return f"{name}({', '.join(values)}) at {place.file.basename}:{place.line}"


@command
def async_bt(stepper, _arguments, thread, result):
    """The logical stack of this thread: which coroutine awaits which. Outside coroutines the thread's backtrace."""
    frames, indent = stack(thread), 0
    if not any(stepper.asio.bodies(frames)):
        execute(stepper.asio.target, "thread backtrace", result, thread)
        return
    for row in stepper.asio.rows(frames):
        number = f"    frame #{row.frame.machine.idx}: " if row.frame else ""  # those that await have no machine frame
        indent = len(number) or indent
        text = row.coroutine.text if row.coroutine else shown_frame(row.frame.machine) if row.frame else row.name
        result.AppendMessage(number.ljust(indent) + text)
        if row.frame and row.frame.name == "main":
            break


@command
def async_tasks(stepper, _arguments, _thread, result):
    """All coroutines of the program as a tree: which awaits which, and who waits for a spawned task."""
    result.AppendMessage(stepper.asio.tree())


@command
def async_in(stepper, arguments, thread, result):
    """async-in N COMMAND: runs a command in the coroutine that has this number in the list of async-tasks."""
    coroutine, frame, command_ = stepper.asio.listed_coroutine(arguments)
    if frame:
        execute(stepper.asio.target, command_, result, frame.machine)
        return
    values = coroutine.registers  # that it would have where it waits
    if command_.strip() in ("l", "list", "source list"):  # these begin where the last one ended
        command_ = f"source list --address {coroutine.awaiting_pc}"
    registers = {name: thread.GetFrameAtIndex(0).FindRegister(name).unsigned for name in values}
    try:
        if not set_registers(thread, **values):
            raise ValueError("async-in needs a running process.")
        execute(stepper.asio.target, command_, result, thread.GetFrameAtIndex(0))
    finally:
        set_registers(thread, **registers)


def set_registers(thread, **values):
    writes = [execute(thread.process.target, f"register write {name} {value}", None, thread.GetFrameAtIndex(0))
              for name, value in values.items()]  # fmt: skip
    return all(write.Succeeded() for write in writes)


@command
def async_next(stepper, arguments, thread, result):
    """Like `next`, but steps over a co_await: to the next line that this instance of the coroutine executes."""
    if re.search("core|minidump", stepper.process.GetPluginName()):
        raise ValueError("The program is not being run.")
    frames, step, plain = stack(thread), None, ""
    try:
        step = model.Step.begin(stepper.asio, frames)
    except ValueError:
        plain = f"This is a plain next: {model.NEEDS}."
    if step and (step.inside or model.THROW.match(frames[0].name)):  # LLDB's own step would lose an exception
        stepper.go_on(step)
        execute(stepper.asio.target, "process continue", result, thread)
    else:
        stepper.forced = True
        execute(stepper.asio.target, f"thread step-over {arguments}", result, thread)
        result.AppendMessage(plain)


def async_step(_debugger, arguments, _context, result, _internal):
    """async-step on|off: whether `next` steps over a co_await."""
    if arguments.strip() not in ("on", "off"):
        result.SetError("async-step takes on or off.")
        return
    Stepper.on = arguments.strip() == "on"


def __lldb_init_module(debugger, _internal):
    for name in "async-bt", "async-tasks", "async-in", "async-next", "async-step":
        function = f"{__name__}.{name.replace('-', '_')}"
        debugger.HandleCommand(f"command script add --overwrite --synchronicity current --function {function} {name}")
    # LLDB copies the stop hooks of its dummy target to those that are created later.
    for target in [debugger.GetDummyTarget(), *map(debugger.GetTargetAtIndex, range(debugger.GetNumTargets()))]:
        if f"{__name__}.StopHook" not in (execute(target, "target stop-hook list").GetOutput() or ""):
            execute(target, f"target stop-hook add -P {__name__}.StopHook")
        if target.process.is_stopped:
            stepper_of(target.process).remember()
