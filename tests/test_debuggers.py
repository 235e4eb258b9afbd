"""Tests what README.md promises about stepping through the program, in GDB and in LLDB.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_debuggers.py GDBTest

Both programs are built with -O0 -g. A debugger stops the clock: nothing here depends on time.
"""

import ast
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
SOURCE = TESTS.parent / "src"
PROGRAM = os.environ.get("ASYNC_EXAMPLE", "")
COROUTINES = os.environ.get("COROUTINES", "")
GDB = os.environ.get("GDB", "")
LLDB = os.environ.get("LLDB", "")
TIMEOUT = 300  # seconds; only for what hangs

MAIN = (SOURCE / "main.cpp").read_text("utf-8").splitlines()
OTHER = (TESTS / "coroutines.cpp").read_text("utf-8").splitlines()

# The statement below each marker, and what its comment speaks of: the values in all stops there, in any order.
TASKS = [1, 2, 3]
OUTCOMES = r"(?s)result = 10\b.*?result = 20\b.*?result = 30\b"
MARKERS = {
    'trace(fmt::format("Fetched data': {"data": '"Data_1"'},
    "const bool all_succeeded = report(": {"outcomes": OUTCOMES},
    'trace(fmt::format("Fetching data': {"id": [1]},
    'co_return fmt::format("Data_{}"': {"id": [1]},
    "std::chrono::milliseconds delay{": {"task_id": TASKS},
    "co_return task_id * 10;": {"task_id": TASKS},
    'trace(fmt::format("Processing item': {"item": TASKS},
}
SCREEN = 50  # lines
THREAD = r"^((start_thread|\?\?) (\w*clone\w*|\?\?))?$"  # where a thread begins; without libc's symbols, ?? or nothing


def line_of(text, source=None):
    """The number of the line that holds `text`, which must be the only one."""
    source = source or MAIN
    numbers = [number for number, line in enumerate(source, 1) if text in line]
    assert len(numbers) == 1, f"{text!r} is in lines {numbers}"
    return numbers[0]


def marked_lines():
    """The line below each marker."""
    return [number + 1 for number, line in enumerate(MAIN, 1) if "// Breakpoint: " in line]


def run(command):
    """What the command prints."""
    both = {"env": os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, **both, encoding="utf-8", timeout=TIMEOUT, check=False
    ).stdout


def gdb(*commands, arguments="", program=None):
    """Runs a session with the helper loaded. Returns the output of each command."""
    before = ["set width 0", "set confirm off", "set style enabled off", "set debuginfod enabled off"]
    options = [f"--eval-command={command}" for command in [*before, f"set args {arguments} >/dev/null"]]
    for command in commands:
        options += [r"--eval-command=echo <<<\n", f"--eval-command={command}"]
    output = run([GDB, "-nx", "-batch", "-x", SOURCE / "debugger" / "asio_gdb.py", *options, program or PROGRAM])
    assert "Python Exception" not in output and "Traceback" not in output, output
    return output.split("<<<\n")[1:]


def lldb(*commands, arguments="", program=None):
    """Runs a session with the helper loaded. Returns the output of each command."""
    options = []
    launch = f"process launch -o /dev/null -- {arguments}"
    for command in [f"command script import {SOURCE / 'debugger' / 'asio_lldb.py'}", *commands]:
        options += ["-o", "script print('<<<')", "-o", launch if command == "run" else command]
    output = run([LLDB, "--no-lldbinit", "-b", *options, program or PROGRAM])
    assert "Traceback" not in output, output
    # LLDB repeats each command before its output.
    parts = re.split(r"^(?:\(lldb\) script .*\n)?<<<\n", output, flags=re.M)
    return [part.split("\n", 1)[-1] for part in parts[2:]]


def stack(backtrace, source=None):
    """The stack in a backtrace: (function, arguments, text of the line) of frames in `source`, functions of others."""
    frames = []
    for line in re.sub(r"std::(chrono::duration|vector of length \d+, capacity \d+) = \{[^}]*\}|size=\d", "...", backtrace).splitlines():
        parts = re.match(r"(?: *(?:frame )?#\d+:? +|    +)(?:0x\w+ in )?(.+?) ?\((.*?)\)(?: (?:at|from) (\S+?)(?::(\d+))?)?$", line)
        if parts and re.search(r"(main|coroutines)\.cpp$", parts[3] or ""):
            frames.append((parts[1], parts[2], (source or MAIN)[int(parts[4]) - 1].split("//")[0].strip()))
        elif parts:
            frames.append(parts[1])
    return frames


# What awaits what, as the backtrace at these lines has to show it: function, arguments, line.
FETCHING = ("async_main", "workers=..., failing_task=0", "const std::string data = co_await fetch_data(1);")
PROCESSING = ("async_main", "workers=..., failing_task=0", "co_await process_item(item);")
SLEEPING = "co_await timer.async_wait(asio::deferred);"
JOINING = [  # what waits for a task
    ("[waits for task] join_tasks", "workers=..., tasks=...",
     "auto [order, errors, results] = co_await group.async_wait(asio::experimental::wait_for_all(), std::move(token));"),
    ("async_main", "workers=..., failing_task=0",
     "const std::vector<outcome> outcomes = co_await join_tasks(workers, std::move(tasks));"),
]
IN_BODY = 'if $_caller_matches(".*coroutine_handle", 1)'  # not in what a compiler puts around the coroutine
STACKS = [
    ('trace(fmt::format("Fetching data', "", [("fetch_data", "id=1"), FETCHING]),
    ("co_return fmt::format(", "", [("fetch_data", "id=1"), FETCHING]),
    ('trace(fmt::format("Fetched data', "", [("async_main", "workers=..., failing_task=0")]),
    ("const bool all_succeeded = report(", "", [("async_main", "workers=..., failing_task=0")]),
    ("co_return outcomes;", "", [
        ("join_tasks", "workers=..., tasks=..."),
        ("async_main", "workers=..., failing_task=0",
         "const std::vector<outcome> outcomes = co_await join_tasks(workers, std::move(tasks));"),
    ]),
    ('trace(fmt::format("Processing item', "", [("process_item", "item=1"), PROCESSING]),
    ('trace(fmt::format("Item {} processed', " if item == 3", [("process_item", "item=3"), PROCESSING]),
    ("std::chrono::milliseconds delay{", " if task_id == 2", [("async_task", "task_id=2, fail=false"), *JOINING]),
    ("co_return task_id * 10;", " if task_id == 2", [("async_task", "task_id=2, fail=false"), *JOINING]),
]


def tree(listing):
    """What async-tasks shows: (name, arguments, place and state or source text, [what is below it]) of each coroutine,
    those at the same level in an order that does not depend on addresses."""
    below = {-1: []}
    for line in listing.splitlines():
        if parts := re.match(r" *\d+  ((?:  )*)(\S.*?)\((.*?)\) at (\w+\.cpp):(\d+)(?: \[(.*)\]|: (.*))?$", line):
            depth, source = len(parts[1]) // 2, {"main.cpp": MAIN, "coroutines.cpp": OTHER}[parts[4]]
            text = source[int(parts[5]) - 1].split(" //")[0].strip()
            below[depth] = []
            values = re.sub(r"#\d", "", parts[3].replace('"', "'"))
            below[depth - 1].append((parts[2], values, parts[6] or parts[7] or text, below[depth]))
    return in_order(below[-1])


def in_order(nodes):
    return sorted((*node[:3], in_order(node[3])) for node in nodes)


# The coroutines that stand still at the end of coroutines.cpp.
def paused(reason):
    return [("net::pause_for", f"duration=..., reason='{reason}'", SLEEPING, [])]


def members(*numbers):
    waits = 'co_await net::pause_for(1h, "member");'
    return [("member", f"number={number}", waits, paused("member")) for number in numbers]


GROUPS = [("group", f"first={first}",
           "co_await members.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);",
           members(first, first + 1)) for first in (1, 3)]  # fmt: skip
STANDING = [
    ("both", "", "co_await (group(1) && group(3));", GROUPS),
    ("member", "number=6", "not started", []),
    ("on_strand", "strand=...", "co_await asio::co_spawn(strand, member(5), asio::use_awaitable);", members(5)),
    ("shadow", "value=1, numbers=2, numbers=3", 'co_await net::pause_for(1h, "shadow");', paused("shadow")),
]


class TreeTest:
    """All tasks, their parents, and a look into one of them: mixed into a test case for a debugger, which provides `run`,
    `break_at`, `backtrace`, `variables` and `expression`."""

    def number_of(self, name, listing):
        return int(re.search(rf"^ *(\d+) +{name}\(", listing, re.M)[1])

    def test_tasks_that_stand_still(self):
        *_, listing = self.run_commands(self.break_at("standing still", OTHER), "run", "async-tasks", program=COROUTINES)
        self.assertEqual(tree(listing), STANDING, listing)

    def test_tasks_in_flight(self):
        place = self.break_at("if (fail) throw")  # the first task is there, the others wait
        *_, listing = self.run_commands(place, "run", "async-tasks")
        ((name, _arguments, _text, joining),) = tree(listing)
        self.assertEqual(name, "async_main")
        ((name, _arguments, _text, tasks),) = joining
        self.assertEqual(name, "join_tasks")
        self.assertEqual([task[:2] for task in tasks], [("async_task", f"task_id={n}, fail=false") for n in TASKS])
        self.assertTrue(any(task[2].startswith("running on thread") for task in tasks), listing)

    def test_stack_goes_on_with_what_waits_for_a_task(self):
        *_, backtrace = self.run_commands(self.break_at("milliseconds delay{"), "run", self.backtrace)
        self.assertEqual([frame[0] for frame in stack(backtrace)][1:3], ["[waits for task] join_tasks", "async_main"])

    def test_work_inside_a_coroutine(self):
        start = [self.break_at("standing still", OTHER), "run", "async-tasks"]
        listing = self.run_commands(*start, program=COROUTINES)[-1]
        shadow, group = self.number_of("shadow", listing), self.number_of("group", listing)
        variables, call, after, again = self.run_commands(
            *start, f"async-in {shadow} {self.variables}", f"async-in {group} {self.expression} last - first",
            self.backtrace, "async-tasks", program=COROUTINES)[-4:]  # fmt: skip
        self.assertRegex(variables, r"same = 0\.5")
        self.assertRegex(variables, r'same = "outer"')
        self.assertRegex(variables, "sum = 6")
        self.assertRegex(call, r"= 1\b")
        self.assertIn("standing_still", after)
        self.assertEqual(tree(again), STANDING)
        failed = self.run_commands(*start, f"async-in {shadow} {self.expression} nowhere", program=COROUTINES)[-1]
        self.assertIn("nowhere", failed)

    def test_what_cannot_be_done_is_said_in_one_sentence(self):
        place = self.break_at("standing still", OTHER)
        for commands, sentence in [
            (["async-tasks"], "The program is not being run."),
            ([place, "run", "async-in 1 bt"], "async-in takes the numbers that async-tasks has shown at this stop"),
            ([place, "run", "async-tasks", "async-in 99 bt"], "async-tasks has shown no number 99."),
            ([place, "run", "async-tasks", "async-in 1 continue"], "async-in takes commands that look"),
            (["async-step maybe"], "async-step takes on or off."),
        ]:
            with self.subTest(commands=commands):
                self.assertIn(sentence, self.run_commands(*commands, program=COROUTINES)[-1])

    def test_next_walks_as_async_next_does(self):
        lines = self.walk_with("next", 'trace(fmt::format("Fetching', 10)
        self.assertEqual(lines, self.walk_with("async-next", 'trace(fmt::format("Fetching', 10))
        self.assertEqual(lines[:2], ["co_await sleep_for(100ms);", 'co_return fmt::format("Data_{}", id);'])

    def test_async_step_off(self):
        place, after = 'trace(fmt::format("Fetching', 'co_return fmt::format("Data_{}", id);'
        self.assertEqual(self.walk_with("next", place, 2)[-1], after)
        self.assertNotIn(after, self.walk_with("next", place, 4, before=["async-step off"]))
        self.assertIn(after, self.walk_with("next", place, 2, before=["async-step off", "async-step on"]))

    def test_next_in_a_frame_that_is_used_again(self):
        output = "".join(self.run_commands(self.break_at("visit: end", OTHER, once=True), "run", "next", program=COROUTINES)[2:])
        self.assertNotRegex(output, r"\bvisit \(")
        self.assertIn("exited", output)

    def test_next_at_a_throw(self):
        lines = self.walk_with(self.over_throw, "risky: throw", 3, OTHER, COROUTINES)
        lines = [line for line in lines if line not in ("}", "co_await risky(0);")]
        self.assertRegex(lines[0], "catch|error.what")
        self.assertIn("std::puts(", lines[-1])


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
class GDBTest(TreeTest, MarkerTest, unittest.TestCase):
    maxDiff = None
    backtrace, variables, expression, over_throw = "bt", "info locals", "print", "next"

    def run_commands(self, *commands, program=None):
        return gdb(*commands, program=program)

    def break_at(self, text, source=None, once=False):
        return f"{'tbreak' if once else 'break'} {'coroutines' if source else 'main'}.cpp:{line_of(text, source)}"

    def walk_with(self, step, text, steps, source=None, program=None, before=()):
        output = gdb(self.break_at(text, source), "run", *before, *(steps * [step]), program=program)[2:]
        numbers = [int(number[1]) for stop in output if (number := re.search(r"^(\d+)\t", stop, re.M))]
        source = source or MAIN
        return [source[number - 1].split(" //")[0].strip() if number <= len(source) else "" for number in numbers]

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
        self.assertRegex(" ".join(outer), THREAD if on_worker else "^main$", backtrace)

    def test_stack_at_markers(self):
        for text, condition, expected in STACKS:
            with self.subTest(text=text):
                line = line_of(text)
                *_, backtrace = gdb(f"break main.cpp:{line}{condition}", "run", "bt")
                self.assert_stack(backtrace, expected, MAIN[line - 1].split("//")[0].strip())

    def test_stack_below_a_helper_coroutine_and_a_function(self):
        sleeping = ("sleep_for", "duration=...", SLEEPING)
        callers = [("fetch_data", "id=1", "co_await sleep_for(100ms);"), FETCHING]
        *_, backtrace = gdb(f"break main.cpp:{line_of(SLEEPING)}", "run", "bt")
        self.assert_stack(backtrace, [sleeping, *callers])

        *_, backtrace = gdb(f"tbreak main.cpp:{line_of('milliseconds delay{')} if task_id == 3", "run", "set $it = $_thread",
                            f"break main.cpp:{line_of(SLEEPING)} if $_thread == $it", "continue", "bt")  # fmt: skip
        self.assert_stack(backtrace, [sleeping, ("async_task", "task_id=3, fail=false", "co_await sleep_for(delay);"), *JOINING])

        processing = line_of('trace(fmt::format("Processing item')
        *_, backtrace = gdb(f"tbreak main.cpp:{processing}", "run", "break trace", "continue", "bt")
        text = 'trace(fmt::format("Processing item: {}", item));'
        self.assertEqual(stack(backtrace)[1:3], [("process_item", "item=1", text), PROCESSING], backtrace)

    def test_stack_where_a_task_throws(self):
        *_, backtrace = gdb("catch throw", "run", "bt", arguments="--fail 2")
        throw = next(number for number, frame in enumerate(stack(backtrace)) if frame[0] == "async_task")
        line = 'if (fail) throw std::runtime_error{"simulated failure"};'
        self.assertEqual(stack(backtrace)[throw], ("async_task", "task_id=2, fail=true", line), backtrace)
        self.assertNotRegex(backtrace, "asio::|coroutine_handle")

    def test_stack_of_other_coroutines(self):
        line = line_of("chain: innermost", OTHER)
        *_, backtrace = gdb(f"break coroutines.cpp:{line}", "run", "bt", program=COROUTINES)
        found = stack(backtrace, OTHER)
        self.assertRegex(found[0][0], r"^net::pause_for(<std::chrono::duration<.*>)?$", backtrace)
        self.assertEqual(found[0][1:], ('duration=..., reason="served"', 'std::puts(reason.c_str());'), backtrace)
        self.assertRegex(found[1][0], r"^net::session::serve$", backtrace)
        self.assertRegex(found[1][1], r"rounds=2$", backtrace)
        self.assertEqual(found[1][2], 'served += co_await pause_for(10ms, "served");', backtrace)
        self.assertRegex(found[2][0], r"^listen::\{lambda\}$", backtrace)
        self.assertEqual(found[2][2], "const int served = co_await session.serve(rounds);", backtrace)
        self.assertEqual((found[3][0], found[3][2]), ("listen", "co_await attempt(2);"), backtrace)

    def test_less_and_more_of_the_stack(self):
        line = line_of('trace(fmt::format("Fetching data')
        *_, two, last, raw, full, _off, filtered_off = gdb(
            f"break main.cpp:{line}", "run", "bt 2", "bt -1", "bt -no-filters", "bt full",
            "disable frame-filter global asio", "bt")  # fmt: skip
        self.assertEqual([frame[0] for frame in stack(two)], ["fetch_data", "async_main"])
        self.assertEqual([frame[0] for frame in stack(last)], ["main"])
        self.assertIn("awaitable_frame_base", raw)
        self.assertEqual(raw, filtered_off)
        self.assertIn("main_context = ", full)

    def test_stack_outside_coroutines_is_unchanged(self):
        for place in "main", "epoll_wait":
            *_, filtered, raw = gdb(f"break {place}", "run", "bt", "bt -no-filters")
            self.assertIn("#0 ", raw)
            self.assertEqual(filtered, raw)

    def test_core_dump(self):
        with tempfile.TemporaryDirectory() as folder:
            core = os.path.join(folder, "core")
            gdb(self.break_at("standing still", OTHER), "run", f"gcore {core}", program=COROUTINES)
            _loaded, listing, stepped = gdb(f"core-file {core}", "async-tasks", "async-next", program=COROUTINES)
        self.assertEqual(tree(listing), STANDING, listing)
        self.assertEqual(stepped, "The program is not being run.\n")

    def test_unreadable_stack(self):
        line = line_of('trace(fmt::format("Fetching data')
        resume = "python next(f for f in stack() if f.name() and 'awaitable_frame_base' in f.name()).select()"
        *_, backtrace = gdb(f"break main.cpp:{line}", "run", resume, "set var this->caller_ = 16", "frame 0", "bt")
        self.assertEqual([frame[0] for frame in stack(backtrace)][::2], ["fetch_data", "main"], backtrace)
        self.assertIn("(not all coroutines are readable: ", backtrace)

    def walk(self, start, steps, program=None, source=None):
        """The texts of the lines at which async-next stops, from `start` on, and what is left behind."""
        *before, breakpoints, internal = gdb(
            *start, *(steps * ["async-next"]), "info breakpoints", "maint info breakpoints", program=program)
        numbers = [re.search(r"^(\d+)\t", stop, re.M) for stop in before[-steps:]]
        self.assertIn("No breakpoints", breakpoints)
        self.assertNotRegex(internal, r"(?m)^-\d+ +breakpoint .*\.cpp:")
        return [(source or MAIN)[int(number[1]) - 1].split("//")[0].strip() for number in numbers if number]

    def test_async_next_over_every_co_await_of_the_main_thread(self):
        lines = self.walk([f"tbreak main.cpp:{line_of('asio::steady_timer timer')} {IN_BODY}", "run"], 5)
        awaits = [SLEEPING, 'co_return fmt::format("Data_{}", id);']
        self.assert_in_order(awaits, lines)

        lines = self.walk([f"tbreak main.cpp:{line_of('Starting async')}", "run"], 24)
        main = MAIN[line_of("Starting async") : line_of("co_return all_succeeded") - 1]
        body = [line.split("//")[0].strip() for line in main if line.split("//")[0].strip()]
        once = [line for line in lines if line != "}"]
        loop = [line for line in body if line != "}"]
        head = next(number for number, line in enumerate(loop) if re.match(r"for \(.*\{$", line))
        rounds = loop[:head] + 3 * loop[head : head + 2] + [loop[head]] + loop[head + 2 :]
        self.assertEqual(once[: len(rounds)], rounds)

        lines = self.walk([f"tbreak main.cpp:{line_of('make_parallel_group(')} {IN_BODY}", "run"], 20)
        self.assert_in_order(["co_return outcomes;"], lines)

        lines = self.walk([f"tbreak main.cpp:{line_of('Processing item')}", "run"], 5)
        awaits = ["co_await sleep_for(50ms);", 'trace(fmt::format("Item {} processed", item));', "for ("]
        self.assert_in_order(awaits, lines)

    def assert_in_order(self, expected, lines):
        """Each of the expected texts begins one of the lines, in this order."""
        rest = iter(lines)
        self.assertTrue(all(any(line.startswith(text) for line in rest) for text in expected), lines)

    def test_async_next_stays_in_the_task_it_started_in(self):
        for task in 1, 2, 3:
            start = [f"tbreak main.cpp:{line_of('milliseconds delay{')} if task_id == {task}", "run"]
            *_, last, task_id = gdb(*start, *(4 * ["async-next"]), "output task_id")
            self.assertEqual(task_id.split()[-1], str(task))
            lines = self.walk(start, 5)
            after = MAIN[line_of('co_await sleep_for(delay);') - 1 : line_of("co_return task_id * 10;")]
            texts = [line.strip() for line in after if not line.strip().startswith("//")]
            self.assertEqual(lines[:-1], texts)
            # At the end of the task, and so of the last of the three, the one that waits for them goes on.
            self.assertRegex(lines[-1], r"co_await group\.async_wait|outcomes")

    def test_async_next_stays_with_one_of_eight_instances(self):
        lines = self.walk(
            [f"tbreak coroutines.cpp:{line_of('walk: start', OTHER)} if walker == 5", "run"], 21, COROUTINES, OTHER)
        body = [OTHER[number].split("//")[0].strip() for number in range(
            line_of("walk: start", OTHER), line_of("walk: pause", OTHER))]
        end = [OTHER[line_of(text, OTHER) - 1].split("//")[0].strip() for text in ("walk: end", "walk: over")]
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
        *_, first, second = gdb(f"break main.cpp:{line_of('lock{mutex}')}", "run", "next", "async-next")
        self.assertIn("thread_name.empty()", first)
        self.assertIn("elapsed =", second)


@unittest.skipUnless(LLDB, "no LLDB")
class LLDBTest(TreeTest, MarkerTest, unittest.TestCase):
    maxDiff = None
    backtrace, variables, expression, over_throw = "async-bt", "frame variable", "expression --", "async-next"

    def run_commands(self, *commands, program=None):
        return lldb(*commands, program=program)

    def break_at(self, text, source=None, once=False):
        file = "coroutines.cpp" if source else "main.cpp"
        return f"breakpoint set {'-o true ' if once else ''}-f {file} -l {line_of(text, source)}"

    def walk_with(self, step, text, steps, source=None, program=None, before=()):
        output = lldb(self.break_at(text, source), "run", *before, *(steps * [step]), program=program)[2:]
        numbers = [re.search(r" at (?:main|coroutines)\.cpp:(\d+)", stop) for stop in output]
        return [(source or MAIN)[int(number[1]) - 1].split(" //")[0].strip() for number in numbers if number]

    def stops_at_markers(self):
        names = sorted({name for names in MARKERS.values() for name in names})
        breaks = [f"breakpoint set -f main.cpp -l {line}" for line in marked_lines()]
        # LLDB stops once where several threads have come to a breakpoint at the same time: ask each thread.
        values = (
            "script print([(str(t.frame[0]), [(v.name, str(v)) for v in t.frame[0].GetVariables(True, True, False, True)])"
            " for t in lldb.process if t.GetStopReason() == lldb.eStopReasonBreakpoint])"
        )
        output = lldb(*breaks, "run", *(25 * [values, "continue"]))[len(breaks) + 1 :]
        stops = []
        for stopped in output[::2]:
            for frame, variables in ast.literal_eval(re.search(r"^\[.*", stopped, re.M)[0] if "[(" in stopped else "[]"):
                stops.append((int(re.search(r"at main\.cpp:(\d+)", frame)[1]), dict(variables)))
        self.assertTrue(all(name in {name for _, values in stops for name in values} for name in names))
        return stops

    def test_stack_at_markers(self):
        for text, _condition, expected in STACKS:
            with self.subTest(text=text):
                line = line_of(text)
                expected = [(*expected[0], MAIN[line - 1].split("//")[0].strip()), *expected[1:]]
                expected[0] = expected[0][:2] + expected[0][-1:]
                output = lldb(f"breakpoint set -f main.cpp -l {line}", "run", *(3 * ["async-bt", "continue"]))
                stacks = [stack(backtrace) for backtrace in output[2::2]]
                if expected[0][0] == "async_task":  # whichever LLDB selects of those that stop at the same time
                    expected = [stacks[0][0], *JOINING]
                    self.assertRegex(stacks[0][0][1], "^task_id=[123], fail=false$")
                self.assertIn(expected, [found[: len(expected)] for found in stacks], output)
                found = next(found for found in stacks if found[: len(expected)] == expected)
                outer = [frame[0] if isinstance(frame, tuple) else frame for frame in found[len(expected) :]]
                on_worker = any(function == "async_task" for function, *_ in expected)
                self.assertRegex(" ".join(outer), THREAD if on_worker else "^main$", output)

    def test_stack_below_a_helper_coroutine(self):
        *_, backtrace = lldb(f"breakpoint set -f main.cpp -l {line_of('Fetching data')}", "run", "breakpoint delete -f",
                             f"breakpoint set -f main.cpp -l {line_of(SLEEPING)}", "continue", "async-bt")  # fmt: skip
        callers = [("fetch_data", "id=1", "co_await sleep_for(100ms);"), FETCHING]
        self.assertEqual(stack(backtrace)[:3], [("sleep_for", "duration=...", SLEEPING), *callers], backtrace)

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
        lines = [MAIN[int(number[1]) - 1].split("//")[0].strip() for number in numbers if number]
        body = [line.split("//")[0].strip() for line in MAIN[line_of("Starting async") : line_of("co_return all_succeeded") - 1]]
        body = [line for line in body if line and line != "}"]
        head = next(number for number, line in enumerate(body) if re.match(r"for \(.*\{$", line))
        rounds = body[:head] + 3 * body[head : head + 2]
        self.assertEqual([line for line in lines if line != "}"][: len(rounds)], rounds)

    def test_async_next_stays_with_one_of_eight_instances(self):
        start = [f"breakpoint set -o true -f coroutines.cpp -l {line_of('walk: start', OTHER)}", "run"]
        *output, breakpoints = lldb(*start, *(17 * ["async-next"]), "breakpoint list", program=COROUTINES)
        numbers = [re.search(r"at coroutines\.cpp:(\d+)", stop) for stop in output[2:]]
        lines = [OTHER[int(number[1]) - 1].split("//")[0].strip() for number in numbers if number]
        body = [OTHER[number].split("//")[0].strip() for number in range(
            line_of("walk: start", OTHER), line_of("walk: pause", OTHER))]  # fmt: skip
        end = OTHER[line_of("walk: end", OTHER) - 1].split("//")[0].strip()
        self.assertEqual([line for line in lines if line != "}"][: 3 * len(body) + 2], [*3 * body, body[0], end])


if __name__ == "__main__":
    unittest.main(verbosity=2)
