"""LLDB for Boost.Asio's C++20 coroutines: who awaits whom, and stepping over a co_await.

    lldb -o "command script import src/asio_lldb.py" build/async_example

async-bt    shows the logical stack: the running coroutine, the one that awaits it, and so on up to the one that was
            spawned, then the thread's outer frames. Asio's and the standard library's frames in between are hidden.
async-next  is `next` for coroutines: it stops at the next line that this instance of the coroutine runs, on whichever
            thread, and at its end in the coroutine that awaits it. At the end of a spawned one the program runs on.

For any program that uses boost::asio::awaitable, built with -O0 -g by GCC or Clang. LLDB 19 or newer.

How it works: only the running coroutine is on the machine stack, called by awaitable_frame_base::resume. That object
leads to the rest. Its `caller_` is the same for the awaiting coroutine, and its `coro_` points to the coroutine frame,
where the compiler keeps the resume function, the arguments, the locals and the number of the co_await it waits at.
"""

import itertools
import os
import re

import lldb

LIBRARY = re.compile(r"/boost/asio/|/include/(boost|asio|c\+\+)/")
JUMP = re.compile(r"j|b$|b\.|cb|tb")
SIGTRAP = 5  # of the debugger's own making
RESUME = re.compile(r"asio::detail::awaitable_frame_base<.*>::resume\(\)$")


class Coroutine:
    """A running or waiting coroutine, known by its `awaitable_frame_base` (a pointer)."""

    def __init__(self, base):
        self.base, self.target = base.unsigned, base.target
        self.address = read_pointer(base.process, base.GetChildMemberWithName("coro_").load_addr)
        start = self.target.ResolveLoadAddress(read_pointer(base.process, self.address))  # the resume function comes first
        self.symbol, self.function, self.definition = start.symbol, start.function, start.line_entry
        if not self.function:
            raise ValueError(f"no debug information at {start}")
        self.variables = {v.name: v for v in self.function.block.GetVariables(self.target, True, True, False) if v.name}
        # LLDB knows where they are in the coroutine frame: name = "id", ... location = ... DW_OP_plus_uconst 0x68, decl =
        scope = execute(self.target.debugger, f"image lookup --verbose --address {start.GetLoadAddress(self.target)}")
        offsets = re.findall(r'name = "([^"]+)", type = .*DW_OP_deref, DW_OP_plus_uconst (\w+), decl', scope.GetOutput())
        self.offsets = {name: int(offset, 16) for name, offset in offsets}

    def name(self):
        return plain_name(self.symbol.name or self.function.name)

    def value(self, name, offset):
        address = lldb.SBAddress(self.address + offset, self.target)
        return self.target.CreateValueFromAddress(name, address, self.variables[name].type)

    def arguments(self):
        """Clang marks arguments as such; GCC puts them between two variables of its own."""
        names = list(self.variables)
        if "_Coro_self_handle" in names:
            names = names[names.index("_Coro_self_handle") + 1 : names.index("_Coro_resume_index")]
        else:
            names = [name for name in names if self.variables[name].value_type == lldb.eValueTypeVariableArgument]
        return [self.value(name, self.offsets[name]) for name in names if name in self.offsets]

    def instructions(self):
        return self.function.GetInstructions(self.target, "att")

    def awaiting_line(self):
        """The line of the co_await that the coroutine waits at, or else (not on x86-64) that of its definition.

        Right before it calls await_suspend, it stores the number of that co_await in its frame: find that store."""
        if "__coro_frame" in self.variables:  # Clang
            index = self.value("__coro_frame", 0).GetChildMemberWithName("__coro_index")
        else:
            index = self.value("_Coro_resume_index", self.offsets["_Coro_resume_index"])
        store = f"$0x{index.unsigned:x}, 0x{index.load_addr - self.address:x}("
        rest = itertools.dropwhile(lambda i: not i.GetOperands(self.target).startswith(store), self.instructions())
        calls = (i.addr.line_entry for i in rest if "await_suspend" in i.GetComment(self.target))
        return next(calls, self.definition).line

    def statements(self):
        """(line, pc) of each place where `next` may stop. That excludes the function's first and last line, of which
        GCC puts parts at every co_await, and all before the first jump, where Clang names lines of the body."""
        body = itertools.dropwhile(lambda i: not JUMP.match(i.GetMnemonic(self.target)), self.instructions())
        starts = ((i.addr.line_entry, i.addr) for i in body)
        starts = [(entry, at) for entry, at in starts if entry.GetStartAddress() == at and entry.line > 0]
        table = [(entry.line, at.GetLoadAddress(self.target)) for entry, at in starts if entry.file == self.definition.file]
        edges = {self.definition.line, max(table)[0]}
        return [(line, pc) for line, pc in table if line not in edges]


def read_pointer(process, address):
    return process.ReadPointerFromMemory(address, lldb.SBError())


def execute(debugger, command, result=None, thread=None):
    """Of this thread, if one is named: a command of ours would else see the one that was selected when it began."""
    result, context = result or lldb.SBCommandReturnObject(), lldb.SBExecutionContext(thread or debugger.GetSelectedTarget())
    debugger.GetCommandInterpreter().HandleCommand(command, context, result, False)
    return result


def plain_name(name):
    """The function as the programmer wrote it: without parameters, template arguments and what the compiler adds."""
    name, more = name.replace("(anonymous namespace)::", "").replace("operator()", "operator@"), True
    while more:  # from the inside out
        name, more = re.subn(r"\[abi:\w+\]|<[^<>]*>|\([^()]*\)", "", name)
    name = re.sub(r"::(\$_\d+|'lambda\d*')::operator@", "::lambda", name).replace("@", "()")
    return name.strip().removesuffix(" const").rsplit(" ", 1)[-1].lstrip(":")


def base_of(frame):
    """The awaitable_frame_base of the coroutine whose body this machine frame runs, or None. Its callers tell."""
    handle = frame.parent
    if "coroutine_handle<" in (handle.name or "") and RESUME.search(handle.parent.name or ""):
        return handle.parent.FindVariable("this")
    return None


def chain(base):
    """The coroutine at `base`, the one that awaits it, and so on up to the one that was spawned."""
    while base.unsigned:
        coroutine = Coroutine(base)
        if not is_library(coroutine.definition):
            yield coroutine
        base = base.GetChildMemberWithName("caller_")


def is_library(line_entry):
    return bool(LIBRARY.search(os.path.normpath(line_entry.file.fullpath or "")))


def is_machinery(frame):
    return is_library(frame.line_entry) or "libstdc++" in (frame.module.file.basename or "")


def shown(name, arguments, file, line):
    """A line of async-bt."""
    values = []
    for argument in arguments:
        value = argument.Dereference() if argument.type.IsReferenceType() else argument
        text = value.summary or value.value or "..."
        values.append(f"{argument.name}={text if len(text) <= 40 else '...'}")
    return f"{name}({', '.join(values)}) at {file.basename}:{line}"


def shown_frame(frame):
    name, place = plain_name(frame.name or "??"), frame.line_entry
    if not place:
        return f"{name} from {frame.module.file.basename}"
    arguments = frame.GetVariables(True, False, False, True)
    return shown(name, [argument for argument in arguments if argument.name], place.file, place.line)


def shown_coroutines(frame, base):
    """The running coroutine, which has the machine frame, then those that await it."""
    line_now = frame.line_entry.line
    try:
        for coroutine in chain(base):
            line = line_now or coroutine.awaiting_line()
            yield shown(coroutine.name(), coroutine.arguments(), coroutine.definition.file, line)
            line_now = None
    except Exception as error:
        if line_now:
            yield shown_frame(frame)
        yield f"(awaiting coroutines not readable: {error})"


def logical_stack(thread):
    inside = False
    for frame in thread:
        base, number = base_of(frame), f"    frame #{frame.idx}: "
        if base:
            inside = True
            for line in shown_coroutines(frame, base):
                yield number + line
                number = " " * len(number)  # those that await have no machine frame, and so no number
        elif not inside or not is_machinery(frame):
            yield number + shown_frame(frame)
        if frame.name == "main":
            break


def async_bt(debugger, _command, context, result, _internal):
    """The logical stack of this thread: which coroutine awaits which. Outside coroutines the thread's backtrace."""
    if any(base_of(frame) for frame in context.thread):
        result.AppendMessage("\n".join(logical_stack(context.thread)))
    else:
        execute(debugger, "thread backtrace", result, context.thread)


def async_next(debugger, _command, context, result, _internal):
    """Like `next`, but steps over a co_await: to the next line that this instance of the coroutine executes."""
    thread, process = context.thread, context.process
    if not thread:
        result.SetError("The program is not being run.")
        return
    here = thread.GetFrameAtIndex(0)
    line_now, wanted = here.line_entry.line, set()  # (pc, base): where to stop, and in which instance
    for coroutine in chain(base_of(here)) if base_of(here) else ():
        wanted |= {(pc, coroutine.base) for line, pc in coroutine.statements() if line != line_now}
        line_now = None
    was_asynchronous = debugger.GetAsync()
    debugger.SetAsync(False)  # to wait for the stops
    stops = [context.target.BreakpointCreateByAddress(pc) for pc in {pc for pc, _ in wanted}]
    try:
        if wanted:
            run_to(process, wanted, {stop.GetID() for stop in stops})
        else:
            thread.StepOver()
    finally:
        for stop in stops:
            context.target.BreakpointDelete(stop.GetID())
        debugger.SetAsync(was_asynchronous)
    if process.is_stopped:
        execute(debugger, "frame select 0", result, process.GetSelectedThread())
    else:
        execute(debugger, "process status", result)


def run_to(process, wanted, ours):
    """Continues to a wanted place, and selects the thread that reached it, or to a stop for another reason.

    A thread that did not get to run since still tells why it stopped before: so it is the hits that count."""
    while True:
        hits = hit_counts(process.target, ours)
        process.Continue()
        for thread in process:
            base = base_of(thread.GetFrameAtIndex(0))
            if base and (thread.GetFrameAtIndex(0).pc, base.unsigned) in wanted:
                process.SetSelectedThread(thread)
                return
        reasons = [(thread.stop_reason, thread.GetStopReasonDataAtIndex(0)) for thread in process]
        other = (lldb.eStopReasonException, lldb.eStopReasonWatchpoint)
        signalled = any(why in other or why == lldb.eStopReasonSignal and data != SIGTRAP for why, data in reasons)
        if not process.is_stopped or signalled or hits != hit_counts(process.target, ours):
            return


def hit_counts(target, ours):
    return {stop.GetID(): stop.GetHitCount() for stop in target.breakpoint_iter() if stop.GetID() not in ours}


def __lldb_init_module(debugger, _internal):
    for command in "async-bt", "async-next":
        function = f"{__name__}.{command.replace('-', '_')}"
        debugger.HandleCommand(f"command script add --overwrite --function {function} {command}")
