"""Tests what README.md promises about stepping through the program, in GDB and in LLDB.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_debuggers.py GDBTest

Both programs are built with -O0 -g; beside the second one are builds that debuggers can read less of.
A debugger stops the clock: nothing here depends on time.
"""

import ast
import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import unittest

from common import FLAGS, COROUTINES, GDB, LLDB, MAIN, OTHER, PROGRAM, SOURCE, TIMEOUT
from common import file_of, line_of, marked_lines, statement, threads, wait_for

# The statement below each marker, and what its comment speaks of: the values in all stops there, in any order.
TASKS = [1, 2, 3]
OUTCOMES = r"(?s)result = 10\b.*?result = 20\b.*?result = 30\b"
MARKERS = {
    'trace("Fetched data': {"data": '"Data_1"'},
    "const bool all_succeeded = report(": {"outcomes": OUTCOMES},
    'trace("Fetching data': {"id": [1]},
    'co_return fmt::format("Data_{}"': {"id": [1]},
    "std::chrono::milliseconds delay{": {"task_id": TASKS},
    'trace("Task {} {}", task_id': {"task_id": TASKS},
    'trace("Processing item': {"item": TASKS},
}
SCREEN = 50  # lines
ENVIRONMENT = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
GDB_OPTIONS = ["-nx", "-x", SOURCE / "debugger" / "asio_gdb.py"]
GDB_SETTINGS = ["set width 0", "set confirm off", "set style enabled off", "set debuginfod enabled off"]
LLDB_HELPER = f'command script import "{SOURCE / "debugger" / "asio_lldb.py"}"'
CTRL_C = "\x03"
THREAD = r"^((start_thread|\?\?) (\w*clone\w*|\?\?))?$"  # where a thread begins; without libc's symbols, ?? or nothing


def run(command):
    """What the command prints. It may take long, but not be silent for long."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    said = b""
    with subprocess.Popen(command, **pipes, env=ENVIRONMENT) as process:
        while select.select([process.stdout], [], [], TIMEOUT)[0]:
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                return said.decode()
            said += part
        process.kill()
    raise TimeoutError(f"nothing for {TIMEOUT} s after {said.decode()[-2000:]}")


def gdb(*commands, arguments="", program=None):
    """Runs a session with the helper loaded. Returns the output of each command."""
    options = [f"--eval-command={command}" for command in [*GDB_SETTINGS, f"set args {arguments} >/dev/null"]]
    for command in commands:
        options += [r"--eval-command=echo <<<\n", f"--eval-command={command}"]
    output = run([GDB, "-batch", *GDB_OPTIONS, *options, program or PROGRAM])
    assert "Python Exception" not in output and "Traceback" not in output, output
    return output.split("<<<\n")[1:]


def lldb(*commands, arguments="", program=None):
    """Runs a session with the helper loaded. Returns the output of each command."""
    options = []
    launch = f"process launch -o /dev/null -- {arguments}"
    for command in [LLDB_HELPER, *commands]:
        options += ["-o", "script print('<<<')", "-o", launch if command == "run" else command]
    output = run([LLDB, "--no-lldbinit", "-b", *options, program or PROGRAM])
    assert "Traceback" not in output, output
    # What LLDB has to say of GCC's debug information comes at any time.
    output = re.sub(r"^(error|warning): .*0x\w{8}: DW_.*\n+", "", output, flags=re.M)
    # LLDB repeats each command before its output.
    parts = re.split(r"^(?:\(lldb\) script .*\n)?<<<\n", output, flags=re.M)
    return [part.split("\n", 1)[-1] for part in parts[2:]]


@contextlib.contextmanager
def terminal(*command):
    """A debugger on a terminal of its own. Yields a function that types a line, or Ctrl-C, and returns what the
    debugger says until that matches a pattern."""
    pid, keyboard = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, ENVIRONMENT | {"TERM": "dumb"})

    def type_line(line, pattern):
        os.write(keyboard, line.encode() if line == CTRL_C else f"{line}\n".encode())
        said = ""
        while not re.search(pattern, said):
            ready, _, _ = select.select([keyboard], [], [], TIMEOUT)
            assert ready, f"after {line!r} no {pattern!r} in {said!r}"
            said += os.read(keyboard, 1 << 16).decode(errors="replace")
        return said

    try:
        yield type_line
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(keyboard)


def stack(backtrace, source=MAIN):
    """The stack in a backtrace: (function, arguments, text of the line) of frames in `source`, functions of others."""
    frames = []
    long = r"std::(chrono::duration|vector of length \d+, capacity \d+) = \{[^}]*\}|size=\d"
    for line in re.sub(long, "...", backtrace.replace(f"{SOURCE.parent}/", "")).splitlines():
        number, place = r"(?: *(?:frame )?#\d+:? +|    +)(?:0x\w+ in )?", r"(?: (?:at|from) (\S+?)(?::(\d+))?)?"
        if parts := re.match(rf"{number}(.+?) ?\(([^()]*(?:\([^()]*\)[^()]*)*)\){place}$", line):
            own = os.path.basename(parts[3] or "") == file_of(source)
            frames.append((parts[1], parts[2], statement(source[int(parts[4]) - 1])) if own else parts[1])
    return frames


def plain(values):
    """Without what only one compiler or debugger adds to them, and without addresses."""
    return re.sub(r"#\d|\b\d+ (?='.')|this=0x\w+(, )?", "", values.replace('"', "'"))


# What awaits what, as the backtrace at these lines has to show it: function, arguments, line.
FETCHING = ("async_main", "workers=thread_pool, failing_task=0", "const std::string data = co_await fetch_data(1);")
PROCESSING = ("async_main", "workers=thread_pool, failing_task=0", "co_await process_item(item);")
SLEEPING = "co_await timer.async_wait(asio::deferred);"
JOINING = [  # what waits for a task
    ("[waits for task] join_tasks", "workers=thread_pool, tasks=...",
     "auto [order, errors, results] = co_await std::move(joined);"),
    ("async_main", "workers=thread_pool, failing_task=0",
     "const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks(workers, std::move(tasks));"),
]
IN_BODY = 'if $_caller_matches(".*coroutine_handle", 1)'  # not in what a compiler puts around the coroutine
STACKS = [
    ('trace("Fetching data', "", [("fetch_data", "id=1"), FETCHING]),
    ("co_return fmt::format(", "", [("fetch_data", "id=1"), FETCHING]),
    ('trace("Fetched data', "", [("async_main", "workers=thread_pool, failing_task=0")]),
    ("const bool all_succeeded = report(", "", [("async_main", "workers=thread_pool, failing_task=0")]),
    ("co_return outcomes;", "", [
        ("join_tasks", "workers=thread_pool, tasks=..."),
        ("async_main", "workers=thread_pool, failing_task=0",
         "const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks(workers, std::move(tasks));"),
    ]),
    ('trace("Processing item', "", [("process_item", "item=1"), PROCESSING]),
    ('trace("Item {} processed', " if item == 3", [("process_item", "item=3"), PROCESSING]),
    ("std::chrono::milliseconds delay{", " if task_id == 2", [("async_task", "task_id=2, fail=false"), *JOINING]),
    ("co_return task_id * 10;", " if task_id == 2", [("async_task", "task_id=2, fail=false"), *JOINING]),
]


def tree(listing):
    """What async-tasks shows: (name, arguments, place and state or source text, [what is below it]) of each coroutine,
    those at the same level in an order that does not depend on addresses. Without the tasks' executors."""
    below = {-1: []}
    for line in re.sub(r" \[on [^]]*\]", "", listing).splitlines():  # test_values.py looks at the executors
        if parts := re.match(r" *\d+  ((?:  )*)(\S.*?)\((.*?)\) at (\w+\.cpp):(\d+)(?: \[(.*)\]|: (.*))?$", line):
            depth, source = len(parts[1]) // 2, {"main.cpp": MAIN, "coroutines.cpp": OTHER}[parts[4]]
            text = statement(source[int(parts[5]) - 1])
            below[depth] = []
            below[depth - 1].append((parts[2], plain(parts[3]), parts[6] or parts[7] or text, below[depth]))
    return in_order(below[-1])


def in_order(nodes):
    return sorted((*node[:3], in_order(node[3])) for node in nodes)


# The coroutines that stand still at the end of coroutines.cpp.
def paused(reason):
    return [("net::pause_for", f"duration=1h, reason='{reason}'", SLEEPING, [])]


def members(*numbers):
    waits = 'co_await net::pause_for(1h, "member");'
    return [("member", f"number={number}", waits, paused("member")) for number in numbers]


GROUPS = [("group", f"first={first}",
           "co_await members.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);",
           members(first, first + 1)) for first in (1, 3)]  # fmt: skip
STANDING = [  # as async-tasks numbers them
    ("both", "", "co_await (group(1) && group(3));", GROUPS),
    ("member", "number=6", "not started", []),
    ("on_strand", "strand=strand of io_context",
     "co_await asio::co_spawn(strand, member(5), asio::use_awaitable);", members(5)),
    ("shadow", "value=1, numbers=2, numbers=3", 'co_await net::pause_for(1h, "shadow");', paused("shadow")),
]


# The coroutines that await each other in nested().
NESTED = [
    ("pack", "first=3, rest=2, rest=3.5, rest='c'", "co_await operate(asio::use_awaitable);"),
    ("hidden", "depth=3", "co_await pack(depth, 2L, 3.5, 'c');"),
    ("functor::operator()", "depth=2", "co_await hidden(depth + 1);"),
    ("functor::on_lvalue", "value=1", "co_await (*this)(value + 1);"),
    ("nested::{lambda}", "value=1.5", "co_await object.on_lvalue(static_cast<int>(value));"),
    ("nested", "", "co_await generic(1.5);"),
]
RUNNING = "continue", "next", "fin", "thread apply all next", "thread step-over"
NEEDS = "coroutines can only be read in a build with -O0 -g, without -flto"


def number_of(name):
    """Its number in the list of what stands still."""
    nodes, names = list(STANDING), []
    while nodes:
        node = nodes.pop(0)
        names.append(node[0])
        nodes = node[3] + nodes
    return names.index(name) + 1


class TreeTest:
    """All tasks, their parents, and a look into one of them: mixed into a test case for a debugger, which provides
    `run_commands`, `break_at`, `backtrace`, `variables` and `expression`."""

    def standing_still(self, *commands):
        """What these commands print when the coroutines stand still."""
        return self.run_commands(self.break_at("standing still", OTHER), "run", *commands, program=COROUTINES)[2:]

    def test_tasks_in_flight(self):
        place = self.break_at("if (fail) throw")  # the first task is there, the others wait
        *_, listing = self.run_commands(place, "run", "async-tasks")
        ((name, _arguments, _text, joining),) = tree(listing)
        self.assertEqual(name, "async_main")
        ((name, _arguments, _text, tasks),) = joining
        self.assertEqual(name, "join_tasks")
        self.assertEqual([task[:2] for task in tasks], [("async_task", f"task_id={n}, fail=false") for n in TASKS])
        self.assertTrue(any(task[2].startswith("running on thread") for task in tasks), listing)

    def test_tasks_and_work_inside_them(self):
        shadow, group = number_of("shadow"), number_of("group")
        first, variables, call, failed, after, again = self.standing_still(
            "async-tasks", f"async-in {shadow} {self.variables}", f"async-in {group} {self.expression} last - first",
            self.failing(f"async-in {shadow} {self.expression} nowhere"), self.backtrace, "async-tasks")  # fmt: skip
        self.assertEqual(tree(first), STANDING, first)
        self.assertRegex(variables, r"same = 0\.5")
        self.assertRegex(variables, r'same = "outer"')
        self.assertRegex(variables, "sum = 6")
        self.assertRegex(call, r"= 1\b")
        self.assertIn("nowhere", failed)
        self.assertIn("standing_still", after)
        self.assertEqual(tree(again), STANDING)

    def test_tasks_in_a_core_dump(self):
        with tempfile.TemporaryDirectory() as folder:
            listing, stepped = self.session_with_core(os.path.join(folder, "core"), "async-tasks", "async-next")
        self.assertEqual(tree(listing), STANDING, listing)
        self.assertRegex(stepped, r"^(error: )?The program is not being run\.\n$")

    def test_what_cannot_be_done_is_said_in_one_sentence(self):
        off, unstarted = self.run_commands(
            self.failing("async-step maybe"), self.failing("async-tasks"), program=COROUTINES)
        unlisted, _listing, no_such, *running = self.standing_still(
            self.failing("async-in 1 bt"), "async-tasks", self.failing("async-in 99 bt"),
            *(self.failing(f"async-in 1 {command}") for command in RUNNING))  # fmt: skip
        for output, sentence in [
            (off, "async-step takes on or off."),
            (unstarted, "The program is not being run."),
            (unlisted, "async-tasks has shown no number 1 at this stop."),
            (no_such, "async-tasks has shown no number 99 at this stop."),
            *((output, "async-in takes commands that look") for output in running),
        ]:
            self.assertIn(sentence, output)

    def test_next_walks_as_async_next_does(self):
        lines = self.walk_with("next", 'trace("Fetching', 10)
        self.assertEqual(lines, self.walk_with("async-next", 'trace("Fetching', 10))
        self.assertEqual(lines[:2], ["co_await sleep_for(100ms);", 'co_return fmt::format("Data_{}", id);'])

    def test_async_step_off(self):
        place, after = 'trace("Fetching', 'co_return fmt::format("Data_{}", id);'
        self.assertNotIn(after, self.walk_with("next", place, 4, before=["async-step off"]))
        self.assertIn(after, self.walk_with("next", place, 2, before=["async-step off", "async-step on"]))

    def test_next_in_a_frame_that_is_used_again(self):
        for step in "async-next", "next":
            place = self.break_at("visit: end", OTHER, once=True)
            *_, stepped = self.run_commands(place, "run", step, program=COROUTINES)
            self.assertEqual(self.texts(stepped), [])
            self.assertRegex(stepped, "exited|requires a current process")

    def test_next_at_a_throw(self):
        lines = self.walk_with(self.over_throw, "risky: throw", 3, OTHER, COROUTINES)
        lines = [line for line in lines if line not in ("}", "co_await risky(0);")]
        self.assertRegex(lines[0], "catch|error.what")
        self.assertIn("std::puts(", lines[-1])


class TrialTest:
    """What went wrong in trials: mixed in likewise. `stop_line` matches the number of the line where a stop is told."""

    def texts(self, output, *unless):
        """The statements where it has stopped, without those that one compiler visits once more."""
        lines = [statement(OTHER[int(number) - 1]) for number in re.findall(self.stop_line, output, re.M)]
        return [line for line in lines if line not in ("}", *unless)]

    def test_stack_in_an_operation(self):
        """On the stack of a coroutine that has suspended itself runs an operation, or another coroutine."""
        _place, _run, nested, _other, _continue, race = self.run_commands(
            self.break_at("operation: callback", OTHER), "run", self.backtrace,
            self.break_at("raced: start", OTHER), "continue", self.backtrace, program=COROUTINES)  # fmt: skip
        frames = stack(nested, OTHER)
        callbacks = ['std::puts("called back");', "asio::dispatch(executor, [] {",
                     statement(OTHER[line_of("async_initiate<", OTHER) - 1])]  # fmt: skip
        self.assertEqual([frame[2] for frame in frames[:3]], callbacks, nested)
        self.assertEqual([(name, plain(values), text) for name, values, text in frames[3:-2]], NESTED, nested)
        waiting = ("[waits for task] race", "", 'co_await (raced(1) || net::pause_for(1h, "race"));')
        self.assertEqual(stack(race, OTHER)[:-2], [("raced", "number=1", 'std::puts("raced");'), waiting], race)
        for frames in stack(nested, OTHER), stack(race, OTHER):
            self.assertEqual([frame[0] for frame in frames[-2:]], ["run", "main"])

    def test_stack_and_async_next_beyond_a_part_without_debug_information(self):
        *_, backtrace, first, second, third = self.run_commands(
            self.break_at("mixed: start", OTHER, once=True), "run", self.backtrace, *(3 * ["async-next"]),
            program=COROUTINES)  # fmt: skip
        frames = stack(backtrace, OTHER)
        self.assertEqual(frames[0], ("debugged", "number=1", "number += 1;"), backtrace)
        self.assertIn("undebugged", frames)
        self.assertIn(("mixed", "", "const int number = co_await undebugged(1);"), frames, backtrace)
        self.assertEqual(backtrace.count(NEEDS), 1, backtrace)
        steps = self.texts(first + second + third, "co_return number;", "const int number = co_await undebugged(1);")
        self.assertEqual(steps[0], 'std::printf("%d\\n", number);')

    def test_async_next_to_a_last_line(self):
        """Clang has no code for the brace after it."""
        *_, step = self.run_commands(
            self.break_at("mixed: start", OTHER, once=True), "run", "async-next", program=COROUTINES)
        self.assertEqual(self.texts(step), ["co_return number;"])

    def test_stack_and_async_next_in_optimised_code(self):
        optimized = os.path.join(os.path.dirname(COROUTINES), "optimized")
        *_, backtrace, _finish, step = self.run_commands(
            self.break_at("flags: stop", FLAGS), "run", self.backtrace, "finish", "async-next", program=optimized)
        self.assertRegex(backtrace, r"(?s)#0.* stop ?\(.*\binner ?\(.*\bmain ?\(")
        self.assertEqual(backtrace.count(NEEDS), 1, backtrace)
        self.assertIn(f"This is a plain next: {NEEDS}.", step)

    def test_stack_with_address_sanitizer(self):
        sanitized = os.path.join(os.path.dirname(COROUTINES), "sanitized")
        if not os.path.exists(sanitized):
            self.skipTest("only where Clang has it")
        *_, backtrace = self.run_commands(
            self.break_at("flags: stop", FLAGS), "run", self.backtrace, program=sanitized)
        expected = [("inner", "number=1", "stop(number);"), ("outer", "", "const int number = co_await inner(1);")]
        self.assertEqual(stack(backtrace, FLAGS)[1:3], expected, backtrace)

    def test_async_next_from_a_throw(self):
        *_, thrown, first, second = self.run_commands(
            self.catch_throw, "run", self.backtrace, "async-next", "async-next", program=COROUTINES)
        self.assertIn("risky", [frame[0] for frame in stack(thrown, OTHER)])
        self.assertRegex(self.texts(first + second, "co_await risky(0);")[0], r"catch \(|error\.what")

    def test_async_next_from_what_a_coroutine_calls_and_creates(self):
        """It stops once, in that coroutine. (LLDB also stops where a call returns to, in the middle of the line.)"""
        *_, first, second, _place, _continue, created = self.run_commands(
            self.break_at("steps: callee", OTHER, once=True), "run", "async-next", "async-next",
            self.break_function("one_line"), "continue", "async-next", program=COROUTINES)  # fmt: skip
        lines = [int(line) for line in re.findall(self.stop_line, first + second, re.M)]
        called = line_of("steps: called", OTHER)
        beyond_callee = [line for line in lines if line > line_of("steps: callee", OTHER) + 1]
        self.assertIn(called - beyond_callee[0], (0, 1) if self.stops_in_mid_line else (0,), first + second)
        self.assertIn(self.texts(created), (["co_await one_line();"], ['std::puts("stepped");']), created)

    def test_async_next_where_braces_have_their_own_lines(self):
        """It stops at statements, not at the signature: a function begins at its brace."""
        *_, a, b, c, d, e = self.run_commands(
            self.break_at("steps: start", OTHER, once=True), "run", *(5 * ["async-next"]), program=COROUTINES)
        statements = OTHER[line_of("steps: start", OTHER) : line_of("steps: created", OTHER)]
        found = self.texts(a + b + c + d + e)
        self.assertTrue(set(found) <= set(map(statement, statements)), found)
        self.assertIn("co_await one_line();", found)

    def test_next_in_a_loop_of_one_line(self):
        """It stops at that line again, in each round."""
        lines = self.walk_with("next", "loop: body", 6, OTHER, COROUTINES)
        head, body = (statement(OTHER[line_of(f"loop: {text}", OTHER) - 1]) for text in ("head", "body"))
        self.assertEqual([line for line in lines if line not in (head, "}")][:2], [body, body], lines)

    def test_async_next_in_a_recursion(self):
        """51 instances run the same lines: from the end of the innermost, then over a co_await of the outermost."""
        steps = "async-next", "async-next", self.backtrace
        _, _, inner, inner_too, up, _, _, outer, outer_too, down = self.run_commands(
            self.break_at("recursion: up", OTHER, once=True), "run", *steps,
            self.break_at("recursion: start", OTHER, once=True), "continue", *steps, program=COROUTINES)  # fmt: skip
        await_, bottom = (statement(OTHER[line_of(f"recursion: {text}", OTHER) - 1]) for text in ("down", "bottom"))
        self.assertEqual(self.texts(inner + inner_too, await_)[0], bottom, inner + inner_too)
        self.assertEqual([frame[:2] for frame in stack(up, OTHER)[:51]],
                         [*(("recurse", f"depth={depth}") for depth in range(1, 51)), ("deep", "")], up)  # fmt: skip
        self.assertEqual(self.texts(outer + outer_too), [await_, bottom], outer + outer_too)
        self.assertEqual(stack(down, OTHER)[0][:2], ("recurse", "depth=50"), down)

    def test_async_next_and_ctrl_c(self):
        """Ctrl-C ends a step that waits, for an hour here, and the debugger goes on."""
        with terminal(*self.on_terminal, COROUTINES) as type_line:
            type_line(self.break_at("tree: shadow", OTHER, once=True), self.prompt)
            type_line(self.run_to_wait, rf"(?s)tree: shadow.*{self.prompt}")
            program = int(re.search(r"(?i)process (\d+)", type_line(self.status, self.prompt))[1])
            try:
                type_line("async-next", r"\n")
                wait_for(lambda: threads(program) == {"S"}, "wait in the step")
                type_line(CTRL_C, self.prompt)
                self.assertEqual(threads(program), {"t"})
                type_line(f"{self.expression} 41 + 1", "= 42")
            finally:
                os.kill(program, signal.SIGKILL)


class MarkerTest:
    """Markers hold: mixed into a test case for a debugger, which provides `stops` and `locals_of`."""

    def test_every_marker_is_tested(self):
        self.assertEqual(marked_lines(), sorted(line_of(text) for text in MARKERS))
        for line in marked_lines():
            self.assertNotIn("co_await", MAIN[line - 1])

    def test_markers(self):
        stops = self.stops_at_markers()
        for text, variables in MARKERS.items():
            found = [values for line, values in stops if line == line_of(text)]
            for name, expected in variables.items():
                with self.subTest(text=text, name=name):
                    values = [value[name] for value in found]
                    if isinstance(expected, str):
                        self.assertEqual(len(values), 1)
                        self.assertRegex(values[0], expected)
                    else:
                        last_number = [int(re.findall(r"\d+", value)[-1]) for value in values]
                        self.assertEqual(sorted(last_number), expected, values)


@unittest.skipUnless(GDB, "no gdb")
class GDBTest(TreeTest, TrialTest, MarkerTest, unittest.TestCase):
    maxDiff = None
    backtrace, variables, expression, over_throw = "bt", "info locals", "print", "next"
    stops_in_mid_line = False
    catch_throw, status, stop_line = "catch throw", "info inferiors", r"^(\d+)\t"
    on_terminal = GDB, "-q", *GDB_OPTIONS, *(f"-ex={setting}" for setting in GDB_SETTINGS)
    prompt, run_to_wait = r"\(gdb\) $", "run wait >/dev/null"

    def run_commands(self, *commands, program=None):
        return gdb(*commands, program=program)

    def failing(self, command):
        return command

    def break_at(self, text, source=MAIN, once=False):
        return f"{'tbreak' if once else 'break'} {file_of(source)}:{line_of(text, source)}"

    def break_function(self, name):
        return f"tbreak {name}"

    def walk_with(self, step, text, steps, source=MAIN, program=None, before=()):
        output = gdb(self.break_at(text, source, once=True), "run", *before, *(steps * [step]), program=program)[2:]
        numbers = [int(number[1]) for stop in output if (number := re.search(r"^(\d+)\t", stop, re.M))]
        return [statement(source[number - 1]) if number <= len(source) else "" for number in numbers]

    def stops_at_markers(self):
        """(line, values by name) of each stop at a marker."""
        names = sorted({name for names in MARKERS.values() for name in names})
        breaks = [f"break main.cpp:{line}" for line in marked_lines()]
        # More rounds than there are stops: in the last ones the program has ended.
        stop = ["frame", "info locals", *(f"print {name}" for name in names), "continue"]
        output = gdb(*breaks, "run", *(25 * stop))[len(breaks) + 1 :]
        stops = []
        for start in range(0, len(output), len(stop)):
            frame, variables, *values, _ = output[start : start + len(stop)]
            if line := re.search(r"main\.cpp:(\d+)", frame):
                stops.append((int(line[1]), dict(zip(names, values))))
                self.assertLess(variables.count("\n"), SCREEN, variables)
        return stops

    def assert_stack(self, backtrace, expected, line=None):
        """The coroutines are those expected, and only main or the thread's first functions are below them."""
        found = stack(backtrace)
        if line:
            expected = [(*expected[0], line), *expected[1:]]
        self.assertEqual(found[: len(expected)], expected, backtrace)
        outer = [frame[0] if isinstance(frame, tuple) else frame for frame in found[len(expected) :]]
        on_worker = any(function == "async_task" for function, *_ in expected)
        self.assertRegex(" ".join(outer), THREAD if on_worker else "^run main$", backtrace)

    def test_stack_at_markers(self):
        breaks = [f"break main.cpp:{line_of(text)}{condition}" for text, condition, _ in STACKS]
        stacks = gdb(*breaks, "run", *(12 * ["bt", "continue"]))[len(breaks) + 1 :: 2]
        for text, _condition, expected in STACKS:
            line = statement(MAIN[line_of(text) - 1])
            with self.subTest(text=text):
                found = [backtrace for backtrace in stacks if stack(backtrace)[:1] == [(*expected[0][:2], line)]]
                self.assertTrue(found, stacks)
                self.assert_stack(found[0], expected, line)

    def test_stack_below_a_helper_coroutine_and_a_function(self):
        sleeping = ("sleep_for", "duration=100ms", SLEEPING)
        callers = [("fetch_data", "id=1", "co_await sleep_for(100ms);"), FETCHING]
        *_, backtrace = gdb(f"break main.cpp:{line_of(SLEEPING)}", "run", "bt")
        self.assert_stack(backtrace, [sleeping, *callers])

        *_, backtrace = gdb(
            f"tbreak main.cpp:{line_of('milliseconds delay{')} if task_id == 3", "run", "set $it = $_thread",
            f"break main.cpp:{line_of(SLEEPING)} if $_thread == $it", "continue", "bt")  # fmt: skip
        task = ("async_task", "task_id=3, fail=false", "co_await sleep_for(delay);")
        self.assert_stack(backtrace, [("sleep_for", "duration=300ms", SLEEPING), task, *JOINING])

        processing = line_of('trace("Processing item')
        *_, backtrace = gdb(f"tbreak main.cpp:{processing}", "run", "break trace", "continue", "bt")
        text = 'trace("Processing item: {}", item);'
        self.assertEqual(stack(backtrace)[1:3], [("process_item", "item=1", text), PROCESSING], backtrace)

    def test_stack_where_a_task_throws(self):
        *_, backtrace = gdb("catch throw", "run", "bt", arguments="--fail 2")
        throw = next(number for number, frame in enumerate(stack(backtrace)) if frame[0] == "async_task")
        line = 'if (fail) throw std::runtime_error{"simulated failure"};'
        self.assertEqual(stack(backtrace)[throw], ("async_task", "task_id=2, fail=true", line), backtrace)
        self.assertNotRegex(backtrace, "asio::|coroutine_handle")

    def test_stack_of_other_coroutines(self):
        line = line_of("chain: innermost", OTHER)
        *_, backtrace, _language, in_c = gdb(
            f"break coroutines.cpp:{line}", "run", "bt", "set language c", "bt", program=COROUTINES)
        found = stack(backtrace, OTHER)
        # Where GDB has libc's symbols, a frame of libc's may make C the current language.
        names = [frame[0].split("<")[0] for frame in found[:4]]
        self.assertEqual([frame[0].split("<")[0] for frame in stack(in_c, OTHER)[:4]], names, in_c)
        self.assertRegex(found[0][0], r"^net::pause_for(<std::chrono::duration<.*>)?$", backtrace)
        self.assertEqual(found[0][1:], ('duration=10ms, reason="served"', 'std::puts(reason.c_str());'), backtrace)
        self.assertRegex(found[1][0], r"^net::session::serve$", backtrace)
        self.assertRegex(found[1][1], r"rounds=2$", backtrace)
        self.assertEqual(found[1][2], 'served += co_await pause_for(10ms, "served");', backtrace)
        self.assertRegex(found[2][0], r"^listen::\{lambda\}$", backtrace)
        self.assertEqual(found[2][2], "const int served = co_await session.serve(rounds);", backtrace)
        self.assertEqual((found[3][0], found[3][2]), ("listen", "co_await attempt(2);"), backtrace)

    def test_async_next_at_an_end_with_nothing_left_to_do_above(self):
        """The one that awaits is at its own end then: it goes on in the one above that."""
        *_, returns, above = self.run_commands(
            self.break_at("steps: called", OTHER, once=True), "run",
            self.break_at("chain: innermost", OTHER, once=True), "continue", *2 * ["async-next"],
            program=COROUTINES)  # fmt: skip
        self.assertEqual(self.texts(returns)[0], "co_return 1;", returns)
        self.assertIn(self.texts(above), (["co_await one_line();"], ['std::puts("stepped");']), above)

    def test_next_from_a_last_brace(self):
        """It does not stop at the function's first line: with GCC, that is where a coroutine ends."""
        first, *_ = self.walk_with("next 2", 'trace("Item {} processed"', 1)
        self.assertIn(first, ("co_await process_item(item);", statement(MAIN[line_of("item <= 3") - 1])))

    def test_captures_of_an_awaiting_lambda(self):
        """In GCC's coroutines they are where a pointer in the coroutine frame leads to."""
        *_, full = gdb(f"break coroutines.cpp:{line_of('chain: innermost', OTHER)}", "run", "bt full", program=COROUTINES)
        captured = re.search(r" listen::\{lambda\} .*\n(?: {8}.*\n)*? {8}session = (.*)", full)
        self.assertIn(captured and captured[1], ("{port = 7}", None), full)  # Clang has no such variable

    def test_less_and_more_of_the_stack(self):
        line = line_of('trace("Fetching data')
        *_, two, last, last3, raw, full, _off, filtered_off = gdb(
            f"break main.cpp:{line}", "run", "bt 2", "bt -1", "bt -3", "bt -no-filters", "bt full",
            "disable frame-filter global asio", "bt")  # fmt: skip
        self.assertEqual([frame[0] for frame in stack(two)], ["fetch_data", "async_main"])
        self.assertEqual([frame[0] for frame in stack(last)], ["main"])
        self.assertEqual([frame[0] for frame in stack(last3)], ["async_main", "run", "main"])
        self.assertRegex(last3, "^#1 ")  # A hidden frame's: GDB wants a number in the first line. 0 is fetch_data's.
        self.assertIn("awaitable_frame_base", raw)
        self.assertEqual(raw, filtered_off)
        self.assertIn("main_context = ", full)

    def test_stack_outside_coroutines_is_unchanged(self):
        for place in "main", "epoll_wait":
            *_, filtered, raw = gdb(f"break {place}", "run", "bt", "bt -no-filters")
            self.assertIn("#0 ", raw)
            self.assertEqual(filtered, raw)

    def session_with_core(self, core, *commands):
        self.standing_still(f"gcore {core}")
        return gdb(f"core-file {core}", *commands, program=COROUTINES)[1:]

    def test_unreadable_stack(self):
        line = line_of('trace("Fetching data')
        resume = "frame 2"  # of awaitable_frame_base
        *_, backtrace = gdb(f"break main.cpp:{line}", "run", resume, "set var this->caller_ = 16", "frame 0", "bt")
        self.assertEqual([frame[0] for frame in stack(backtrace)], ["fetch_data", "run", "main"], backtrace)
        self.assertIn("(not all coroutines are readable: ", backtrace)

    def walk(self, start, steps, program=None, source=MAIN):
        """The texts of the lines at which async-next stops, from `start` on. It leaves nothing behind."""
        *before, breakpoints, internal = gdb(
            *start, *(steps * ["async-next"]), "info breakpoints", "maint info breakpoints", program=program)
        numbers = [re.search(r"^(\d+)\t", stop, re.M) for stop in before[-steps:]]
        self.assertIn("No breakpoints", breakpoints)
        self.assertNotRegex(internal, r"(?m)^-\d+ +breakpoint .*\.cpp:")
        return [statement(source[int(number[1]) - 1]) for number in numbers if number]

    def test_async_next_over_every_co_await_of_the_main_thread(self):
        lines = self.walk([f"tbreak main.cpp:{line_of('asio::steady_timer timer')} {IN_BODY}", "run"], 5)
        awaits = [SLEEPING, 'co_return fmt::format("Data_{}", id);']
        self.assert_in_order(awaits, lines)

        lines = self.walk([f"tbreak main.cpp:{line_of('Starting async')}", "run"], 24)
        main = MAIN[line_of("Starting async") : line_of("co_return all_succeeded") - 1]
        body = [line for line in map(statement, main) if line]
        once = [line for line in lines if line != "}"]
        loop = [line for line in body if line != "}"]
        head = next(number for number, line in enumerate(loop) if re.match(r"for \(.*\{$", line))
        rounds = loop[:head] + 3 * loop[head : head + 2] + [loop[head]] + loop[head + 2 :]
        self.assertEqual(once[: len(rounds)], rounds)

        lines = self.walk([f"tbreak main.cpp:{line_of('auto joined =')} {IN_BODY}", "run"], 30)
        self.assert_in_order(["co_return outcomes;"], lines)

        lines = self.walk([f"tbreak main.cpp:{line_of('Processing item')}", "run"], 5)
        awaits = ["co_await sleep_for(50ms);", 'trace("Item {} processed", item);', "for ("]
        self.assert_in_order(awaits, lines)

    def assert_in_order(self, expected, lines):
        """Each of the expected texts begins one of the lines, in this order."""
        rest = iter(lines)
        self.assertTrue(all(any(line.startswith(text) for line in rest) for text in expected), lines)

    def test_async_next_stays_in_the_task_it_started_in(self):
        for task in 1, 2, 3:
            start = [f"tbreak main.cpp:{line_of('milliseconds delay{')} if task_id == {task}", "run"]
            *_, first, second, third, fourth, task_id, last = gdb(
                *start, *(4 * ["async-next"]), "output task_id", "async-next")
            stops = first, second, third, fourth, last
            lines = [statement(MAIN[int(re.search(self.stop_line, stop, re.M)[1]) - 1]) for stop in stops]
            self.assertEqual(task_id, str(task))
            after = MAIN[line_of('co_await sleep_for(delay);') - 1 : line_of("co_return task_id * 10;")]
            texts = [line.strip() for line in after if not line.strip().startswith("//")]
            self.assertEqual(lines[:-1], texts)
            # At the end of the task, and so of the last of the three, the one that waits for them goes on.
            self.assertRegex(lines[-1], r"co_await std::move\(joined\)|outcomes")

    def test_async_next_stays_with_one_of_eight_instances(self):
        lines = self.walk(
            [f"tbreak coroutines.cpp:{line_of('walk: start', OTHER)} if walker == 5", "run"], 21, COROUTINES, OTHER)
        body = [statement(OTHER[number]) for number in range(
            line_of("walk: start", OTHER), line_of("walk: pause", OTHER))]
        end = [statement(OTHER[line_of(text, OTHER) - 1]) for text in ("walk: end", "walk: over")]
        lines = [line for line in lines if line != "}" and not line.startswith("const int steps = co_await")]
        self.assertEqual(lines[: 3 * len(body) + 3], 3 * body + body[:1] + end)

    def test_async_next_lets_breakpoints_stop_it(self):
        completed = line_of("co_return task_id * 10;")
        *_, stop, task, breakpoints = gdb(
            f"tbreak main.cpp:{line_of('milliseconds delay{')} if task_id == 3", "run", "async-next",
            f"tbreak main.cpp:{completed} if task_id == 1", "async-next", "output task_id", "info breakpoints")
        self.assertIn(f"main.cpp:{completed}", stop)
        self.assertEqual(task.split()[-1], "1")
        self.assertIn("No breakpoints", breakpoints)

    def test_async_next_is_next_elsewhere(self):
        *_, first, second = gdb(f"break main.cpp:{line_of('lock{trace_mutex}')}", "run", "next", "async-next")
        self.assertIn("thread_name.empty()", first)
        self.assertIn("elapsed =", second)


@unittest.skipUnless(LLDB, "no LLDB")
class LLDBTest(TreeTest, TrialTest, MarkerTest, unittest.TestCase):
    maxDiff = None
    backtrace, variables, expression, over_throw = "async-bt", "frame variable", "expression --", "async-next"
    stops_in_mid_line = True
    catch_throw, status = "breakpoint set -E c++", "process status"
    stop_line = r" at (?:main|coroutines)\.cpp:(\d+)"
    on_terminal = LLDB, "--no-lldbinit", "-o", LLDB_HELPER
    prompt, run_to_wait = r"\(lldb\) ", "process launch -o /dev/null -- wait"  # LLDB may print a warning behind it

    def run_commands(self, *commands, program=None):
        return lldb(*commands, program=program)

    def failing(self, command):
        """A command that fails is the last one of a batch, as such."""
        return f"script lldb.debugger.HandleCommand({command!r})"

    def break_at(self, text, source=MAIN, once=False):
        return f"breakpoint set {'-o true ' if once else ''}-f {file_of(source)} -l {line_of(text, source)}"

    def break_function(self, name):
        return f"breakpoint set -o true -n {name}"

    def session_with_core(self, core, *commands):
        self.standing_still(f"process save-core --style modified-memory {core}")
        return lldb(f'target create --core {core} "{COROUTINES}"', *commands, program=COROUTINES)[1:]

    def walk_with(self, step, text, steps, source=MAIN, program=None, before=()):
        output = lldb(self.break_at(text, source, once=True), "run", *before, *(steps * [step]), program=program)[2:]
        numbers = [re.search(self.stop_line, stop) for stop in output]
        return [statement(source[int(number[1]) - 1]) for number in numbers if number]

    def stops_at_markers(self):
        names = sorted({name for names in MARKERS.values() for name in names})
        breaks = [f"breakpoint set -f main.cpp -l {line}" for line in marked_lines()]
        # LLDB stops once where several threads have come to a breakpoint at the same time: ask each thread.
        values = (
            "script print([(str(f), [(v.name, str(v)) for v in f.GetVariables(True, True, False, True)]) for f in "
            "[t.frame[0] for t in lldb.process if t.GetStopReason() == lldb.eStopReasonBreakpoint]])"
        )
        output = lldb(*breaks, "run", *(25 * [values, "continue"]))[len(breaks) + 1 :]
        stops = []
        for stopped in output[::2]:
            threads_ = re.search(r"^\[\(.*", stopped, re.M)
            for frame, variables in ast.literal_eval(threads_[0]) if threads_ else ():
                stops.append((int(re.search(r"at main\.cpp:(\d+)", frame)[1]), dict(variables)))
        self.assertTrue(all(name in {name for _, values in stops for name in values} for name in names))
        return stops

    def test_stack_at_markers(self):
        breaks = [self.break_at(text) for text, *_ in STACKS]
        output = lldb(*breaks, "run", *(20 * ["async-bt", "continue"]))[len(breaks) + 1 :: 2]
        stacks = [stack(backtrace) for backtrace in output]
        for text, _condition, expected in STACKS:
            line = statement(MAIN[line_of(text) - 1])
            with self.subTest(text=text):
                name, arguments = expected[0][:2]
                if on_worker := name == "async_task":  # whichever LLDB selects of those that stop at the same time
                    arguments = "task_id=[123], fail=false"
                found = [frames for frames in stacks if frames and frames[0][0] == name and frames[0][2:] == (line,)]
                found = [frames for frames in found if re.fullmatch(arguments, frames[0][1])]
                self.assertIn(expected[1:], [frames[1 : len(expected)] for frames in found], output)
                outer = [frame[0] if isinstance(frame, tuple) else frame for frame in found[-1][len(expected) :]]
                self.assertRegex(" ".join(outer), THREAD if on_worker else "^run main$", output)

    def test_stack_below_a_helper_coroutine(self):
        # Clang puts a part of a co_await into a function of its own, which is no coroutine: go on to there, too.
        stop = "lldb.target.GetBreakpointAtIndex(0)"
        to_wrapper = ("script print([place.SetEnabled('await_suspend' in place.GetAddress().function.name) "
                      f"for place in {stop}.locations], {stop}.locations)")
        *_, at_line, wrappers, _continue, within = lldb(
            self.break_at("Fetching data"), "run", "breakpoint delete -f", self.break_at(SLEEPING), "continue",
            "async-bt", to_wrapper, "continue", "async-bt")  # fmt: skip
        callers = [("fetch_data", "id=1", "co_await sleep_for(100ms);"), FETCHING]
        self.assertEqual(stack(at_line)[:3], [("sleep_for", "duration=100ms", SLEEPING), *callers], at_line)
        if "__await_suspend_wrapper__" in wrappers:
            names = [frame[0] for frame in stack(within)][:3]
            self.assertEqual(names, ["sleep_for", "async_task", "[waits for task] join_tasks"], within)

    def test_stack_where_a_task_throws(self):
        *_, backtrace = lldb("breakpoint set -E c++", "run", "async-bt", arguments="--fail 2")
        line = 'if (fail) throw std::runtime_error{"simulated failure"};'
        self.assertIn(("async_task", "task_id=2, fail=true", line), stack(backtrace), backtrace)

    def test_stack_outside_coroutines(self):
        *_, backtrace = lldb("breakpoint set -n main", "run", "async-bt")
        self.assertIn("`main(", backtrace)

    def test_stack_of_other_coroutines(self):
        line = line_of("chain: innermost", OTHER)
        *_, backtrace = lldb(f"breakpoint set -f coroutines.cpp -l {line}", "run", "async-bt", program=COROUTINES)
        found = stack(backtrace, OTHER)
        names = r"^net::pause_for.* net::session::serve listen.*(lambda|operator).* listen( |$)"
        self.assertRegex(" ".join(str(frame[0]) for frame in found), names, backtrace)
        lines = ["std::puts(reason.c_str());", 'served += co_await pause_for(10ms, "served");',
                 "const int served = co_await session.serve(rounds);", "co_await attempt(2);"]  # fmt: skip
        self.assertEqual([frame[2] for frame in found[:4]], lines, backtrace)

    def test_async_next_over_every_co_await_of_the_main_thread(self):
        start = [f"breakpoint set -o true -f main.cpp -l {line_of('Starting async')}", "run"]
        output = lldb(*start, *(22 * ["async-next"]))
        numbers = [re.search(r"at main\.cpp:(\d+)", stop) for stop in output[2:]]
        lines = [statement(MAIN[int(number[1]) - 1]) for number in numbers if number]
        body = map(statement, MAIN[line_of("Starting async") : line_of("co_return all_succeeded") - 1])
        body = [line for line in body if line not in ("", "}")]
        head = next(number for number, line in enumerate(body) if re.match(r"for \(.*\{$", line))
        rounds = body[:head] + 3 * body[head : head + 2]
        self.assertEqual([line for line in lines if line != "}"][: len(rounds)], rounds)

    def test_async_next_stays_with_one_of_eight_instances(self):
        start = [f"breakpoint set -o true -f coroutines.cpp -l {line_of('walk: start', OTHER)}", "run"]
        *output, breakpoints = lldb(*start, *(17 * ["async-next"]), "breakpoint list", program=COROUTINES)
        numbers = [re.search(r"at coroutines\.cpp:(\d+)", stop) for stop in output[2:]]
        lines = [statement(OTHER[int(number[1]) - 1]) for number in numbers if number]
        body = [statement(OTHER[number]) for number in range(
            line_of("walk: start", OTHER), line_of("walk: pause", OTHER))]  # fmt: skip
        end = statement(OTHER[line_of("walk: end", OTHER) - 1])
        self.assertEqual([line for line in lines if line != "}"][: 3 * len(body) + 2], [*3 * body, body[0], end])


if __name__ == "__main__":
    unittest.main(verbosity=2)
