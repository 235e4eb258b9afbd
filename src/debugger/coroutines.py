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

import bisect
import functools
import itertools
import linecache
import os
import re
from collections import namedtuple

WORD = 8  # bytes; the promise's three words
CALLER, THREAD = 2 * WORD, WORD
PROMISE = 2 * WORD  # the promise's place in the coroutine frame, but for results of a larger alignment
LIBRARY = re.compile(r"/boost/asio/|/include/(boost|asio|c\+\+)/")
BODY_CALLER = re.compile(r"\bcoroutine_handle<.*>::resume\b")
RESUME = re.compile(r"\basio::detail::awaitable_frame_base<.*>::resume\b")
THROW = re.compile(r"__cxa_(re)?throw|_Unwind_")
HIDDEN = re.compile(r"_Coro_|__|D\.\d|(Aw\d+|T\d+|Is|Fs|frame_ptr|this)$")  # variables that the compiler makes
NO_PART = re.compile(r"::(any_\w*executor|\w+_system_executor|\w+_executor_type|\w+_context|thread_pool|strand|scheduler)$")
PLACE = re.compile(r"DW_OP_(?:fbreg (-\d+)|breg\d+ [^,\n]*)\W+(?:\d+: )?DW_OP_deref\b(?:\W+(?:\d+: )?DW_OP_plus_uconst (\w+))?")
JUMP = re.compile(r"j|b$|b\.|cb|tb")
NEEDS = "coroutines can only be read in a build with -O0 -g"
NO_TASKS = f"No coroutines of asio::awaitable here ({NEEDS})."
WAITS = "[waits for task]"  # marks the coroutine that the completion of a spawned one resumes

# A variable in a coroutine frame: `spill` is where, in its machine frame, a running coroutine keeps its frame's address.
Variable = namedtuple("Variable", "name type offset spill argument")
Function = namedtuple("Function", "name start end file")  # without debug information: end 0 and no file


class Unreadable(Exception):
    """There is no such memory."""


class Debugger:
    """What the model asks of a debugger. Types and frames are the debugger's own; addresses are numbers."""

    def read(self, address, size):
        """The bytes there. Raises Unreadable."""

    def find_function(self, pc):
        """The Function that holds this instruction, or None."""

    def find_variables(self, pc):
        """[(name, type, location in DWARF's words, is an argument)] of what is visible there, innermost first."""

    def find_lines(self, function):
        """[(line, pc)] of its statements, of its own file only."""

    def find_instructions(self, function):
        """[(pc, AT&T text with the names of called functions)]."""

    def find_line(self, pc):
        """The line of this instruction."""

    def members(self, type_):
        """[(name, offset, type)] of a class's bases and data members."""

    def pointee(self, type_):
        """What a pointer points to, or None for other types."""

    def type_name(self, type_):
        """The name without typedefs."""

    def creates_coroutine(self, frame):
        """Whether its function is what a call of a coroutine runs: it makes the coroutine frame."""

    def regions(self):
        """[(start, end)] of the memory that may hold coroutine frames: anonymous or heap, writable, no stack."""

    def frames(self):
        """For each thread, its name and its machine frames, the newest first."""

    def frame_line(self, frame):
        """The line where it is."""

    def frame_name(self, frame):
        """The full name of the function, or "". """

    def promise_of(self, frame):
        """`this` in a frame of awaitable_frame_base::resume; 0 if it is not to be read."""

    def show(self, variable, address):
        """The text of the variable's value there, "..." for what takes more than a few words."""

    def __init__(self):
        self.forget()

    def forget(self):
        """What is known of the program's code is asked for once, until it is loaded anew."""
        self.paths = {}
        for name in "function", "variables", "instructions", "statements", "suspension", "line":
            setattr(self, name, functools.lru_cache(None)(getattr(type(self), name).__get__(self)))

    def word(self, address):
        return int.from_bytes(self.read(address, WORD), "little")

    def function(self, pc):
        return self.find_function(pc)

    def variables(self, pc):
        """The Variables in the coroutine frame that are visible at this instruction, innermost first."""
        places = ((name, type_, PLACE.search(location), argument) for name, type_, location, argument in
                  self.find_variables(pc))  # fmt: skip
        return [Variable(name, type_, int(place[2] or "0", 0), int(place[1] or 0), argument)
                for name, type_, place, argument in places if place]  # fmt: skip

    def instructions(self, function):
        return self.find_instructions(function)

    def statements(self, function):
        """{pc: line} of the places where a step may end. That excludes the function's first and last line, of which
        GCC puts parts at every co_await, and all before the body."""
        body = self.body_start(function)
        table = self.find_lines(function)
        edges = {min(table)[0], max(table)[0]} if table else ()
        return {pc: line for line, pc in table if pc > body and line not in edges}

    def suspension(self, function, index, place):
        """The instruction that suspends a coroutine at the co_await with this number, or where its function begins.

        Right before it calls await_suspend, it stores the number of that co_await in its frame: find that store. With
        GCC only the call is on the line of the co_await."""
        offset, size = place
        for where in f"0x{offset:x}", "":  # ASan computes the place beforehand
            store = re.compile(rf"mov{'wb'[size % 2]}\s+\$0x{index:x},\s*{where}\(")
            for pc, text in itertools.dropwhile(lambda i: not store.match(i[1]), self.instructions(function)):
                if "await_suspend" in text or size == 1:
                    return pc
        return function.start

    def line(self, pc):
        return self.find_line(pc)

    def body_start(self, function):
        """The first jump. Before it there is no statement: Clang labels its prologue with lines of the body."""
        return next((pc for pc, text in self.instructions(function) if JUMP.match(text)), function.start)

    def paths_to(self, type_, wanted, pointers=3):
        """The paths from an object of this type to its parts of a type whose name matches, the shortest first: offsets,
        between which a pointer is followed."""
        key = self.type_name(type_), wanted
        if key not in self.paths:
            self.paths[key] = list(self.find_paths(type_, wanted, pointers))
        return self.paths[key]

    def find_paths(self, type_, wanted, pointers):
        seen, queue = set(), [((0,), type_)]
        for offsets, part in queue:
            target, name = self.pointee(part), self.type_name(part)
            if target:
                if len(offsets) <= pointers:
                    queue.append((offsets + (0,), target))
            elif re.match(wanted, name):
                yield offsets
            elif name not in seen and not NO_PART.search(name.split("<")[0]):
                seen.add(name)
                for _name, offset, member in self.members(part):
                    queue.append((offsets[:-1] + (offsets[-1] + offset,), member))

    def follow(self, address, offsets):
        """The word at the end of a path; 0 where a pointer on it is null."""
        for offset in offsets:
            address = address and self.word(address + offset)
        return address


class Coroutine:
    """A coroutine, known by its promise's address. Raises Unreadable or ValueError where there is none."""

    def __init__(self, debugger, promise):
        self.debugger, self.promise = debugger, promise
        self.frame = debugger.word(promise)
        self.pc = debugger.word(self.frame)
        self.function = debugger.function(self.pc)
        if not self.function or self.function.start != self.pc or not 0 < promise - self.frame <= 256:
            raise ValueError("no coroutine")
        self.variables = {variable.name: variable for variable in debugger.variables(self.pc)}
        self.running_line = 0

    def __eq__(self, other):
        return (self.promise, self.pc) == (other.promise, other.pc)

    caller = property(lambda self: self.debugger.word(self.promise + CALLER))
    running = property(lambda self: self.debugger.word(self.promise + THREAD) != 0)
    is_library = property(lambda self: is_library(self.function.file) or "asio::detail::" in self.function.name)
    is_entry = property(lambda self: "co_spawn_entry_point" in self.function.name)
    is_readable = property(lambda self: self.index is not None)
    name = property(lambda self: plain_name(self.function.name))

    @functools.cached_property
    def index_place(self):
        """Offset and size of the number of the co_await that the coroutine waits at; None if it is not to be found."""
        if "_Coro_resume_index" in self.variables:  # GCC
            return self.variables["_Coro_resume_index"].offset, 2
        if "__coro_frame" in self.variables:  # Clang
            members = self.debugger.members(self.variables["__coro_frame"].type)
            return next(((offset, 1) for name, offset, _ in members if name == "__coro_index"), None)
        return None

    @functools.cached_property
    def index(self):
        return self.index_place and int.from_bytes(
            self.debugger.read(self.frame + self.index_place[0], self.index_place[1]), "little")  # fmt: skip

    @property
    def is_gcc(self):
        return "_Coro_resume_index" in self.variables

    @property
    def is_fresh(self):
        """Created, but not started: it waits at its initial suspension."""
        return not self.caller and not self.running and self.index == (2 if self.is_gcc else 0)

    @property
    def is_alive(self):
        """Not destroyed. GCC notes it in the index; with Clang, glibc knows whether it has got the memory back."""
        if self.index is None:
            return False
        if self.is_gcc:
            return self.index % 2 == 0
        # A chunk of glibc's begins with the size of the one before it, if that is free, and with its own, the lowest bit
        # of which tells whether that is in use. Freed chunks are merged, with old headers left inside.
        word, header = self.debugger.word, self.frame - 2 * WORD
        try:
            size = word(header + WORD)
            if size == 0:
                return False
            if size & 10 or not 32 <= size < 1 << 32:  # not glibc's, or mapped by itself
                return True
            in_use, free = word(header + (size & ~7) + WORD) & 1, not size & 1 and word(header)
            while in_use and free and free % 16 == 0:
                header -= free
                size = word(header + WORD)
                in_use, free = size & ~7 == free, not size & 1 and word(header)
            return bool(in_use)
        except Unreadable:  # what was merged with the end of the heap reaches up to there
            return False

    @functools.cached_property
    def awaiting_pc(self):
        """The instruction that suspended the coroutine, or where its function begins (if it is not on x86-64)."""
        return self.pc if self.index is None else self.debugger.suspension(self.function, self.index, self.index_place)

    @property
    def awaiting_line(self):
        if self.running_line:
            return self.running_line
        if self.awaiting_pc != self.pc and not self.is_fresh:
            return self.debugger.line(self.awaiting_pc)
        return min((line for line, _pc in self.debugger.find_lines(self.function)), default=0)

    @property
    def arguments(self):
        """Clang marks arguments as such; GCC puts them between two variables of its own."""
        variables = self.debugger.variables(self.pc)
        if self.is_gcc:
            names = [variable.name for variable in variables]
            first = names.index("_Coro_self_handle") + 1 if "_Coro_self_handle" in names else 0
            variables = variables[first : names.index("_Coro_resume_index")]
        else:
            variables = [variable for variable in variables if variable.argument]
        return [variable for variable in variables if not HIDDEN.match(variable.name)]

    @functools.cached_property
    def text(self):
        values = (f"{v.name}={self.debugger.show(v, self.frame + v.offset)}" for v in self.arguments)
        return f"{self.name}({', '.join(values)})"

    @property
    def locals(self):
        """What is visible where the coroutine waits, innermost first, without the arguments."""
        arguments = {(variable.name, variable.offset) for variable in self.arguments}
        return [variable for variable in self.debugger.variables(self.awaiting_pc)
                if not HIDDEN.match(variable.name) and (variable.name, variable.offset) not in arguments]  # fmt: skip

    @property
    def machine_frame(self):
        """What a machine frame's base would be, if the coroutine ran there and had its frame's address in its promise,
        which does hold that address: with this for rbp, a debugger sees the coroutine's variables. None without any."""
        spill = next((variable.spill for variable in self.variables.values()), None)
        return spill and self.promise - spill - (16 if self.is_gcc else 0)

    def waiter(self):
        """Of an entry point: the promise of the coroutine that its completion resumes, or 0."""
        for entry in self.words_in_arguments(r"(boost::)?asio::detail::awaitable_thread<", 3):
            try:
                return Coroutine(self.debugger, entry).top()
            except (Unreadable, ValueError):
                continue
        return 0

    def unstarted(self):
        """Of an entry point: the promise of the coroutine that it is going to start, or 0."""
        return next(self.words_in_arguments(r"(boost::)?asio::awaitable<", 0), 0)

    def words_in_arguments(self, wanted, pointers):
        """The first words of the parts of this type, if they are not 0."""
        for variable in self.arguments if self.is_readable else ():
            if not self.debugger.pointee(variable.type):
                for path in self.debugger.paths_to(variable.type, wanted, pointers):
                    try:
                        word = self.debugger.follow(self.frame + variable.offset, path)
                    except Unreadable:  # what the path leads through need not be alive
                        continue
                    if word:
                        yield word

    def top(self):
        """Of an entry point: the promise of the innermost coroutine of its chain."""
        promise = self.variables["_Coro_promise" if self.is_gcc else "__promise"]
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
    promises = []
    while promise and promise not in promises[-1:]:
        promises.append(promise)
        promise = debugger.word(promise + CALLER)
        if len(promises) > 1_000_000:
            raise ValueError("the coroutines await each other in a circle")
    return promises


def logical_stack(debugger, promises, seen=()):
    """(coroutine, whether it waits for the spawned one before it) for each of the program's own coroutines from the
    first of the promises on: those that await, then those that wait for the completion of what they spawned."""
    seen, spawned, last = set(seen), False, None
    while promises:
        for promise in promises:
            if promise in seen:
                return
            seen.add(promise)
            try:
                last = Coroutine(debugger, promise)
            except ValueError:
                if not last:  # the innermost has ended, and nobody has taken its result yet
                    continue
                raise
            if not last.is_library:
                yield last, spawned
                spawned = False
        waiter = last.waiter() if last and last.is_entry else 0
        promises, spawned = chain(debugger, waiter) if waiter else [], True


class Body(namedtuple("Body", "frame promise suspended")):
    """Where a machine stack runs a coroutine: the frame of its body or, if it has already suspended itself and an
    operation that it waits for is being started, that of awaitable_frame_base::resume."""


def bodies(debugger, frames):
    """For each frame of a machine stack, the newest first: (frame, Body or None)."""
    frames = list(frames)
    names = [debugger.frame_name(frame) for frame in frames] + ["", ""]
    for number, frame in enumerate(frames):
        body = None
        if BODY_CALLER.search(names[number + 1]) and RESUME.search(names[number + 2]):
            body = Body(frame, debugger.promise_of(frames[number + 2]), False)  # promise 0: not to be read
        elif number and RESUME.search(names[number]) and not BODY_CALLER.search(names[number - 1]):
            promise = debugger.promise_of(frame)
            try:  # by now another thread may have ended it
                alive = promise and Coroutine(debugger, promise).is_alive
            except (Unreadable, ValueError):
                alive = False
            body = Body(frame, promise, True) if alive else None
        yield frame, body


# All coroutines there are. A promise begins with the address of its coroutine frame, which begins PROMISE bytes before
# it: so each is a word in memory that holds its own address minus PROMISE. Python finds such words fast enough by
# comparing big numbers.

CHUNK = 1 << 20
ADDRESSES = int.from_bytes(b"".join(place.to_bytes(WORD, "little") for place in range(0, CHUNK, WORD)), "little")
EACH_WORD = int.from_bytes((1).to_bytes(WORD, "little") * (CHUNK // WORD), "little")


def find_promises(debugger):
    """The addresses of what may be promises: words that hold their own address minus PROMISE."""
    for start, end in debugger.regions():
        for chunk in range(start - start % CHUNK, end, CHUNK):
            first, last = max(chunk, start), min(chunk + CHUNK, end - PROMISE)
            try:
                memory = debugger.read(first + PROMISE, last - first) if first < last else b""
            except Unreadable:
                continue
            if memory == bytes(len(memory)):
                continue
            memory = memory.rjust(len(memory) + first - chunk, b"\1").ljust(CHUNK, b"\1")
            differences = int.from_bytes(memory, "little") ^ (chunk * EACH_WORD | ADDRESSES)
            for match in re.finditer(rb"\0{8,}", differences.to_bytes(CHUNK, "little")):
                for place in range(-(-match.start() // WORD) * WORD, match.end() - WORD + 1, WORD):
                    yield chunk + place + PROMISE


class Task:
    """A spawned coroutine with all that it awaits, outermost first; below them what the innermost waits for."""

    def __init__(self, coroutines, state, waiter):
        self.coroutines, self.state, self.waiter, self.children = coroutines, state, waiter, []


def find_tasks(debugger):
    """The program's tasks that no other task waits for; the others are below those that wait for them."""
    found = {}
    for promise in find_promises(debugger):
        try:
            coroutine = Coroutine(debugger, promise)
            if coroutine.is_alive:
                found[promise] = coroutine
        except (Unreadable, ValueError):
            pass
    on_stack, threads = set(), {}
    for thread, frames in debugger.frames():
        for _frame, body in bodies(debugger, frames):
            if body and not body.suspended:
                threads[body.promise] = thread, debugger.frame_line(body.frame)
    tasks, owner = [], {}
    for entry in [coroutine for coroutine in found.values() if coroutine.is_entry]:
        try:
            promises = chain(debugger, entry.top())
            if promises[-1:] != [entry.promise]:
                continue
            members = [found.get(promise) or Coroutine(debugger, promise) for promise in reversed(promises)]
            unstarted = entry.unstarted()
            own = [member for member in members if not member.is_library]
            state = ""
            if promises[0] in threads:
                thread, members[-1].running_line = threads[promises[0]]
                state = f"running on {thread}"
            if not own and unstarted:
                own, state = [found.get(unstarted) or Coroutine(debugger, unstarted)], "not started"
            on_stack.update(promises, [unstarted])
            owner.update(dict.fromkeys(promises, Task(own, state, entry.waiter())))
            tasks += [owner[promises[0]]] if own else []
        except (Unreadable, ValueError, KeyError, StopIteration):
            continue
    for coroutine in found.values():
        if coroutine.is_fresh and not coroutine.is_library and coroutine.promise not in on_stack:
            tasks.append(Task([coroutine], "not started", 0))
    roots = []
    for task in sorted(tasks, key=lambda task: [int(part) if part.isdigit() else part
                                                for part in re.split(r"(\d+)", task.coroutines[0].text)]):  # fmt: skip
        waiting = owner.get(task.waiter)
        while waiting and not waiting.coroutines:  # only Asio's, as those of && and ||
            waiting = owner.get(waiting.waiter)
        (waiting.children if waiting and waiting is not task else roots).append(task)
    return roots


def numbered_lines(roots):
    """(depth, coroutine, state, source) for each coroutine of these tasks, in the order of their numbers. `source` is
    the text of the line where the innermost one waits."""
    stack = [(0, root) for root in reversed(roots)]
    while stack:
        depth, task = stack.pop()
        for coroutine in task.coroutines:
            innermost = coroutine is task.coroutines[-1]
            source = ""
            if innermost and not task.state and not task.children:
                source = linecache.getline(coroutine.function.file, coroutine.awaiting_line).strip()
            yield depth, coroutine, task.state if innermost else "", source
            depth += 1
        stack += [(depth, child) for child in reversed(task.children)]


def task_lines(lines):
    for number, (depth, coroutine, state, source) in enumerate(lines, 1):
        place = f"{os.path.basename(coroutine.function.file)}:{coroutine.awaiting_line}"
        more = f" [{state}]" if state else f": {source}" if source else ""
        yield f"{number:>3}  {'  ' * depth}{coroutine.text} at {place}{more}"


class Step:
    """A step over a co_await, from a machine frame at or below which a coroutine runs: when is it over, and if it is
    not, where may it end?"""

    def __init__(self, debugger, body, line, frames):
        """From the newest of these machine frames; `line` is that of the coroutine's body."""
        self.debugger, self.promises, self.line = debugger, chain(debugger, body.promise), line
        self.inside = body.frame == frames[0]
        # Where GCC creates a coroutine in the middle of a line, a debugger's step out stops in the library.
        self.creating = len(frames) > 1 and body.frame == frames[1] and debugger.creates_coroutine(frames[0])

    def is_over(self, frames, pc, line, file):
        """Whether the debugger's own step has ended where a user wants to be."""
        newest, on_stack = None, set()
        for number, (_frame, body) in enumerate(bodies(self.debugger, frames)):
            if body:
                on_stack.add(body.promise)
                newest = newest or (number == 0 and not body.suspended and body.promise)
        if newest in self.promises:
            function = Coroutine(self.debugger, newest).function
            lines = self.debugger.statements(function).values()
            return line in lines and pc > self.debugger.body_start(function) and (newest != self.promises[0] or line != self.line or not self.inside)
        return not is_library(file) or self.promises[0] in on_stack and not self.creating

    def catches(self):
        """{pc: frames of coroutines}, as stops() has them: where an exception would end a debugger's own step."""
        coroutine = Coroutine(self.debugger, self.promises[0])
        code = self.debugger.instructions(coroutine.function)
        return {pc: {coroutine.frame} for pc, text in code if "__cxa_begin_catch" in text}

    def stops(self):
        """{pc: frames of the coroutines that end the step there}, and the same for the functions that destroy them."""
        ends, deaths = {}, {}
        for coroutine, _spawned in logical_stack(self.debugger, self.promises):
            statements = self.debugger.statements(coroutine.function)
            # On the line of the step itself it only ends where that begins anew: in a loop.
            again = min((pc for pc, line in statements.items() if line == self.line), default=0)
            for pc, line in statements.items():
                if coroutine.promise != self.promises[0] or line != self.line or pc == again:
                    ends.setdefault(pc, set()).add(coroutine.frame)
            deaths.setdefault(self.debugger.word(coroutine.frame + WORD), set()).add(coroutine.frame)
        return ends, deaths
