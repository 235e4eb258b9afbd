"""What a coroutine of Boost.Asio is, in the memory of a program that a debugger has stopped. Knows no debugger.

Only a running coroutine is on a machine stack. All others are in memory, each as two objects that lie side by side:

- the coroutine frame, made by the compiler: it begins with the addresses of the function that resumes the coroutine
  and of the one that destroys it; its arguments, its locals and the number of the co_await it waits at follow;
- its promise, Asio's awaitable_frame_base: first the address of the coroutine frame (`coro_`), then the thread that
  runs it now (`attached_thread_`), then the promise of the coroutine that awaits it (`caller_`).

A promise's address stands for its coroutine here. The coroutines that await each other are a chain, which ends at
Asio's own co_spawn_entry_point. Its promise knows the other end (`top_of_stack_`), its handler who is told at the end.

A debugger lends what it knows: see Debugger. All this is true of builds with -O0 -g by GCC and Clang.
"""

import contextlib
import functools
import itertools
import linecache
import os
import re
from collections import namedtuple

WORD = 8  # bytes; the promise's three words
CALLER, THREAD = 2 * WORD, WORD
PROMISE = 2 * WORD  # the promise's place in the coroutine frame, but for results of a larger alignment
MOST = 4 << 30  # bytes of a mapping; larger ones are reserved address space, as ASan's shadow
LIBRARY = re.compile(r"/boost/asio/|/include/(boost|asio|c\+\+)/")
BODY_CALLER = re.compile(r"\bcoroutine_handle<.*>::resume\b")
RESUME = re.compile(r"\basio::detail::awaitable_frame_base<.*>::resume\b")
WRAPPER = "__await_suspend_wrapper__"  # Clang puts a part of each co_await into a function of its own
THROW = re.compile(r"__cxa_(re)?throw|_Unwind_")
HIDDEN = re.compile(r"_Coro_|__|D\.\d|(Aw\d+|T\d+|Is|Fs|frame_ptr|this)$")  # variables that the compiler makes
NO_PART = re.compile(r"::(any_\w*executor|\w+_(system_executor|executor_type|context)|thread_pool|strand|scheduler)$")
PLACE = re.compile(r"DW_OP_(?:fbreg (-\d+)|breg\d+ [^,\n]*)\W+(?:\d+: )?DW_OP_deref\b"
                   r"(?:\W+(?:\d+: )?DW_OP_plus_uconst (\w+))?")  # fmt: skip
JUMP = re.compile(r"j|b$|b\.|cb|tb")
NEEDS = "coroutines can only be read in a build with -O0 -g"
NO_TASKS = f"No coroutines of asio::awaitable here ({NEEDS})."
WAITS = "[waits for task] "  # marks the coroutine that the completion of a spawned one resumes

# A variable in a coroutine frame. `spill` is where, in its machine frame, a running coroutine keeps that one's address.
Variable = namedtuple("Variable", "name type offset spill argument")


class Debugger:
    """What the model asks of a debugger. Types and frames are the debugger's own; addresses are numbers.

    read(address, size)          the bytes there; raises ValueError where there is no such memory
    find_function(pc)            (full name, start, end, file) of the function with this instruction; end 0 and no file
                                 where there is no debug information; or None
    find_variables(pc)           [(name, type, is an argument)] that are visible there, innermost first, and, in the
                                 same order, [(name, location in DWARF's words)]
    find_lines(function)         [(line, pc)] of its statements, of its own file only
    find_instructions(function)  [(pc, AT&T text with the names of called functions)]
    find_line(pc)                the line of this instruction
    members(type_)               [(name, offset, type)] of a class's bases and data members
    pointee(type_)               what a pointer points to; None for other types
    type_name(type_)             the name without typedefs
    show(variable, address)      the text of its value there, "..." for what takes more than a few words
    mappings()                   [(start, end, name)] of the writable memory
    frames()                     for each thread, its name and its machine frames, the newest first
    place(frame)                 its instruction, stack pointer and line
    frame_name(frame)            the full name of its function, or ""
    is_machinery(frame)          whether that is Asio's or the standard library's
    pointer(frame, name)         the pointer in this variable, or the address of one of another type; 0 if unreadable
    first_argument(frame)        the first argument's register, where a function begins
    stop_number                  another one after the program has run
    runs_program(command)        whether this command makes it run
    EXAMPLE                      a command that shows variables
    """

    def __init__(self):
        self.forget()

    def forget(self):
        """What is known of the program's code is asked for once, until it is loaded anew."""
        self.function = functools.cache(lambda pc: (found := self.find_function(pc)) and Function(self, *found))

    def word(self, address):
        return int.from_bytes(self.read(address, WORD), "little")


class Function:
    """What is known of a function's code, and so of all coroutines that it resumes."""

    def __init__(self, debugger, full_name, start, end, file):
        self.debugger, self.full_name, self.start, self.end, self.file = debugger, full_name, start, end, file
        self.name, self.is_entry = plain_name(full_name), "co_spawn_entry_point" in full_name
        self.is_library = is_library(file) or "asio::detail::" in full_name
        for name in "variables", "suspension", "paths":
            setattr(self, name, functools.cache(getattr(self, name)))
        self.by_name = {variable.name: variable for variable in self.variables(start)}
        self.is_gcc = "_Coro_resume_index" in self.by_name

    def variables(self, pc):
        """The Variables in the coroutine frame that are visible at this instruction, innermost first."""
        variables, locations = self.debugger.find_variables(pc)
        locations, found = iter(locations), []
        for name, type_, argument in variables:  # names may repeat, in the same order
            if place := PLACE.search(next((location for other, location in locations if other == name), "")):
                found.append(Variable(name, type_, int(place[2] or "0", 0), int(place[1] or 0), argument))
        return found

    lines = functools.cached_property(lambda self: self.debugger.find_lines(self) if self.end else [])
    instructions = functools.cached_property(lambda self: self.debugger.find_instructions(self) if self.end else [])

    @functools.cached_property
    def body(self):
        """The first jump. Before it there is no statement: Clang labels its prologue with lines of the body."""
        return next((pc for pc, text in self.instructions if JUMP.match(text)), self.start)

    @functools.cached_property
    def statements(self):
        """{pc: line} of the places where a step may end. That excludes all before the body, and the function's first
        and last line, of which GCC puts parts at every co_await, unless the last one is more than a brace."""
        first, last = min(self.lines, default=(0,))[0], max(self.lines, default=(0,))[0]
        last_ends = not linecache.getline(self.file, last).strip(" };\t\n")
        return {pc: line for line, pc in self.lines if pc > self.body and first != line != last * last_ends}

    @functools.cached_property
    def index_place(self):
        """Offset and size of the number of the co_await that a coroutine waits at; None if it is not to be found."""
        if self.is_gcc:
            return self.by_name["_Coro_resume_index"].offset, 2
        frame = self.by_name.get("__coro_frame")  # Clang's
        members = self.debugger.members(frame.type) if frame else ()
        return next(((offset, 1) for name, offset, _ in members if name == "__coro_index"), None)

    def suspension(self, index):
        """The instruction that suspends a coroutine at the co_await with this number, or where its function begins.

        Right before it calls await_suspend, it stores the number of that co_await in its frame: find that store. With
        GCC only the call is on the line of the co_await."""
        offset, size = self.index_place
        for where in f"0x{offset:x}", "":  # ASan computes the place beforehand
            store = re.compile(rf"mov{'wb'[size % 2]}\s+\$0x{index:x},\s*{where}\(")
            for pc, text in itertools.dropwhile(lambda i: not store.match(i[1]), self.instructions):
                if "await_suspend" in text or size == 1:
                    return pc
        return self.start

    @functools.cached_property
    def arguments(self):
        """Clang marks arguments as such; GCC puts them between two variables of its own."""
        variables = self.variables(self.start)
        names = [variable.name for variable in variables]
        if self.is_gcc:
            first = names.index("_Coro_self_handle") + 1 if "_Coro_self_handle" in names else 0
            variables = variables[first : names.index("_Coro_resume_index")]
        return [v for v in variables if (self.is_gcc or v.argument) and not HIDDEN.match(v.name)]

    def paths(self, wanted, pointers):
        """The ways from the coroutine frame to those parts of its arguments whose type matches, the shortest first:
        offsets, between which a pointer is followed."""
        found, debugger = [], self.debugger
        for argument in self.arguments if self.index_place else ():
            seen, queue = set(), [] if debugger.pointee(argument.type) else [((argument.offset,), argument.type)]
            for offsets, type_ in queue:  # which grows
                target, name = debugger.pointee(type_), debugger.type_name(type_)
                if target:
                    queue += [(offsets + (0,), target)] if len(offsets) <= pointers else []
                elif re.match(wanted, name):
                    found.append(offsets)
                elif name not in seen and not NO_PART.search(name.split("<")[0]):
                    seen.add(name)
                    queue += [(offsets[:-1] + (offsets[-1] + offset,), member)
                              for _name, offset, member in debugger.members(type_)]  # fmt: skip
        return found


class Coroutine:
    """A coroutine, known by its promise's address. Raises ValueError where there is none."""

    def __init__(self, debugger, promise):
        self.debugger, self.promise = debugger, promise
        self.frame = debugger.word(promise)
        self.pc = debugger.word(self.frame)
        self.function = debugger.function(self.pc)
        if not self.function or self.function.start != self.pc or not 0 < promise - self.frame <= 256:
            raise ValueError("no coroutine")
        self.name, self.running_line = self.function.name, 0

    is_readable = property(lambda self: self.function.index_place is not None)
    arguments = property(lambda self: self.function.arguments)

    @functools.cached_property
    def index(self):
        """The number of the co_await that it waits at, None if it is not to be found."""
        offset, size = self.function.index_place or (0, 0)
        return int.from_bytes(self.debugger.read(self.frame + offset, size), "little") if size else None

    @property
    def is_fresh(self):
        """Created, but not started: it waits at its initial suspension."""
        initial = 2 if self.function.is_gcc else 0
        return self.index == initial and not any(self.debugger.read(self.promise + THREAD, CALLER + WORD - THREAD))

    @property
    def is_alive(self):
        """Not destroyed. GCC notes it in the index; with Clang, glibc knows whether it has got the memory back. None if
        what is there is not glibc's."""
        if self.index is None or self.function.is_gcc:
            return self.index is not None and self.index % 2 == 0
        # A chunk of glibc's begins with the size of the one before it, if that is free, and with its own, the lowest
        # bit of which tells whether that is in use. Freed chunks are merged, with old headers left inside.
        word, chunk = self.debugger.word, self.frame - 2 * WORD
        try:
            before, size = word(chunk), word(chunk + WORD)
            if size & 8 or not 32 <= size < 1 << 32:
                return None
            if size & 2:  # mapped by itself
                return True
            in_use = word(chunk + (size & ~7) + WORD) & 1
            return bool(in_use and (size & 1 or not before or word(chunk - before + WORD) & ~6 == before | 1))
        except ValueError:  # what was merged with the end of the heap reaches up to there
            return False

    @functools.cached_property
    def awaiting_pc(self):
        """The instruction that suspended the coroutine, or where its function begins (if it is not on x86-64)."""
        return self.pc if self.index is None else self.function.suspension(self.index)

    @property
    def line(self):
        """Where it runs or waits."""
        if not self.running_line and self.awaiting_pc != self.pc and not self.is_fresh:
            return self.debugger.find_line(self.awaiting_pc)
        return self.running_line or min((line for line, _pc in self.function.lines), default=0)

    @functools.cached_property
    def text(self):
        values = (f"{v.name}={self.debugger.show(v, self.frame + v.offset)}" for v in self.arguments)
        place = f" at {os.path.basename(self.function.file)}:{self.line}" if self.function.file else ""
        return f"{self.name}({', '.join(values)}){place}"

    @property
    def locals(self):
        """What is visible where the coroutine waits, innermost first, without the arguments."""
        arguments = {(variable.name, variable.offset) for variable in self.arguments}
        return [variable for variable in self.function.variables(self.awaiting_pc)
                if not HIDDEN.match(variable.name) and (variable.name, variable.offset) not in arguments]  # fmt: skip

    @property
    def registers(self):
        """With these, a debugger sees the waiting coroutine's variables: rbp is what a machine frame's base would be,
        if the coroutine ran there and had its frame's address in its promise, which does hold that address."""
        spill = next((variable.spill for variable in self.function.variables(self.pc)), None)
        if spill is None or self.awaiting_pc == self.pc and not self.is_fresh:
            raise ValueError(f"async-in works on x86-64; {NEEDS}.")
        return {"rip": self.awaiting_pc, "rbp": self.promise - spill - (16 if self.function.is_gcc else 0)}

    def waiter(self):
        """Of an entry point: the promise of the coroutine that its completion resumes, or 0."""
        for entry in self.words(r"(boost::)?asio::detail::awaitable_thread<", 3):
            try:
                return Coroutine(self.debugger, entry).top()
            except ValueError:
                continue
        return 0

    def unstarted(self):
        """Of an entry point: the promise of the coroutine that it is going to start, or 0."""
        return next(self.words(r"(boost::)?asio::awaitable<", 0), 0)

    def words(self, wanted, pointers):
        """The first words of the parts of its arguments of this type, if they are not 0."""
        for path in self.function.paths(wanted, pointers):
            try:
                address = self.frame
                for offset in path:
                    address = address and self.debugger.word(address + offset)
                if address:
                    yield address
            except ValueError:  # what the path leads through need not be alive
                continue

    def top(self):
        """Of an entry point: the promise of the innermost coroutine of its chain."""
        promise = self.function.by_name["_Coro_promise" if self.function.is_gcc else "__promise"]
        offset = next(offset for name, offset, _ in self.debugger.members(promise.type) if name == "top_of_stack_")
        return self.debugger.word(self.promise + offset)


def is_library(file):
    return bool(LIBRARY.search(os.path.normpath(file or "")))


def plain_name(name):
    """The function as the programmer wrote it: without parameters, template arguments and what compilers add."""
    name = re.sub(r" ?(\[clone )?\(?\.\w+\)?\]?$|\[abi:\w+\]", "", name)
    name = name.replace("(anonymous namespace)::", "").replace("operator()", "operator@")
    more = True
    while more:  # from the inside out
        name, more = re.subn(r"(?<!operator)<[^<>]*>|\([^()]*\)", "", name)
    name = re.sub(r"\{lambda#\d+\}|\$_\d+|'lambda\d*'", "{lambda}", name)
    name = re.sub(r"( const| volatile| noexcept| ?&&?)*$", "", name)
    return name.rsplit(" ", 1)[-1].lstrip(":").replace("{lambda}::operator@", "{lambda}").replace("@", "()")


def chain(debugger, promise):
    """The promises of the coroutine, of the one that awaits it, and so on up to Asio's entry point."""
    promises = {}  # a circle, in memory that is no longer theirs, ends it
    while promise and promise not in promises:
        promises[promise] = True
        promise = debugger.word(promise + CALLER)
    return list(promises)


def logical_stack(debugger, promises, seen):
    """(coroutine, whether it waits for the spawned one before it) for each of the program's own coroutines from the
    first of the promises on: those that await, then those that wait for the completion of what they spawned."""
    spawned, last = False, None
    while promises:
        for promise in promises:
            if promise in seen:
                return
            seen.add(promise)
            try:
                last = Coroutine(debugger, promise)
            except ValueError:
                if last:
                    raise
                continue  # the innermost has ended, and nobody has taken its result yet
            if not last.function.is_library:
                yield last, spawned
                spawned = False
        waiter = last.waiter() if last and last.function.is_entry else 0
        promises, spawned = chain(debugger, waiter) if waiter else [], True


# Where a machine stack runs a coroutine: the frame of its body or, if it has already suspended itself and an operation
# that it waits for is being started, that of awaitable_frame_base::resume. The promise is 0 if it is not to be read.
Body = namedtuple("Body", "frame promise suspended")


def bodies(debugger, frames):
    """The Bodies of a machine stack, the newest first."""
    names = [debugger.frame_name(frame) for frame in frames] + ["", ""]
    for number, frame in enumerate(frames):
        if BODY_CALLER.search(names[number + 1]) and RESUME.search(names[number + 2]):
            yield Body(frame, debugger.pointer(frames[number + 2], "this"), False)
        elif number and RESUME.search(names[number]) and not BODY_CALLER.search(names[number - 1]):
            promise = debugger.pointer(frame, "this")
            with contextlib.suppress(ValueError):  # by now another thread may have ended it
                if promise and Coroutine(debugger, promise).is_alive is not False:
                    yield Body(frame, promise, True)


# A row of the logical stack: a machine frame, the function's name, and the coroutine that it runs. Without a frame: a
# coroutine that awaits or, without that as well, a sentence in place of a name.
Row = namedtuple("Row", "frame name coroutine")


def rows(debugger, frames):
    """The logical stack of a thread: its machine frames without the machinery in between, with the coroutines."""
    inside, seen, coming = False, set(), bodies(debugger, frames)
    body = next(coming, None)
    for frame in frames:
        hidden = debugger.is_machinery(frame)
        if body and frame == body.frame:
            yield from coroutine_rows(debugger, body, seen)
            hidden, body = False, next(coming, None)
        elif not (inside and hidden):
            yield Row(frame, debugger.frame_name(frame) or "??", None)
        inside = inside or not hidden


def coroutine_rows(debugger, body, seen):
    """The running coroutine, then those that await it."""
    frame, trouble = None if body.suspended or body.promise in seen else body.frame, "" if body.promise else NEEDS
    try:
        for coroutine, spawned in logical_stack(debugger, chain(debugger, body.promise), seen):
            runs, _pc = coroutine.promise == body.promise, coroutine.awaiting_pc  # which may raise
            if runs and frame:
                coroutine.running_line = debugger.place(frame)[2]
            yield Row(frame if runs else None, WAITS * spawned + coroutine.name, coroutine)
            frame, trouble = None, trouble or ("" if coroutine.is_readable else NEEDS)
    except Exception as error:  # the rest of the stack is still to be shown
        trouble = f"not all coroutines are readable: {error}"
    if frame:
        yield Row(frame, plain_name(debugger.frame_name(frame)), None)
    if trouble:
        yield Row(None, f"({trouble})", None)


# All coroutines there are. A promise begins with the address of its coroutine frame, which begins PROMISE bytes before
# it: so each is a word in memory that holds its own address minus PROMISE. Python finds such words fast enough by
# comparing big numbers.

CHUNK = 1 << 20
ADDRESSES = int.from_bytes(b"".join(place.to_bytes(WORD, "little") for place in range(0, CHUNK, WORD)), "little")
EACH_WORD = int.from_bytes((1).to_bytes(WORD, "little") * (CHUNK // WORD), "little")


def find_promises(debugger, stacks):
    """The addresses of what may be promises, in anonymous memory or the heap, but not where these stacks are."""
    for start, end, name in debugger.mappings():
        named = name and not name.startswith(("[heap", "[anon"))
        if named or end - start > MOST or any(start <= stack < end for stack in stacks):
            continue
        for first in range(start, end - PROMISE, CHUNK):
            try:
                memory = debugger.read(first + PROMISE, min(CHUNK, end - PROMISE - first))
            except ValueError:
                continue
            if memory == bytes(len(memory)):
                continue
            differences = int.from_bytes(memory, "little") ^ (first * EACH_WORD + ADDRESSES)
            for match in re.finditer(rb"\0{8,}", differences.to_bytes(CHUNK, "little")):
                for place in range(-(-match.start() // WORD) * WORD, match.end() - WORD + 1, WORD):
                    yield first + place + PROMISE


# A spawned coroutine with all that it awaits, outermost first; below them, as `children`, what the innermost waits for.
Task = namedtuple("Task", "coroutines state waiter children")


def find_tasks(debugger):
    """The program's tasks that no other task waits for; the others are below those that wait for them."""
    stacks, running = [], {}
    for thread, frames in debugger.frames():
        stacks.append(debugger.place(frames[0])[1])
        for body in bodies(debugger, frames):
            if not body.suspended:
                running[body.promise] = thread, debugger.place(body.frame)[2]
    found, unknown = {}, []
    for promise in find_promises(debugger, stacks):
        with contextlib.suppress(ValueError):
            coroutine = Coroutine(debugger, promise)
            if (alive := coroutine.is_alive) is not False:
                found[promise] = coroutine
                unknown += [promise] if alive is None else []
    if 2 * len(unknown) < len(found):  # The memory is glibc's: what is there instead has come after these coroutines.
        for promise in unknown:
            del found[promise]
    look = lambda promise: found.get(promise) or Coroutine(debugger, promise)
    tasks, owner = [], {}
    for entry in [coroutine for coroutine in found.values() if coroutine.function.is_entry]:
        try:
            promises, unstarted, state = chain(debugger, entry.top()), entry.unstarted(), ""
            if promises[-1:] != [entry.promise]:
                continue
            members = [look(promise) for promise in reversed(promises)]
            if promises[0] in running:
                thread, members[-1].running_line = running[promises[0]]
                state = f"running on {thread}"
            own = [member for member in members if not member.function.is_library]
            if not own and unstarted:
                own, state = [look(unstarted)], "not started"
            task = Task(own, state, entry.waiter(), [])
            owner.update(dict.fromkeys([*promises, unstarted or entry.promise], task))
            tasks += [task] if own else []
        except (ValueError, KeyError, StopIteration):
            continue
    for coroutine in found.values():
        if coroutine.is_fresh and not coroutine.function.is_library and coroutine.promise not in owner:
            tasks.append(Task([coroutine], "not started", 0, []))
    roots = []
    order = lambda task: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", task.coroutines[0].text)]
    for task in sorted(tasks, key=order):
        waiting = owner.get(task.waiter)
        while waiting and not waiting.coroutines:  # only Asio's, as those of && and ||
            waiting = owner.get(waiting.waiter)
        (waiting.children if waiting and waiting is not task else roots).append(task)
    return roots


class Tasks:
    """What async-tasks lists, and what async-in takes from that list, as long as the program stands still."""

    def __init__(self, debugger):
        self.debugger, self.coroutines, self.listed_at = debugger, [], None

    def lines(self):
        """Looks for all coroutines and lists them as a tree. The innermost that waits for no task has the text of the
        line where it waits."""
        self.coroutines, self.listed_at, lines = [], self.debugger.stop_number, []
        stack = [(0, root) for root in reversed(find_tasks(self.debugger))]
        while stack:
            depth, task = stack.pop()
            for coroutine in task.coroutines:
                self.coroutines.append(coroutine)
                more = ""
                if coroutine is task.coroutines[-1]:
                    text = "" if task.children else linecache.getline(coroutine.function.file, coroutine.line).strip()
                    more = f" [{task.state}]" if task.state else f": {text}" if text else ""
                lines.append(f"{len(self.coroutines):>3}  {'  ' * depth}{coroutine.text}{more}")
                depth += 1
            stack += [(depth, child) for child in reversed(task.children)]
        return lines or [NO_TASKS]

    def find(self, argument):
        """For "N COMMAND": the coroutine, the machine frame that runs it, if one does, and the command."""
        number, _, command = argument.strip().partition(" ")
        if not number.isdigit() or not command.strip():
            example = f"async-in 3 {self.debugger.EXAMPLE}"
            raise ValueError(f"async-in takes a number of async-tasks and a command: {example}")
        if self.debugger.runs_program(command):
            raise ValueError("async-in takes commands that look, not ones that let the program run.")
        if not self.coroutines or self.listed_at != self.debugger.stop_number:
            raise ValueError("async-in takes the numbers that async-tasks has shown at this stop: run that first.")
        if not 1 <= int(number) <= len(self.coroutines):
            raise ValueError(f"async-tasks has shown no number {number}.")
        coroutine = self.coroutines[int(number) - 1]
        for _thread, frames in self.debugger.frames():
            for body in bodies(self.debugger, frames):
                if body.promise == coroutine.promise and not body.suspended:
                    return coroutine, body.frame, command
        return coroutine, None, command


class Step:
    """A step over a co_await. First the debugger makes its own step. If that ends where nobody wants to be, the program
    runs on, until one of these coroutines comes to one of its `ends`: {pc: the coroutines' frames}."""

    def __init__(self, debugger, body, frames):
        """From the newest of these machine frames, which is in or below this coroutine's body."""
        self.debugger, self.promises, self.deaths = debugger, chain(debugger, body.promise), {}
        coroutine = Coroutine(debugger, body.promise)
        catches = [pc for pc, text in coroutine.function.instructions if "__cxa_begin_catch" in text]
        self.ends = {pc: {coroutine.frame} for pc in catches}  # an exception would end the debugger's own step there
        self.inside, self.line = body.frame == frames[0], debugger.place(body.frame)[2]
        # Where GCC creates a coroutine in the middle of a line, a debugger's step out stops in the library.
        variables = debugger.find_variables(debugger.place(frames[0])[0])[0] if body.frame in frames[1:2] else ()
        self.creating = any(name.startswith(("_Coro_", "__coro_")) for name, *_ in variables)

    @classmethod
    def begin(cls, debugger, frames):
        """None where a plain step will do. Raises ValueError where coroutines cannot be read."""
        body = next(bodies(debugger, frames), None)
        if not body or debugger.is_machinery(frames[0]) and not THROW.match(debugger.frame_name(frames[0])):
            return None
        if not body.promise or not Coroutine(debugger, body.promise).is_readable:
            raise ValueError(NEEDS)
        return cls(debugger, body, frames)

    def is_over(self, frames):
        """Whether the debugger's own step has ended where a user wants to be."""
        found = list(bodies(self.debugger, frames))
        if found and found[0].frame == frames[0] and found[0].promise in self.promises:
            (pc, _sp, line), promise = self.debugger.place(frames[0]), found[0].promise
            function = Coroutine(self.debugger, promise).function
            elsewhere = promise != self.promises[0] or line != self.line or not self.inside
            return line in function.statements.values() and pc > function.body and elsewhere
        within = self.promises[0] in (body.promise for body in found)
        return not self.debugger.is_machinery(frames[0]) or within and not self.creating

    def is_repeated(self, frames):
        """Whether a breakpoint on the line of the co_await has stopped it once more, in what Clang makes of that."""
        body = next(bodies(self.debugger, frames), None)
        within = body and body.promise == self.promises[0] and body.frame in frames[1:2]
        return bool(within and WRAPPER in self.debugger.frame_name(frames[0]))

    def go_on(self):
        """All statements of these coroutines, but of the line where it began only the first one. `deaths` are the
        functions that destroy them: another coroutine at the same address is not the one that is stepped in."""
        self.ends, self.deaths = {}, {}
        for coroutine, _spawned in logical_stack(self.debugger, self.promises, set()):
            statements = coroutine.function.statements
            again = min((pc for pc, line in statements.items() if line == self.line), default=0)  # in a loop
            for pc, line in statements.items():
                if coroutine.promise != self.promises[0] or line != self.line or pc == again:
                    self.ends.setdefault(pc, set()).add(coroutine.frame)
            self.deaths.setdefault(self.debugger.word(coroutine.frame + WORD), set()).add(coroutine.frame)

    def has_reached(self, frame):
        """Whether this machine frame, at one of the `ends` or `deaths`, is of one of the coroutines at its end."""
        pc, pointer = self.debugger.place(frame)[0], self.debugger.pointer
        if pc in self.deaths:
            dead = self.deaths[pc] & {self.debugger.first_argument(frame)}
            for frames in self.ends.values():
                frames -= dead
        own = pointer(frame, "__coro_frame") or pointer(frame, "frame_ptr")  # Clang or GCC
        return own in self.ends.get(pc, ())
