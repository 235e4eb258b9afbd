"""LLDB for Boost.Asio's C++20 coroutines: who awaits whom, all tasks there are, and stepping over a co_await.

    lldb -o "command script import src/debugger/asio_lldb.py" build/async_example

next         steps over a co_await, too: to the next line that this instance of the coroutine runs, on whichever thread,
             and at its end in the coroutine that awaits it. At the end of a spawned one that nobody waits for, the
             program runs on. So does Step Over in lldb-dap and CodeLLDB. `async-step off` gives the plain one back.
async-next   steps so in any case, and also where an exception is thrown: LLDB's own step loses control there.
async-bt     shows the logical stack: the running coroutine, the one that awaits it, and so on, then the thread's outer
             frames. Asio's and the standard library's frames in between are hidden.
async-tasks  lists all coroutines of the program as a tree.
async-in     runs a command in one of them: async-in 3 frame variable

For any program that uses asio::awaitable, built with -O0 -g by GCC or Clang. LLDB 19 or newer.
"""

import itertools
import os
import re
import sys

import lldb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import coroutines as model
finally:
    del sys.path[0]


class LLDB(model.Debugger):
    """What LLDB lends the model, for one process. Several debuggers may live in one program: nothing is global."""

    EXAMPLE = "frame variable"

    def __init__(self, process):
        super().__init__()
        self.process, self.target, self.error, self.known = process, process.target, lldb.SBError(), {}

    def read(self, address, size):
        memory = self.process.ReadMemory(address, size, self.error) if 0 < address < 1 << 64 and size else b""
        if len(memory or b"") != size:
            raise model.Unreadable(f"cannot read memory at 0x{address:x}")
        return memory

    def find_function(self, pc):
        place = self.target.ResolveLoadAddress(pc)
        function, symbol = place.function, place.symbol
        if not function:
            return symbol and (symbol.name, symbol.addr.GetLoadAddress(self.target), 0, "")
        start, end = (address.GetLoadAddress(self.target) for address in (function.addr, function.GetEndAddress()))
        return self.full_name(symbol, function), start, end, function.addr.line_entry.file.fullpath or ""

    def full_name(self, symbol, function):
        """Clang's name of a generic lambda is one that LLVM demangles only without its template arguments."""
        name = symbol.name or function.name
        if name.startswith("_Z"):
            mangled = re.sub(r"(.*\$_\d+cl)I.*", r"\1Ev", name.split(".")[0])
            name = execute(self.target, f"language cplusplus demangle {mangled}").GetOutput().partition(" ---> ")[2]
        return name.strip() or function.name

    def look_up(self, pc):
        return execute(self.target, f"image lookup --verbose --address {pc}").GetOutput() or ""

    def find_variables(self, pc):
        block, values = self.target.ResolveLoadAddress(pc).block, []
        while block:
            values += [value for value in block.GetVariables(self.target, True, True, True) if value.name]
            block = block.GetParent()
        # LLDB tells where a variable is only in words: Variable: id = {...}, name = "id", type = ..., location = ..., decl
        rows = re.findall(r'^ +Variable: id = \{\w+\}, name = "(.*?)", type = .*, location = (.*), decl =',
                          self.look_up(pc), re.M)  # fmt: skip
        places, found = iter(rows), []
        for value in values:  # both go from the innermost block to the function's, so that names may repeat
            place = next((place for name, place in places if name == value.name), "")
            found.append((value.name, value.type, place, value.value_type == lldb.eValueTypeVariableArgument))
        return found

    def find_lines(self, function):
        address, found = self.target.ResolveLoadAddress(function.start), []
        file = address.line_entry.file
        while address.GetLoadAddress(self.target) < function.end and address.line_entry:
            entry = address.line_entry
            if entry.line > 0 and entry.file == file:
                found.append((entry.line, address.GetLoadAddress(self.target)))
            address = entry.GetEndAddress()
        return found

    def find_instructions(self, function):
        code = self.target.ResolveLoadAddress(function.start).function.GetInstructions(self.target, "att")
        return [(i.addr.GetLoadAddress(self.target), f"{i.GetMnemonic(self.target)} {i.GetOperands(self.target)} # {i.GetComment(self.target)}")
                for i in code]

    def find_line(self, pc):
        return self.target.ResolveLoadAddress(pc).line_entry.line

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

    def mappings(self):
        regions, region = self.process.GetMemoryRegions(), lldb.SBMemoryRegionInfo()
        for number in range(regions.GetSize()):
            regions.GetMemoryRegionAtIndex(number, region)
            if region.IsReadable() and region.IsWritable():
                yield region.GetRegionBase(), region.GetRegionEnd(), region.GetName() or ""

    def frames(self):
        return ((f"thread {thread.GetIndexID()}", list(stack(thread))) for thread in self.process)

    def place(self, frame):
        return frame.pc, frame.sp, frame.line_entry.line

    def frame_name(self, frame):
        return frame.name or ""

    def is_machinery(self, frame):
        return model.is_library(frame.line_entry.file.fullpath) or "libstdc++" in (frame.module.file.basename or "")

    def pointer(self, frame, name):
        value = frame.FindVariable(name, lldb.eNoDynamicValues)
        return value.unsigned if value.type.IsPointerType() else value.load_addr if value else 0

    def first_argument(self, frame):
        return frame.FindRegister("arg1").unsigned

    stop_number = property(lambda self: self.process.GetStopID())

    def runs_program(self, command_):
        return RUNS.match(full_command(self.target.debugger, command_))

    def show(self, variable, address):
        return text_of(self.target.CreateValueFromAddress(variable.name, lldb.SBAddress(address, self.target), variable.type))


STEP = "step over"  # as LLDB describes why it has stopped
SIGTRAP = 5
WRAPPER = "__await_suspend_wrapper__"
RUNS = re.compile(r"(process (?!status|handle|save)|thread (step|continue|until|return|jump|plan)|_regexp-(attach|jump)|"
                  r"gdb-remote|kdp-remote|platform process|async-next|async-in)")  # fmt: skip


def text_of(value):
    value = value.Dereference() if value.type.IsReferenceType() else value
    text = value.summary or value.value or "..."
    return text if len(text) <= 40 else "..."


def execute(target, command, result=None, frame=None):
    """In this frame or, if none is named, of this target: LLDB's own choice is what was selected before our command."""
    result, context = result or lldb.SBCommandReturnObject(), lldb.SBExecutionContext(frame or target)
    target.debugger.GetCommandInterpreter().HandleCommand(command, context, result, False)
    return result


def stack(thread, most=100_000):
    """The frames, the newest first, without what Clang makes of a co_await: that is labelled as the coroutine itself.
    LLDB looks for each when it is asked for."""
    frames = itertools.takewhile(bool, map(thread.GetFrameAtIndex, range(most)))
    return (frame for frame in frames if WRAPPER not in (frame.name or ""))


def shown(name, values, file, line):
    return f"{name}({', '.join(values)})" + (f" at {os.path.basename(file)}:{line}" if file else "")


def shown_frame(frame):
    name, place = model.plain_name(frame.name or "??"), frame.line_entry
    if not place:
        return f"{name} from {frame.module.file.basename}"
    arguments = [value for value in frame.GetVariables(True, False, False, True) if value.name not in (None, "frame_ptr")]
    return shown(name, (f"{value.name}={text_of(value)}" for value in arguments), place.file.fullpath, place.line)


def logical_stack(asio, frames):
    for row in model.rows(asio, frames):
        number = f"    frame #{row.frame.idx}: " if row.frame else ""  # those that await have no machine frame
        coroutine, text = row.coroutine, row.name
        if coroutine:
            values = (f"{v.name}={asio.show(v, coroutine.frame + v.offset)}" for v in coroutine.arguments)
            line = asio.place(row.frame)[2] if row.frame else coroutine.line
            text = shown(row.name, values, coroutine.function.file, line)
        elif row.frame:
            text = shown_frame(row.frame)
        indent = len(number) or indent
        yield number.ljust(indent) + text
        if row.frame and row.frame.name == "main":
            break


class Stepper:
    """Makes LLDB's `thread step-over` step over a co_await, in one process. LLDB calls on_stop() at each stop, before
    anybody is told. That remembers for each thread in which coroutine it stands. If at the next stop a step has ended
    in Asio's code, the program runs on, to the next line of that coroutine or of one that awaits it."""

    on = True

    def __init__(self, process):
        self.process, self.asio = process, LLDB(process)
        self.reasons, self.stop, self.goes_on, self.breakpoint = {}, None, False, None
        self.old, self.old_places = [], set()  # breakpoints to be deleted, and where they are
        self.breakpoint, self.ends, self.deaths, self.reached = None, {}, {}, None
        self.clear()
        self.waits = False
        self.tasks = model.Tasks(self.asio)

    def on_stop(self):
        """LLDB asks for each thread that has a reason to stop; returns whether it shall remain stopped."""
        if self.waits:  # async-next does all by itself
            return True
        if self.stop != self.process.GetStopID():
            self.stop, stopped = self.process.GetStopID(), self.stopped()
            # When several threads step over breakpoints side by side, LLDB 19 stops although all callbacks say no.
            self.goes_on = bool(self.breakpoint and not self.reached and not stopped) or self.is_repeated(stopped)
            if not self.goes_on:
                self.goes_on = self.is_under_way(stopped)
        return not self.goes_on

    def is_under_way(self, stopped):
        """Whether a step ended where a user does not want to be, and nothing else made the program stop."""
        steps, reached, ending, catching = self.steps, self.reached, self.ending, self.breakpoint and not self.deaths
        self.clear()
        if reached and not catching:
            return not stopped and self.end(reached)
        if reached or not (ending and self.has_ended(*ending)) and self.is_within(stopped, steps):
            self.go_on(steps[reached or stopped[0]])
            self.steps = steps
            return True
        if self.on:
            self.remember(self.process)
        return False

    def is_repeated(self, stopped):
        """Whether a breakpoint at a co_await that has stopped its thread already does so again, in what Clang makes of
        the co_await."""
        step = self.steps.get(stopped[0]) if len(stopped) == 1 else None
        frame = step and self.process.GetThreadByID(stopped[0]).GetFrameAtIndex(0)
        return bool(frame and WRAPPER in (frame.name or "") and step.inside and frame.line_entry.line == step.line)

    def remember(self, threads):
        """Where the next step would start."""
        for thread in threads:
            try:
                step = model.Step.begin(self.asio, list(stack(thread, 100)))
            except ValueError:
                step = None
            if step:
                self.steps[thread.id] = step

    def stopped(self):
        """The threads that have stopped now, for a reason that is not of the debugger's own making. One that did not
        get to run since still tells why it stopped before."""
        hits = {stop.GetID(): stop.GetHitCount() for stop in self.asio.target.breakpoint_iter() if stop not in [self.breakpoint, *self.old]}
        old, self.reasons = self.reasons, {}
        for thread in self.process:
            why, data = thread.stop_reason, [*map(thread.GetStopReasonDataAtIndex, range(thread.GetStopReasonDataCount()))]
            hit = [hits[which] for which in data[::2] if which in hits] if why == lldb.eStopReasonBreakpoint else data
            silent = lldb.eStopReasonNone, lldb.eStopReasonTrace, not hit and lldb.eStopReasonBreakpoint
            if why not in silent and (why, data) != (lldb.eStopReasonSignal, [SIGTRAP]):
                self.reasons[thread.id] = thread.GetStopDescription(100), thread.GetFrameAtIndex(0).pc, hit
        return [number for number, reason in self.reasons.items() if old.get(number) != reason]

    def is_within(self, stopped, steps):
        if len(stopped) != 1 or stopped[0] not in steps or self.reasons[stopped[0]][0] != STEP:
            return False
        return not steps[stopped[0]].is_over(list(stack(self.process.GetThreadByID(stopped[0]))))

    def go_on(self, step):
        """Sets a breakpoint at all of the places where it may end and where the program ends."""
        step.go_on()
        self.step, self.ends, self.deaths = step, step.ends, step.deaths
        self.breakpoint = self.asio.target.BreakpointCreateFromScript(
            f"{__name__}.Places", lldb.SBStructuredData(), lldb.SBFileSpecList(), lldb.SBFileSpecList())  # fmt: skip
        self.breakpoint.SetScriptCallbackFunction(f"{__name__}.on_hit")

    def clear(self):
        """A thread that has just reached a breakpoint, too, would stop for a SIGTRAP if that were deleted before its turn."""
        self.old += [self.breakpoint] if self.breakpoint else []
        at = {thread.GetFrameAtIndex(0).pc for thread in self.process if thread.id != self.reached}
        if not at & {*self.ends, *self.deaths, *self.old_places}:
            for old in self.old:
                self.asio.target.BreakpointDelete(old.GetID())
            self.old, self.old_places = [], set()
        else:
            self.old_places |= {*self.ends, *self.deaths}
        self.breakpoint, self.ends, self.deaths, self.steps, self.reached, self.ending = None, {}, {}, {}, None, None

    def places(self):
        exits = [symbol.addr for context in self.asio.target.FindSymbols("_exit") for symbol in [context.symbol]]
        return [*map(self.asio.target.ResolveLoadAddress, {*self.ends, *self.deaths}), *exits]

    def on_hit(self, frame):
        """Whether to stop there."""
        if frame.pc not in self.ends and frame.pc not in self.deaths:
            self.clear()
        elif self.step.has_reached(frame):
            self.reached = frame.thread.id
            return True
        return False

    def end(self, number):
        """A breakpoint's reason to stop would puzzle, and other threads may have such a one as well. So let this thread
        end a step, one instruction later, while they run."""
        thread = self.process.GetThreadByID(number)
        frame = thread.GetFrameAtIndex(0)
        self.ending = number, frame.pc, frame.sp
        return thread.StepUsingScriptedThreadPlan(f"{__name__}.End", False).Success()

    def has_ended(self, number, pc, sp):
        thread = self.process.GetThreadByID(number)
        if not thread or thread.GetStopDescription(100) != STEP:
            return False
        self.process.SetSelectedThread(thread)
        code = self.asio.target.ReadInstructions(self.asio.target.ResolveLoadAddress(pc), 1, "att")
        if re.match("j|call|b", code[0].GetMnemonic(self.asio.target)):  # undo it, so that nobody has seen it
            set_registers(thread, pc=pc, sp=sp)
        return True


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
            for address in stepper_of(self.breakpoint.GetTarget().process).places():
                self.breakpoint.AddLocation(address)

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
        try:
            return stepper_of(context.process).on_stop()
        except Exception:  # whatever goes wrong, the step is LLDB's own
            return True


def on_hit(frame, _location, _arguments, _internal):
    return stepper_of(frame.thread.process).on_hit(frame)


def command(function):
    """A command that looks at a stopped program. What goes wrong is one sentence for the user."""

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


@command
def async_bt(stepper, _arguments, thread, result):
    """The logical stack of this thread: which coroutine awaits which. Outside coroutines the thread's backtrace."""
    frames = list(stack(thread))
    if any(True for _body in model.bodies(stepper.asio, frames)):
        result.AppendMessage("\n".join(logical_stack(stepper.asio, frames)))
    else:
        execute(stepper.asio.target, "thread backtrace", result, thread)


@command
def async_tasks(stepper, _arguments, _thread, result):
    """All coroutines of the program as a tree: which awaits which, and who waits for a spawned task."""
    result.AppendMessage("\n".join(stepper.tasks.lines()))


@command
def async_in(stepper, arguments, thread, result):
    """async-in N COMMAND: runs a command in the coroutine that has this number in the list of async-tasks."""
    coroutine, frame, command_ = stepper.tasks.find(arguments)
    command_ = full_command(stepper.asio.target.debugger, command_)
    if frame:
        execute(stepper.asio.target, command_, result, frame)
    else:
        run_in(stepper.asio, coroutine, command_, thread, result)


def run_in(asio, coroutine, command_, thread, result):
    """Runs the command with the registers that the coroutine would have where it waits."""
    values = coroutine.registers
    if command_.strip() in ("source list", "_regexp-list"):  # these begin where the last one ended
        command_ = f"source list --address {coroutine.awaiting_pc}"
    registers = {name: thread.GetFrameAtIndex(0).FindRegister(name).unsigned for name in values}
    try:
        if not set_registers(thread, **values):
            raise ValueError("async-in needs a running process.")
        execute(asio.target, command_, result, thread.GetFrameAtIndex(0))
    finally:
        set_registers(thread, **registers)


def set_registers(thread, **values):
    writes = [execute(thread.process.target, f"register write {name} {value}", None, thread.GetFrameAtIndex(0))
              for name, value in values.items()]  # fmt: skip
    return all(write.Succeeded() for write in writes)


def full_command(debugger, command_):
    """With the name of the command that it abbreviates."""
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().ResolveCommand(command_, result)
    return result.GetOutput() or command_


@command
def async_next(stepper, arguments, thread, result):
    """Like `next`, but steps over a co_await: to the next line that this instance of the coroutine executes."""
    if "core" in stepper.process.GetPluginName():
        raise ValueError("The program is not being run.")
    stepper.clear()
    bodies = list(model.bodies(stepper.asio, list(stack(thread))))
    stepper.remember([thread])
    step = stepper.steps.get(thread.id)
    stepper.clear()
    if not step:
        if bodies:
            result.AppendMessage(f"This is a plain next: {model.NEEDS}.")
        execute(stepper.asio.target, f"thread step-over {arguments}", result, thread)
        return
    process, target = stepper.process, stepper.asio.target
    was_asynchronous, stepper.waits = target.debugger.GetAsync(), True
    target.debugger.SetAsync(False)  # to wait for the stops
    step.go_on()
    stops = [target.BreakpointCreateByAddress(pc) for pc in {*step.ends, *step.deaths}]
    try:
        run_to(process, step, {stop.GetID() for stop in stops})
    finally:
        for stop in stops:
            target.BreakpointDelete(stop.GetID())
        target.debugger.SetAsync(was_asynchronous)
        stepper.waits = False
    if process.is_stopped:
        stepper.remember(process)
        execute(target, "frame select 0", result, process.GetSelectedThread())
    else:
        execute(target, "process status", result)


def run_to(process, step, ours):
    """Continues until a coroutine reaches one of its ends, and selects its thread, or to a stop for another reason.

    A thread that did not get to run since still tells why it stopped before: so it is the hits that count."""
    while True:
        hits = hit_counts(process.target, ours)
        process.Continue()
        for thread in process:
            frame = thread.GetFrameAtIndex(0)
            if step.has_reached(frame):
                process.SetSelectedThread(thread)
                return
        reasons = [(thread.stop_reason, thread.GetStopReasonDataAtIndex(0)) for thread in process]
        other = (lldb.eStopReasonException, lldb.eStopReasonWatchpoint)
        signalled = any(why in other or why == lldb.eStopReasonSignal and data != SIGTRAP for why, data in reasons)
        if not process.is_stopped or signalled or hits != hit_counts(process.target, ours):
            return


def hit_counts(target, ours):
    return {stop.GetID(): stop.GetHitCount() for stop in target.breakpoint_iter() if stop.GetID() not in ours}


def async_step(_debugger, arguments, _context, result, _internal):
    """async-step on|off: whether `next` steps over a co_await."""
    if arguments.strip() not in ("on", "off"):
        result.SetError("async-step takes on or off.")
        return
    Stepper.on = arguments.strip() == "on"
    for stepper in steppers.values():
        stepper.clear()
        if Stepper.on and stepper.process.is_stopped:
            stepper.remember(stepper.process)


def __lldb_init_module(debugger, _internal):
    for name in "async-bt", "async-tasks", "async-in", "async-next", "async-step":
        function = f"{__name__}.{name.replace('-', '_')}"
        debugger.HandleCommand(f"command script add --overwrite --function {function} {name}")
    # LLDB copies the stop hooks of its dummy target to those that are created later.
    for target in [debugger.GetDummyTarget(), *(debugger.GetTargetAtIndex(n) for n in range(debugger.GetNumTargets()))]:
        if f"{__name__}.StopHook" not in (execute(target, "target stop-hook list").GetOutput() or ""):
            execute(target, f"target stop-hook add -P {__name__}.StopHook")
        if target.process.is_stopped:
            stepper_of(target.process).remember(target.process)
