"""What a coroutine of Boost.Asio is, in the memory of a program that a debugger has stopped. Knows no debugger.

Only a running coroutine is on a machine stack. All others are in memory, each as two objects that lie side by side:

- the coroutine frame, made by the compiler: it begins with the addresses of the function that resumes the coroutine
  and of the one that destroys it; its arguments, its locals and the number of the co_await it waits at follow;
- its promise, Asio's awaitable_frame_base: first the address of the coroutine frame (`coro_`), then the thread that
  runs it now (`attached_thread_`), then the promise of the coroutine that awaits it (`caller_`).

A promise's address stands for its coroutine here. The coroutines that await each other are a chain, which ends at
Asio's own co_spawn_entry_point. Its promise knows the other end (`top_of_stack_`), its handler who is told at the end.
All this is true of builds with -O0 -g by GCC and Clang.
"""

import contextlib
import functools
import itertools
import linecache
import os
import re
from collections import namedtuple

WORD = 8  # bytes
THREAD, CALLER = 8, 16  # in the promise
PROMISE = 16  # the promise's place in the coroutine frame, but for results of a larger alignment
BLOCK, MOST = 1 << 16, 4 << 30  # bytes; larger mappings are reserved address space, as ASan's shadow
LIBRARY = re.compile(r"/boost/asio/|/include/(boost|asio|c\+\+)/|/libstdc\+\+")
BODY_CALLER = re.compile(r"\bcoroutine_handle<.*>::resume\b")
RESUME = re.compile(r"\basio::detail::awaitable_frame_base<.*>::resume\b")
WRAPPER = "__await_suspend_wrapper__"  # Clang puts a part of each co_await into a function of its own
THROW = re.compile(r"__cxa_(re)?throw|_Unwind_")
HIDDEN = re.compile(r"_Coro_|__|D\.\d|(Aw\d+|T\d+|Is|Fs|frame_ptr|this)$")  # variables that the compiler makes
NO_PART = re.compile(r"::(any_\w*executor|\w+_(system_executor|executor_type|context)|thread_pool|strand|scheduler)$")
PLACE = re.compile(r"DW_OP_(?:fbreg (-\d+)|breg\d+ [^,\n]*)" + 2 * (
    r"(?:\W+(?:\d+: )?(DW_OP_deref)\b(?:\W+(?:\d+: )?DW_OP_plus_uconst (\w+))?)?"))
JUMP = re.compile(r"j|b$|b\.|cb|tb")
# The commands of both debuggers that let the program run.
RUNS = re.compile(r"(_reg\S*-[aj]\w*|async-(next|in)|adv\w*|attach|c|cont\w*|detach|fg|f(aas|rame ap\w*)|fini?s?|"
                  r"finish|gdb-remote|ju?m?p?|kdp-remote|ki?l?l?|ni?|next\w*|pla\w* pro\w* \w+|pro\w* (?!st|h|sa)\w+|"
                  r"r([cns]i?)?|ret\w*|reverse-([cfn]|st)\w*|run|si?f?|start\w*|step\w*|signal|tf?aas|"
                  r"th\w* [acjnprsu]\S*|u|unti?l?)(?!\S)")  # fmt: skip
NEEDS = "coroutines can only be read in a build with -O0 -g"
WAITS = "[waits for task] "  # marks the coroutine that the completion of a spawned one resumes

# A variable in a coroutine frame or, where a pointer there leads to, in a lambda: then `inner` is its offset in that.
# `spill` is where, in its machine frame, a running coroutine keeps the address of its coroutine frame.
Variable = namedtuple("Variable", "name type offset inner spill argument")
# The AT&T text has the names of called functions. The line is 0 if it is of another file; `row` is where it begins.
Instruction = namedtuple("Instruction", "pc row line text")
# A machine frame, as the debugger has it, with the full name of its function, and its file or shared library.
Frame = namedtuple("Frame", "machine name pc sp line file")
# Where a machine stack runs a coroutine: the frame of its body or, if it has already suspended itself and an operation
# that it waits for is being started, that of awaitable_frame_base::resume. The promise is 0 if it is not to be read.
Body = namedtuple("Body", "frame promise suspended")
# A row of the logical stack: a machine frame, the function's name, and the coroutine that it runs. Without a frame: a
# coroutine that awaits or, without that as well, a sentence in place of a name.
Row = namedtuple("Row", "frame name coroutine")
# A spawned coroutine with all that it awaits, outermost first; below them, as `children`, what the innermost waits for.
Task = namedtuple("Task", "coroutines state waiter children")


class Function:
    """What is known of a function's code, and so of all coroutines that it resumes."""

    def __init__(self, program, full_name, start, end, file):
        self.program, self.start, self.end, self.file = program, start, end, file
        self.name, self.is_entry = plain_name(full_name), "co_spawn_entry_point" in full_name
        self.is_library = is_library(file) or "asio::detail::" in full_name
        for name in "variables", "suspension", "paths":
            setattr(self, name, functools.cache(getattr(self, name)))
        self.by_name = {variable.name: variable for variable in self.variables(start)}
        self.is_gcc = "_Coro_resume_index" in self.by_name
        self.top = self.member("_Coro_promise" if self.is_gcc else "__promise", "top_of_stack_")
        # Where in the coroutine frame the number is of the co_await that the coroutine waits at: None if unknown.
        number = self.by_name.get("_Coro_resume_index")
        self.index = number.offset if number else self.member("__coro_frame", "__coro_index")
        self.is_readable = self.index is not None

    def variables(self, pc):
        """The Variables in the coroutine frame that are visible at this instruction, innermost first."""
        variables, locations = self.program.find_variables(pc)
        locations, found = iter(locations), []
        for name, type_, argument in variables:  # names may repeat, in the same order
            place = PLACE.search(next((location for other, location in locations if other == name), ""))
            if place and place[2]:
                inner = int(place[5] or "0", 0) if place[4] else None
                found.append(Variable(name, type_, int(place[3] or "0", 0), inner, int(place[1] or 0), argument))
        return found

    def member(self, variable, member):
        """This member's offset in a variable; None if there is none."""
        members = self.program.members(self.by_name[variable].type) if variable in self.by_name else ()
        return next((offset for name, offset, _type in members if name == member), None)

    @functools.cached_property
    def code(self):
        """Its Instructions, by their addresses."""
        return {each.pc: each for each in self.program.find_code(self)} if self.end else {}

    @functools.cached_property
    def lines(self):
        return sorted({each.line for each in self.code.values()} - {0}) or [0]

    @functools.cached_property
    def body(self):
        """The first jump. Before it there is no statement: Clang labels its prologue with lines of the body."""
        return next((each.pc for each in self.code.values() if JUMP.match(each.text)), self.start)

    @functools.cached_property
    def statements(self):
        """{pc: line} of the places where a step may end. That excludes all before the body, and the function's first
        and last line, of which GCC puts parts at every co_await, unless the last one is more than a brace."""
        last_ends = not linecache.getline(self.file, self.lines[-1]).strip(" };\t\n")
        without = 0, self.lines[0], self.lines[-1] * last_ends
        return {each.pc: each.line for each in self.code.values()
                if each.pc == each.row and each.pc > self.body and each.line not in without}  # fmt: skip

    def suspension(self, index):
        """The instruction that suspends a coroutine at the co_await with this number, or where its function begins.

        Right before it calls await_suspend, it stores the number of that co_await in its frame: find that store. With
        GCC only the call is on the line of the co_await."""
        for where in f"0x{self.index:x}", "":  # ASan computes the place beforehand
            store = re.compile(rf"mov{'wb'[not self.is_gcc]}\s+\$0x{index:x},\s*{where}\(")
            for each in itertools.dropwhile(lambda each: not store.match(each.text), self.code.values()):
                if "await_suspend" in each.text or not self.is_gcc:
                    return each.pc
        return self.start

    @functools.cached_property
    def arguments(self):
        """Clang marks arguments as such; GCC puts them between two variables of its own."""
        variables = self.variables(self.start)
        if self.is_gcc:
            names = [variable.name for variable in variables]
            first = names.index("_Coro_self_handle") + 1 if "_Coro_self_handle" in names else 0
            variables = variables[first : names.index("_Coro_resume_index")]
        return [v for v in variables if (self.is_gcc or v.argument) and not HIDDEN.match(v.name)]

    def paths(self, wanted, pointers):
        """The ways from the coroutine frame to those parts of its arguments whose type matches, the shortest first:
        offsets, between which a pointer is followed."""
        found, program = [], self.program
        for argument in self.arguments if self.is_readable else ():
            seen, queue = set(), [] if program.pointee(argument.type) else [((argument.offset,), argument.type)]
            for offsets, type_ in queue:  # which grows
                target, name = program.pointee(type_), program.type_name(type_)
                if target:
                    queue += [(offsets + (0,), target)] if len(offsets) <= pointers else []
                elif re.match(wanted, name):
                    found.append(offsets)
                elif name not in seen and not NO_PART.search(name.split("<")[0]):
                    seen.add(name)
                    queue += [(offsets[:-1] + (offsets[-1] + offset,), member)
                              for _name, offset, member in program.members(type_)]  # fmt: skip
        return found


class Coroutine:
    """A coroutine, known by its promise's address. Raises ValueError where there is none."""

    running_line, mark = 0, ""

    def __init__(self, program, promise):
        self.program, self.promise, self.frame = program, promise, program.word(promise)
        self.pc = program.word(self.frame)
        self.function = program.function(self.pc)
        if not self.function or self.function.start != self.pc or not 0 < promise - self.frame <= 256:
            raise ValueError("no coroutine")

    name = property(lambda self: self.mark + self.function.name)

    @functools.cached_property
    def index(self):
        """The number of the co_await that it waits at, None if it is not to be found."""
        if self.function.is_readable:
            place, size = self.frame + self.function.index, 2 if self.function.is_gcc else 1
            return int.from_bytes(self.program.read(place, size), "little")

    @property
    def is_fresh(self):
        """Created, but not started: it waits at its initial suspension."""
        initial = 2 if self.function.is_gcc else 0
        return self.index == initial and not any(self.program.read(self.promise + THREAD, CALLER + WORD - THREAD))

    @property
    def is_alive(self):
        """Not destroyed. GCC notes it in the index; with Clang, glibc knows whether it has got the memory back. None if
        what is there is not glibc's."""
        if self.index is None or self.function.is_gcc:
            return self.index is not None and self.index % 2 == 0
        # A chunk of glibc's begins with the size of the one before it, if that is free, and with its own, the lowest
        # bit of which tells whether that is in use. Freed chunks are merged, with old headers left inside.
        word, chunk = self.program.word, self.frame - 2 * WORD
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
        waits = 0 if self.awaiting_pc == self.pc or self.is_fresh else self.function.code[self.awaiting_pc].line
        return self.running_line or waits or self.function.lines[0]

    @functools.cached_property
    def text(self):
        values = (f"{v.name}={self.program.show(v.type, self.place(v))}" for v in self.function.arguments)
        place = f" at {os.path.basename(self.function.file)}:{self.line}" if self.function.file else ""
        return f"{self.name}({', '.join(values)}){place}"

    def place(self, variable):
        address = self.frame + variable.offset
        return address if variable.inner is None else self.program.word(address) + variable.inner

    @property
    def locals(self):
        """What is visible where the coroutine waits, innermost first, without the arguments."""
        arguments = {(variable.name, variable.offset) for variable in self.function.arguments}
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
            with contextlib.suppress(ValueError):
                return Coroutine(self.program, entry).top()
        return 0

    def unstarted(self):
        """Of an entry point: the promise of the coroutine that it is going to start, or 0."""
        return next(self.words(r"(boost::)?asio::awaitable<", 0), 0)

    def words(self, wanted, pointers):
        """The first words of the parts of its arguments of this type, if they are not 0."""
        for path in self.function.paths(wanted, pointers):
            with contextlib.suppress(ValueError):  # what the path leads through need not be alive
                address = self.frame
                for offset in path:
                    address = address and self.program.word(address + offset)
                if address:
                    yield address

    def top(self):
        """Of an entry point: the promise of the innermost coroutine of its chain."""
        if self.function.top is None:
            raise ValueError(NEEDS)
        return self.program.word(self.promise + self.function.top)


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


class Program:
    """A stopped program. What a debugger lends, and what the model makes of it. Types are the debugger's own.

    read(address, size)      the bytes there; raises ValueError where there is no such memory
    find_function(pc)        (full name, start, end, file) of the function with this instruction; end 0 and no file
                             where there is no debug information; or None
    find_variables(pc)       [(name, type, is an argument)] that are visible there, innermost first, and, in the same
                             order, [(name, location in DWARF's words)]
    find_code(function)      its Instructions
    members(type_)           [(name, offset, type)] of a class's bases and data members
    pointee(type_)           what a pointer points to; None for other types
    type_name(type_)         the name without typedefs
    show(type_, address)     the text of the value there, "..." for what takes more than a few words
    mappings()               [(start, end, name)] of the writable memory
    threads()                for each thread, its name and its Frames, the newest first, until the next one is asked for
    pointer(frame, name)     the pointer in this variable, or the address of one of another type; 0 if unreadable
    first_argument(frame)    the first argument's register, where a function begins
    stop_number              another one after the program has run
    """

    def __init__(self):
        self.listed, self.listed_at = [], None
        self.forget()

    def forget(self):
        """What is known of the program's code is asked for once, until it is loaded anew."""
        self.function = functools.cache(lambda pc: (found := self.find_function(pc)) and Function(self, *found))

    def word(self, address):
        return int.from_bytes(self.read(address, WORD), "little")

    def chain(self, promise):
        """The promises of the coroutine, of the one that awaits it, and so on up to Asio's entry point."""
        promises = {}  # a circle, in memory that is no longer theirs, ends it
        while promise and promise not in promises:
            promises[promise] = True
            promise = self.word(promise + CALLER)
        return list(promises)

    def logical_stack(self, promises, seen):
        """The program's own coroutines, from the first of this chain on: those that await, then, with a mark, the one
        that waits for the completion of what they spawned, and so on."""
        last, mark = None, ""
        while promises:
            for promise in promises:
                if promise in seen:
                    return
                seen.add(promise)
                try:
                    last = Coroutine(self, promise)
                except ValueError:
                    if last:
                        raise
                    continue  # the innermost has ended, and nobody has taken its result yet
                if not last.function.is_library:
                    last.mark, mark = mark, ""
                    yield last
            promises, mark = self.chain(last.waiter() if last and last.function.is_entry else 0), WAITS

    def bodies(self, frames):
        """The Bodies of a machine stack, the newest first."""
        names = [frame.name for frame in frames] + ["", ""]
        for number, frame in enumerate(frames):
            if BODY_CALLER.search(names[number + 1]) and RESUME.search(names[number + 2]):
                yield Body(frame, self.pointer(frames[number + 2], "this"), False)
            elif number and RESUME.search(names[number]) and not BODY_CALLER.search(names[number - 1]):
                promise = self.pointer(frame, "this")
                with contextlib.suppress(ValueError):  # by now another thread may have ended it
                    if promise and Coroutine(self, promise).is_alive is not False:
                        yield Body(frame, promise, True)

    def rows(self, frames):
        """The logical stack of a thread: its machine frames without the machinery in between, with the coroutines."""
        inside, seen, coming = False, set(), self.bodies(frames)
        body = next(coming, None)
        for frame in frames:
            hidden = is_library(frame.file)
            if body and frame == body.frame:
                yield from self.coroutine_rows(body, seen)
                hidden, body = False, next(coming, None)
            elif not (inside and hidden):
                yield Row(frame, frame.name or "??", None)
            inside = inside or not hidden

    def coroutine_rows(self, body, seen):
        """The running coroutine, then those that await it."""
        frame, trouble = None if body.suspended or body.promise in seen else body.frame, "" if body.promise else NEEDS
        try:
            for coroutine in self.logical_stack(self.chain(body.promise), seen):
                runs, _pc = coroutine.promise == body.promise, coroutine.awaiting_pc  # which may raise
                coroutine.running_line = frame.line if runs and frame else 0
                yield Row(frame if runs else None, coroutine.name, coroutine)
                frame, trouble = None, trouble or ("" if coroutine.function.is_readable else NEEDS)
        except Exception as error:  # the rest of the stack is still to be shown
            trouble = f"not all coroutines are readable: {error}"
        if frame:
            yield Row(frame, plain_name(frame.name), None)
        if trouble:
            yield Row(None, f"({trouble})", None)

    def find_promises(self, stacks):
        """The addresses of what may be promises, in anonymous memory or the heap, but not where these stacks are. A
        promise begins with the address of its coroutine frame: so it is a word that holds its own address - PROMISE.
        Within a block all such words have the same upper bytes, which Python finds fast."""
        for start, end, name in self.mappings():
            named = name and not name.startswith(("[heap", "[anon"))
            if named or end - start > MOST or any(start <= stack < end for stack in stacks):
                continue
            for block in range(start // BLOCK * BLOCK, end - PROMISE, BLOCK):
                first, upper = max(start, block), (block // BLOCK).to_bytes(6, "little")
                with contextlib.suppress(ValueError):
                    memory = self.read(first + PROMISE, min(block + BLOCK, end - PROMISE) - first)
                    at = memory.find(upper, 2)
                    while at > 0:
                        if memory[at - 2 : at] == (first + at - 2 & BLOCK - 1).to_bytes(2, "little"):
                            yield first + at - 2 + PROMISE
                        at = memory.find(upper, at + 1)

    def find_tasks(self):
        """The program's tasks that no other task waits for; the others are below those that wait for them."""
        stacks, running, found, unknown = [], {}, {}, []
        for thread, frames in self.threads():
            stacks.append(frames[0].sp)
            running.update((body.promise, (thread, body.frame)) for body in self.bodies(frames) if not body.suspended)
        for promise in self.find_promises(stacks):
            with contextlib.suppress(ValueError):
                coroutine = Coroutine(self, promise)
                if (alive := coroutine.is_alive) is not False:
                    found[promise] = coroutine
                    unknown += [promise] if alive is None else []
        if 5 * len(unknown) < 4 * len(found):  # The memory is glibc's: what is there instead has come after these.
            found = {promise: found[promise] for promise in found.keys() - unknown}
        tasks, owner = [], {}
        for entry in [coroutine for coroutine in found.values() if coroutine.function.is_entry]:
            with contextlib.suppress(ValueError):
                promises, unstarted, state = self.chain(entry.top()), entry.unstarted(), ""
                if promises[-1:] != [entry.promise]:
                    continue
                members = [found.get(promise) or Coroutine(self, promise) for promise in reversed(promises)]
                if promises[0] in running:
                    thread, frame = running[promises[0]]
                    members[-1].running_line, state = frame.line, f"running on {thread}"
                own = [member for member in members if not member.function.is_library]
                if not own and unstarted:
                    own, state = [Coroutine(self, unstarted)], "not started"
                task = Task(own, state, entry.waiter(), [])
                owner.update(dict.fromkeys([*promises, unstarted or entry.promise], task))
                tasks += [task] if own else []
        fresh = [c for c in found.values() if c.is_fresh and not c.function.is_library and c.promise not in owner]
        tasks += [Task([coroutine], "not started", 0, []) for coroutine in fresh]
        roots, order = [], lambda task: [
            int(part) if part.isdigit() else part for part in re.split(r"(\d+)", task.coroutines[0].text)]
        for task in sorted(tasks, key=order):
            waiting = owner.get(task.waiter)
            while waiting and not waiting.coroutines:  # only Asio's, as those of && and ||
                waiting = owner.get(waiting.waiter)
            (waiting.children if waiting and waiting is not task else roots).append(task)
        return roots

    def tree(self):
        """Looks for all coroutines and lists them as a tree. The innermost that waits for no task has the text of the
        line where it waits."""
        self.listed, self.listed_at, lines = [], self.stop_number, []

        tasks = [(0, root) for root in reversed(self.find_tasks())]
        while tasks:
            depth, task = tasks.pop()
            for depth, coroutine in enumerate(task.coroutines, depth):
                self.listed.append(coroutine)
                lines.append(f"{len(self.listed):>3}  {'  ' * depth}{coroutine.text}")
            text = "" if task.children else linecache.getline(coroutine.function.file, coroutine.line).strip()
            lines[-1] += f" [{task.state}]" if task.state else f": {text}" if text else ""
            tasks += [(depth + 1, child) for child in reversed(task.children)]
        return "\n".join(lines or [f"No coroutines of asio::awaitable here ({NEEDS})."])

    def listed_coroutine(self, argument):
        """For "N COMMAND": the coroutine, the Frame that runs it, if one does, and the command."""
        number, _, command = argument.strip().partition(" ")
        if not number.isdigit() or not command.strip():
            raise ValueError("async-in takes a number of async-tasks and a command that looks, such as: 3 print x")
        if RUNS.match(command.strip()):
            raise ValueError("async-in takes commands that look, not ones that let the program run.")
        if self.listed_at != self.stop_number or not 1 <= int(number) <= len(self.listed):
            raise ValueError(f"async-tasks has shown no number {number} at this stop.")
        coroutine = self.listed[int(number) - 1]
        for _thread, frames in self.threads():
            for body in self.bodies(frames):
                if body.promise == coroutine.promise and not body.suspended:
                    return coroutine, body.frame, command
        return coroutine, None, command


class Step:
    """A step over a co_await. First the debugger makes its own step. If that ends where nobody wants to be, the program
    runs on, until one of these coroutines comes to one of its `ends`: {pc: the coroutines' frames}."""

    def __init__(self, program, body, frames):
        """From the newest of these machine frames, which is in or below this coroutine's body."""
        self.program, self.promises, self.deaths = program, program.chain(body.promise), {}
        coroutine = Coroutine(program, body.promise)
        catches = [each.pc for each in coroutine.function.code.values() if "__cxa_begin_catch" in each.text]
        self.ends = {pc: {coroutine.frame} for pc in catches}  # an exception would end the debugger's own step there
        self.inside, self.line = body.frame == frames[0], body.frame.line
        # Where GCC creates a coroutine in the middle of a line, a debugger's step out stops in the library.
        variables = program.find_variables(frames[0].pc)[0] if body.frame in frames[1:2] else ()
        self.creating = any(name.startswith(("_Coro_", "__coro_")) for name, *_ in variables)

    @classmethod
    def begin(cls, program, frames):
        """None where a plain step will do. Raises ValueError where coroutines cannot be read."""
        body = next(program.bodies(frames), None)
        if not body or is_library(frames[0].file) and not THROW.match(frames[0].name):
            return None
        if not body.promise or not Coroutine(program, body.promise).function.is_readable:
            raise ValueError(NEEDS)
        return cls(program, body, frames)

    def is_over(self, frames):
        """Whether the debugger's own step has ended where a user wants to be."""
        found, newest = list(self.program.bodies(frames)), frames[0]
        if found and found[0].frame == newest and found[0].promise in self.promises:
            try:
                function = Coroutine(self.program, found[0].promise).function
            except ValueError:  # it has ended, which GCC counts among its first line
                return False
            elsewhere = found[0].promise != self.promises[0] or newest.line != self.line or not self.inside
            return newest.line in function.statements.values() and newest.pc > function.body and elsewhere
        within = self.promises[0] in (body.promise for body in found)
        return not is_library(newest.file) or within and not self.creating

    def is_repeated(self, frames):
        """Whether a breakpoint on the line of the co_await has stopped it once more, in what Clang makes of that."""
        body = next(self.program.bodies(frames), None)
        within = body and body.promise == self.promises[0] and body.frame in frames[1:2]
        return bool(within and WRAPPER in frames[0].name)

    def go_on(self):
        """All statements of these coroutines, but of the line where it began only the first one. `deaths` are the
        functions that destroy them: another coroutine at the same address is not the one that is stepped in."""
        self.ends, self.deaths = {}, {}
        for coroutine in self.program.logical_stack(self.promises, set()):
            statements = coroutine.function.statements
            again = min((pc for pc, line in statements.items() if line == self.line), default=0)  # in a loop
            for pc, line in statements.items():
                if coroutine.promise != self.promises[0] or line != self.line or pc == again:
                    self.ends.setdefault(pc, set()).add(coroutine.frame)
            self.deaths.setdefault(self.program.word(coroutine.frame + WORD), set()).add(coroutine.frame)

    def has_reached(self, frame):
        """Whether this machine frame, at one of the `ends` or `deaths`, is of one of the coroutines at its end."""
        if frame.pc in self.deaths:
            dead = self.deaths[frame.pc] & {self.program.first_argument(frame)}
            for frames in self.ends.values():
                frames -= dead
        pointer = self.program.pointer
        own = pointer(frame, "__coro_frame") or pointer(frame, "frame_ptr")  # Clang or GCC
        return own in self.ends.get(frame.pc, ())
