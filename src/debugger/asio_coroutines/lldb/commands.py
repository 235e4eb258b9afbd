"""The commands for LLDB: async-bt, async-tasks, async-in, async-next, async-step, async-catch, async-break. The model
decides what they show; here it is printed, and what takes registers is executed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import lldb

from .. import names, requests, tasks
from ..breaks import bodies_named
from ..debugger import BUILD, Failure, NoDebugInformation, UserMistake
from ..listing import listing
from ..look import Place, What, find
from ..messages import CATCHES, DOES_NOT_CATCH, NOT_RUNNING, WITHOUT_REGISTERS, unexpected
from ..program import Program
from ..step import Kind
from . import backtrace
from .catching import set_catch
from .lends import LLDB, LLDBWithoutProcess, execute, set_registers
from .session import Session, session_of, settings_of

# Commands that only look, by their full names. Users may abbreviate each word, and name them by their aliases.
LOOKS = (
    "dwim-print", "expression", "frame variable", "frame info", "source list", "source info", "_regexp-list",
    "memory read", "memory region", "register read", "disassemble", "thread backtrace", "_regexp-bt", "thread info",
    "target variable", "target modules lookup", "target modules list", "type lookup",
)  # fmt: skip
KNOWN_AS = "bt, disassemble, expression, frame variable, list, memory read, po, print, register read, v, x and the like"
# "expression -f x -- count + 1", "dwim-print count"
EVALUATES = re.compile(
    r"(?P<name>dwim-print|expression)\b(?P<options>\s+-.*?(?=\s--\s))?(?:\s+--\s)?\s*(?P<rest>.*)", re.S
)
# Options of these by which the program might stop half way, or all of it run; ours come last, and win.
STOPS = re.compile(r"\s(-\w*[gr]|--d(eb\w*)?|--r\w*)(?=\s|=|$)")
UNDISTURBED = "--all-threads false --unwind-on-error true --ignore-breakpoints true"
LISTS = re.compile(r"(_regexp-list|source l\w*)$")  # without arguments: goes on where the last one has ended

Result = Any  # an SBCommandReturnObject
Function = Callable[[Session, str, Any, Result], None]  # the session, the arguments, the SBThread, the result
Invoked = Callable[[Any, str, Any, Result, Any], None]  # as LLDB calls a command


def command(function: Function) -> Invoked:
    """Makes a command of a function. What goes wrong is one sentence for the user."""

    def run(_debugger: Any, arguments: str, context: Any, result: Result, _internal: Any) -> None:
        if not context.thread or not context.process.is_stopped:
            result.SetError(f"{NOT_RUNNING}.")
            return
        try:
            function(session_of(context.process), arguments.strip(), context.thread, result)
        except Failure as failure:
            result.SetError(f"{failure}.")
        except Exception as error:
            result.SetError(unexpected(error))

    run.__doc__ = function.__doc__
    return run


@command
def async_bt(session: Session, _arguments: str, thread: Any, result: Result) -> None:
    """The logical stack of this thread: which coroutine awaits which. Outside coroutines the thread's backtrace."""
    if not backtrace.has_coroutines(session.program, thread):
        execute(session.lends.target, "thread backtrace", result, thread)
        return
    for line in backtrace.lines(session.program, thread):
        result.AppendMessage(line)


@command
def async_tasks(session: Session, arguments: str, _thread: Any, result: Result) -> None:
    """All coroutines of the program as a tree: which awaits which, and who waits for a spawned task.
    Usage: async-tasks [-all] [WORD]
    Of many tasks of the same shape one is shown, with their count. -all shows each; with a WORD, a regular expression,
    those tasks are shown in which a name, a value or a line matches, with those above them.
    async-in takes the numbers."""
    request = requests.tasks_request(arguments)
    shown = listing(tasks.find(session.program.snapshot()), request)
    promises = [coroutine.promise for coroutine in shown.coroutines]
    session.numbers.give(promises, session.lends.stop_id())
    result.AppendMessage("\n".join(shown.lines))


@command
def async_in(session: Session, arguments: str, thread: Any, result: Result) -> None:
    """Looks into a coroutine, by its number in the list of async-tasks.
    Usage: async-in N [COMMAND]
    Without a command it shows the coroutine's arguments and locals. With bt it shows who awaits it. Other commands that
    look, such as print, run as if the coroutine's frame were selected."""
    look, snapshot = requests.look(arguments), session.program.snapshot()
    words = looking(session.lends.target, look.command) if look.command else ""
    promise = session.numbers.promise(look.number, session.lends.stop_id())
    place = find(snapshot, promise, look.number)
    if what := _what(words):
        result.AppendMessage("\n".join(place.rows(what)))
    elif place.frame:
        frame = place.frame.handle
        called_from = place.pc - 1 if frame.idx else place.pc  # what it returns to may be the next line
        with _undisturbed(frame.thread):
            execute(session.lends.target, placed(words, called_from), result, frame)
    elif not place.has_registers:
        result.AppendMessage(_printed(session, place, words))
    else:
        with _undisturbed(thread), _registers(thread, place.coroutine.registers()):
            execute(session.lends.target, placed(words, place.pc), result, thread.GetFrameAtIndex(0))


def _what(words: str) -> What | None:
    """What a command shows, in full, if the model knows that without registers."""
    if not words or words.split() == ["frame", "variable"]:
        return What.VARIABLES
    if is_command(words, "thread backtrace") or is_command(words, "_regexp-bt"):
        return What.CALLERS
    return None


# print and the like, of a variable, one of its members or elements, or of what that points to.
PRINT = re.compile(
    r"(?:dwim-print|expression|frame variable)\b.*?(?P<star>\*?)"
    r"(?P<name>[A-Za-z_]\w*)(?P<path>(?:\.\w+|->\w+|\[\d+\])*)"
)


def _printed(session: Session, place: Place, words: str) -> str:
    """What print shows, found without registers: in a core dump, and where the processor is not x86-64. Raises
    UserMistake for what cannot be had so."""
    parts = PRINT.fullmatch(words)
    if not parts:
        raise UserMistake(WITHOUT_REGISTERS)
    variable = place.variable(parts["name"])
    value = session.lends.value_at(variable.name, variable.type, place.coroutine.address_of(variable))
    value = value.GetValueForExpressionPath(parts["path"]) if parts["path"] else value
    return str(value.Dereference() if parts["star"] else value)


def looking(target: Any, words: str) -> str:
    """The command in these words, in full. Raises UserMistake if it does not only look."""
    resolved = lldb.SBCommandReturnObject()
    target.debugger.GetCommandInterpreter().ResolveCommand(words, resolved)
    full = (resolved.GetOutput() or "").strip()
    refusal = UserMistake(f"async-in takes commands that look: {KNOWN_AS}")
    if not any(is_command(full, look) for look in LOOKS):
        raise refusal
    parts = EVALUATES.match(full)
    if parts is None:
        return full
    options = parts["options"] or ""
    if STOPS.search(options) or not parts["rest"]:  # without an expression LLDB asks for one, line by line
        raise refusal
    return f"{parts['name']}{options} {UNDISTURBED} -- {parts['rest']}"


def is_command(words: str, name: str) -> bool:
    """Whether these words are the command of this name, the first word in full, others perhaps abbreviated.

    >>> is_command("frame var -T x", "frame variable"), is_command("frame select 1", "frame variable")
    (True, False)
    """
    given, wanted = words.split(), name.split()
    if len(given) < len(wanted) or given[0] != wanted[0]:
        return False
    return all(full.startswith(word) for word, full in zip(given[1:], wanted[1:]))


def placed(words: str, pc: int) -> str:
    """A command that lists the source begins at this instruction, not where the last one has ended."""
    return f"source list --address {pc}" if LISTS.match(words) else words


@contextlib.contextmanager
def _registers(thread: Any, values: dict[str, int]) -> Iterator[None]:
    """With these registers, which stand for those of a coroutine. Raises UserMistake where they cannot be set."""
    selected = thread.GetSelectedFrame().idx
    frame = thread.GetFrameAtIndex(0)
    before = {name: frame.FindRegister(name).unsigned for name in values}
    try:
        if not set_registers(thread, values):
            raise UserMistake("async-in needs a running process")
        yield
    finally:
        set_registers(thread, before)
        thread.SetSelectedFrame(selected)


@contextlib.contextmanager
def _undisturbed(thread: Any) -> Iterator[None]:
    """A function that a command calls runs without other threads, and stops at no breakpoint and no watchpoint."""
    process = thread.process
    stops = [*process.target.breakpoint_iter(), *process.target.watchpoint_iter()]
    disabled = [stop for stop in stops if stop.IsEnabled()]
    suspended = [other for other in process if other.id != thread.id and not other.IsSuspended()]
    try:
        for stop in disabled:
            stop.SetEnabled(False)
        for other in suspended:
            other.Suspend()
        yield
    finally:
        for other in suspended:
            other.Resume()
        for stop in disabled:
            stop.SetEnabled(True)


@command
def async_next(session: Session, arguments: str, thread: Any, result: Result) -> None:
    """Like `next`, but steps over a co_await, also after `async-step off`.
    Usage: async-next [THREAD]
    It ends at the next line that this instance of the coroutine executes, or one that awaits it. THREAD is the number
    of another thread to step, as `next` takes it."""
    if not session.lends.is_live():
        raise UserMistake(NOT_RUNNING)
    number = requests.thread_number(arguments, "async-next")
    if number is not None:
        thread = session.lends.process.GetThreadByIndexID(number)
        if not thread:
            raise UserMistake(f"there is no thread {number}")
        session.lends.process.SetSelectedThread(thread)
    step, remark = None, ""
    try:
        step = session.stepper.begin(thread)
    except NoDebugInformation:
        remark = f"This is a plain next: {BUILD}."
    is_throwing = names.is_throwing(thread.GetFrameAtIndex(0).name or "")  # LLDB's own step would lose the exception
    if step and (step.is_inside or is_throwing):
        session.stepper.run_on(step, Kind.OVER)
        execute(session.lends.target, "process continue", result, thread)
    else:
        session.stepper.force()
        execute(session.lends.target, "thread step-over", result, thread)
    if not result.Succeeded():
        session.stepper.give_up()
    elif remark:
        result.AppendMessage(remark)


def async_catch(debugger: Any, arguments: str, context: Any, result: Result, _internal: Any) -> None:
    """Stops where an exception comes out of a co_await: once for each exception, in the first coroutine of the program
    that it comes to, also for an operation's error, which `breakpoint set -E c++` does not see.
    Usage: async-catch [on|off]"""
    try:
        on = requests.on_or_off(arguments or "on", "async-catch")
    except UserMistake as mistake:
        result.SetError(f"{mistake}.")
        return
    set_catch(context.target, on, settings_of(debugger).module)
    result.AppendMessage(CATCHES if on else DOES_NOT_CATCH)


def async_break(_debugger: Any, arguments: str, context: Any, result: Result, _internal: Any) -> None:
    """Sets a breakpoint on a coroutine by its name: at the first statement of its body.
    Usage: async-break NAME
    A NAME without scopes is that of all coroutines with it: serve, net::session::serve, listen::{lambda}.
    The breakpoints, one for each body, are LLDB's own: breakpoint list, modify, delete."""
    process, target = context.target.process, context.target
    try:
        if process and process.is_alive:
            lends: LLDB = session_of(process).lends
            program = session_of(process).program
        else:
            lends = LLDBWithoutProcess(target)
            program = Program(lends)
        for function in bodies_named(program, arguments):
            pc = function.first_statement
            breakpoint_ = target.BreakpointCreateBySBAddress(lends.place(pc))
            place = f"{os.path.basename(function.file)}:{function.line_of(pc)}"
            result.AppendMessage(f"Breakpoint {breakpoint_.GetID()}: {function.name} at {place}")
    except Failure as failure:
        result.SetError(f"{failure}.")
    except Exception as error:
        result.SetError(unexpected(error))


def async_step(debugger: Any, arguments: str, _context: Any, result: Result, _internal: Any) -> None:
    """Whether `next` steps over a co_await.
    Usage: async-step on|off"""
    try:
        settings_of(debugger).is_on = requests.on_or_off(arguments, "async-step")
    except UserMistake as mistake:
        result.SetError(f"{mistake}.")
