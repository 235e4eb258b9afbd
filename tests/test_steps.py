"""Tests Step Over, Step Into and Step Out together, as a user presses them: in editors and on command lines.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_steps.py GDBConsoleTest    (or GDBMITest, GDBDAPTest)
    ASYNC_EXAMPLE=<path> COROUTINES=<path> LLDB=<path> python3 test_steps.py LLDBConsoleTest    (or LLDBDAPTest)

Both programs are built with -O0 -g. No test depends on how long something takes.
"""

import contextlib
import os
import pty
import re
import select
import subprocess
import tty
import unittest
from typing import Any

import test_editors as editors
from common import COROUTINES, GDB, LLDB, MAIN, OTHER, PROGRAM, TIMEOUT
from common import file_of, line_of, threads, wait_for
from console import Console
from test_editors import Frame, Stop, Told, wait_asleep

OVER, INTO, OUT = "over", "into", "out"

# Each walk: where it begins, then each step and the statement at which it ends.
FETCH = 'trace("== Phase 1', [
    (OVER, "const std::string data = co_await fetch_data(1);"),
    (INTO, 'trace("Fetching data for id: {}", id);'),
    (OVER, "co_await sleep_for(100ms);"),
    (INTO, "asio::steady_timer timer{co_await asio::this_coro::executor, duration};"),
    (OUT, 'co_return fmt::format("Data_{}", id);'),
    (OUT, 'trace("Fetched data: {}", data);'),
    (OVER, 'trace("== Phase 2: parallel tasks ==");'),
]  # fmt: skip
JOIN = 'trace("== Phase 2', [
    (OVER, "std::vector<asio::awaitable<std::uint32_t>> tasks;"),
    (OVER, "for (std::uint32_t id = 1; id <= 3; ++id) tasks.push_back("),
    (OVER, "const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks("),
    (INTO, "if (tasks.empty()) co_return"),
    (OUT, "const bool all_succeeded = report(outcomes);"),
    (INTO, "std::vector<std::uint32_t> results;"),
    (OUT, 'trace("== Phase 3: sequential loop ==");'),
    (OVER, "for (std::uint32_t item = 1; item <= 3; ++item) {"),
    *(3 * [
        (OVER, "co_await process_item(item);"),
        (INTO, 'trace("Processing item: {}", item);'),
        (OUT, "for (std::uint32_t item = 1; item <= 3; ++item) {"),
    ]),
    (OVER, 'trace("Async example completed");'),
    # LLDB 22 takes the first line for a part of the prologue that GCC 14.2 has made.
    (INTO, ("const std::string text = fmt::format(", "const std::lock_guard lock{")),
    (OUT, "co_return all_succeeded;"),
]  # fmt: skip
SLEEP = 'trace("Processing item', [
    (OVER, "co_await sleep_for(50ms);"),
    (INTO, "asio::steady_timer timer{co_await asio::this_coro::executor, duration};"),
    (INTO, "co_await timer.async_wait(asio::deferred);"),
    (INTO, 'trace("Item {} processed", item);'),  # as over: who sleeps here is done
    (OUT, ("co_await process_item(item);", "for (std::uint32_t item = 1; item <= 3; ++item) {")),
]  # fmt: skip
TASK = "std::chrono::milliseconds delay{", [
    (OVER, "co_await sleep_for(delay);"),
    (INTO, "asio::steady_timer timer{co_await asio::this_coro::executor, duration};"),
    (OUT, 'trace("Task {} {}", task_id, fail ? "throwing" : "completed");'),
    (OUT, ("auto [order, errors, results] = co_await std::move(joined);", "std::vector<outcome<T>> outcomes;")),
    (OUT, ("const std::vector<outcome<std::uint32_t>> outcomes =", "const bool all_succeeded = report(outcomes);")),
]  # fmt: skip
CHAIN = "chain: start", [
    (OVER, "co_await attempt(2);"),
    (INTO, "const int served = co_await session.serve(rounds);"),
    (INTO, "int served = 0;"),
    (INTO, "while (served < rounds) {"),
    (OVER, 'served += co_await pause_for(10ms, "served");'),
    (INTO, "asio::steady_timer timer{co_await asio::this_coro::executor, duration};"),
    (INTO, "co_await timer.async_wait(asio::deferred);"),
    (INTO, "std::puts(reason.c_str());"),
    (OUT, "while (served < rounds) {"),
    (OUT, "co_return served;"),
    (OUT, 'std::puts("listened");'),
]  # fmt: skip
NESTED = "nested: start", [
    (OVER, "co_await generic(1.5);"),
    (INTO, "co_await object.on_lvalue(static_cast<int>(value));"),
    (INTO, "co_await (*this)(value + 1);"),
    (INTO, "co_await hidden(depth + 1);"),
    (INTO, "co_await pack(depth, 2L, 3.5, 'c');"),
    (INTO, 'std::printf("%d\\n", (first + ... + static_cast<int>(rest)));'),
    (OVER, "co_await operate(asio::use_awaitable);"),
]  # fmt: skip
UNDEBUGGED = "const int number = co_await undebugged(1);", [
    (INTO, "number += 1;"),
    (OVER, "co_return number;"),
    (OUT, 'std::printf("%d\\n", number);'),
]  # fmt: skip
ARGUMENT = "arguments: start", [
    (OVER, "number += co_await raced(add(1, 2));"),
    (INTO, "const int sum = left + right;"),
    (OUT, "number += co_await raced(add(1, 2));"),
    (INTO, 'std::puts("raced");'),
    (OUT, "asio::awaitable<int> task = raced(4);"),
]  # fmt: skip
TASK_AND_SPAWN = "arguments: start", [
    (OVER, "number += co_await raced(add(1, 2));"),
    (OVER, "asio::awaitable<int> task = raced(4);"),
    (OVER, "number += co_await std::move(task);"),
    (INTO, 'std::puts("raced");'),
    (OUT, "number += co_await asio::co_spawn(executor, raced(number), asio::use_awaitable);"),
    (INTO, 'std::printf("%d\\n", number);'),  # as over
]  # fmt: skip
THROW = "co_await risky(0);", [
    (INTO, "const int value = co_await net::pause_for("),
    (OVER, "if (value > limit) throw"),
    (OUT, ("co_await risky(0);", "} catch (const std::exception& error) {", "std::puts(error.what());")),
]  # fmt: skip
RECURSION = "recursion: start", [
    (OVER, "if (depth > 0) below = co_await recurse(depth - 1);"),
    *(3 * [
        (INTO, "int below = 0;"),
        (OVER, "if (depth > 0) below = co_await recurse(depth - 1);"),
    ]),
    *(3 * [(OUT, "if (depth == 0) below = co_await net::pause_for(")]),
]  # fmt: skip
WALKER = "walk: start", [
    (OVER, "for (int round = 0; round < 3; ++round) {"),
    *(3 * [
        (INTO, "timer.expires_after(std::chrono::milliseconds{1 + walker % 3});"),
        (INTO, "co_await timer.async_wait(asio::deferred);"),
        (INTO, 'steps += co_await net::pause_for(1ms, "step");'),
        (INTO, "asio::steady_timer timer{co_await asio::this_coro::executor, duration};"),
        (OUT, "for (int round = 0; round < 3; ++round) {"),
    ]),
    (INTO, "co_return steps;"),
    (OUT, ("const int steps = co_await walk(walker);", 'std::printf("walker %d: %d steps\\n", walker, steps);')),
]  # fmt: skip


def is_clangs(program):
    """Whether Clang has built it."""
    with open(program, "rb") as file:
        return b"clang version" in file.read()


class MIEditor(editors.MIEditor):
    """GDB's machine interface."""

    keys = {OVER: "-exec-next", INTO: "-exec-step", OUT: "-exec-finish"}
    reasons = {"step", "function-finished"}  # out of a plain function it is told as without the helper

    def begin(self, kind, stop):
        self.command(f"{self.keys[kind]} --thread {stop.thread}")

    def go(self, kind, stop):
        return self.stopped(f"{self.keys[kind]} --thread {stop.thread}")


class DAPEditor(editors.DAPEditor):
    """GDB's own DAP server."""

    keys = {OVER: "next", INTO: "stepIn", OUT: "stepOut"}
    reasons = {"step"}

    def begin(self, kind, stop):
        self.unseen.clear()
        self.request(self.keys[kind], threadId=stop.thread)

    def go(self, kind, stop):
        return self.stopped(super().go(self.keys[kind], stop.thread))


class LLDBEditor(editors.LLDBEditor):
    """lldb-dap."""

    keys, reasons = DAPEditor.keys, DAPEditor.reasons
    begin = DAPEditor.begin

    def go(self, kind, stop):
        return self.stopped(super().go(self.keys[kind], stop.thread))


class ConsoleEditor(Console):
    """A debugger's command line, as an editor."""

    keys = {OVER: "next", INTO: "step", OUT: "finish"}
    reasons = {"step"}
    # What the debugger is started by, and what it is told and says, in its own words.
    debugger: Any
    prompt: Any
    settings: Any
    launch: Any
    stop_pattern: Any
    told_as: Any
    told_reasons: Any
    where: Any
    break_at: Any
    place: Any

    def __init__(self):
        super().__init__(self.debugger, self.prompt, timeout=TIMEOUT)
        self.told_stops = 0

    def start(self, program, source, lines):
        self.source = file_of(source)
        for setting in [*self.settings, f'file "{program}"']:
            self.type(setting)
        self.break_at(*lines)
        return self.stopped(self.launch)

    def stopped(self, command):
        said = self.type(command, self.stop_pattern)
        self.told_stops += len(re.findall(self.told_as, said, re.M))
        if re.search(r"exited (normally|with)", said):
            return Stop("end")
        reason = next((reason for pattern, reason in self.told_reasons.items() if re.search(pattern, said)), "step")
        where = self.type(self.where)
        assert "\n<" in where, (said, where)
        number, file, line = re.findall(r"^<(\d+) (.+) (\d+)>", where, re.M)[-1]
        # What it has shown, and where the thread is that is selected now.
        assert int(line) in map(int, re.findall(self.place, said, re.M)), said
        return Stop(reason, number, file, int(line))

    def go(self, kind, stop):
        return self.stopped(self.keys[kind])

    def run(self, stop):
        return self.stopped("continue")

    def begin(self, kind, stop):
        self.send(self.keys[kind])

    def told(self):
        return Told(self.told_stops, [])

    def console(self, command, _stop=None):
        return self.type(command)

    def interrupt(self, _stop):
        os.write(self.keyboard, b"\x03")
        return Stop("signal", 0)

    def disconnect(self):
        self.send("kill")


class GDBConsole(ConsoleEditor):
    """GDB's command line."""

    debugger = [GDB, "-q", "-nx", *editors.GDB_OPTIONS]
    prompt = stop_pattern = r"\(gdb\) $"
    settings = ["set width 0", "set pagination off", "set confirm off", "set style enabled off"]
    launch, told_as, place = "run >/dev/null", r"^\d+\t", r"^(\d+)\t"
    told_reasons = {r"(?i)breakpoint [\d.]+, ": "breakpoint", "received signal": "signal"}
    where = ('python s = gdb.selected_frame().find_sal(); '
             'print(f"<{gdb.selected_thread().num} {s.symtab and s.symtab.fullname()} {s.line}>")')  # fmt: skip
    hidden_breakpoints = editors.DAPEditor.hidden_breakpoints

    def break_at(self, *lines):
        self.type("delete")
        for line in lines:
            self.type(f"break {self.source}:{line}")

    def frames(self, stop):
        rows = re.findall(r"^(?:#\d+| ) +(?:0x\w+ in )?(.+?) \((.*?)\) at (.+):(\d+)$", self.type("bt 3"), re.M)
        return [Frame(name, dict(re.findall(r"(\w+)=([^,]*)", values)), file, int(line))
                for name, values, file, line in rows]  # fmt: skip

    def assign(self, variable, value, stop):
        self.type(f"set var {variable} = {value}")

    def pid(self):
        return int(re.findall(r"process (\d+)", self.type("info inferiors"))[0])


class LLDBConsole(ConsoleEditor):
    """LLDB's command line."""

    debugger = [LLDB, "--no-lldbinit", "-o", editors.LLDBEditor.commands[0]]
    prompt = r"\(lldb\) (?:\w+: .* DW_.*\n+)*$"  # what LLDB has to say of GCC's debug information comes at any time
    stop_pattern = rf"(?s)(stop reason = |exited with status|error: ).*{prompt}"
    settings = ["settings set use-color false", "settings set stop-line-count-before 0",
                "settings set stop-line-count-after 0"]  # fmt: skip
    launch, told_as = "process launch -o /dev/null", r"^Process \d+ stopped"
    place = r"^ +frame #0: .* at [^:\n]+:(\d+)"  # LLDB shows all threads that have a reason to stop
    told_reasons = {r"(?m)^\* .*stop reason = .*breakpoint": "breakpoint", r"(?m)^\* .*stop reason = signal": "signal"}
    where = ("script t = lldb.process.GetSelectedThread(); f = t.frame[0].line_entry; "
             "print(f'<{t.idx} {f.file.fullpath} {f.line}>')")  # fmt: skip
    hidden_breakpoints, frames = editors.LLDBEditor.hidden_breakpoints, editors.LLDBEditor.frames

    def break_at(self, *lines):
        self.type("breakpoint delete -f")
        for line in lines:
            self.type(f"breakpoint set -f {self.source} -l {line}")

    def assign(self, variable, value, stop):
        gcc = "frame_ptr->" if "frame_ptr" in self.type("frame variable") else ""
        self.type(f"expression {gcc}{variable} = {value}")

    def pid(self):
        return int(re.findall(r"(?i)process (\d+)", self.type("process status"))[0])


class StepsTest(unittest.TestCase):
    """The tests, for a debugger's Editor."""

    Editor: Any
    maxDiff: int | None = None
    resumes_steps = False  # whether the debugger resumes a step out that a breakpoint has come between

    @contextlib.contextmanager
    def session(self, program, source, *texts):
        """The editor, and the first stop at one of these lines."""
        lines = [line_of(text, source) for text in texts]
        with self.Editor() as editor:
            stop = editor.start(program, source, lines)
            self.assertEqual((stop.reason, stop.line in lines), ("breakpoint", True), stop)
            yield editor, stop

    def step_along(self, editor, stop, moves, look=lambda stop: None):
        """Makes these steps, without breakpoints. Returns the last stop, and what is seen at each."""
        editor.break_at()
        before, stops, seen = editor.told(), [stop], []
        for kind, expected in moves:
            # A compiler may visit the line of a co_await once more where that ends, and the end of a block.
            passed = tuple({"}", *(each.text for each in stops)})
            stops.append(editor.go(kind, stops[-1]))
            for _again in range(2):
                if stops[-1].text.startswith(passed) and not stops[-1].text.startswith(expected):
                    stops.append(editor.go(INTO if kind is INTO else OVER, stops[-1]))
            self.assertTrue(stops[-1].text.startswith(expected), (kind, expected, stops))
            self.assertIn(stops[-1].reason, editor.reasons, stops)
            seen.append(look(stops[-1]))
        self.assertEqual(editor.told(), Told(before.stops + len(stops) - 1, before.breakpoints), stops)
        return stops[-1], seen

    def walk(self, program, source, walk):
        start, moves = walk
        with self.session(program, source, start) as (editor, stop):
            stop, _ = self.step_along(editor, stop, moves)
            self.assert_runs_to_the_end(editor, stop)

    def assert_runs_to_the_end(self, editor, stop):
        """Nothing of a step is left in the program."""
        editor.break_at()
        self.assertEqual(editor.hidden_breakpoints(stop), [])
        self.assertEqual(editor.run(stop).reason, "end")

    def test_into_and_out_of_fetch_data(self):
        self.walk(PROGRAM, MAIN, FETCH)

    def test_into_and_out_of_join_tasks_and_report(self):
        self.walk(PROGRAM, MAIN, JOIN)

    def test_into_an_operation(self):
        self.walk(PROGRAM, MAIN, SLEEP)

    def test_out_of_a_task(self):
        self.walk(PROGRAM, MAIN, TASK)

    def test_lambdas_and_members(self):
        self.walk(COROUTINES, OTHER, CHAIN)

    def test_templates(self):
        self.walk(COROUTINES, OTHER, NESTED)

    def test_through_a_coroutine_without_lines(self):
        self.walk(COROUTINES, OTHER, UNDEBUGGED)

    def test_a_function_in_the_argument(self):
        if not is_clangs(COROUTINES):
            self.skipTest("GCC counts the code of the argument among the coroutine's last line")
        self.walk(COROUTINES, OTHER, ARGUMENT)

    def test_a_task_and_a_spawn(self):
        self.walk(COROUTINES, OTHER, TASK_AND_SPAWN)

    def test_out_by_an_exception(self):
        self.walk(COROUTINES, OTHER, THROW)

    def test_recursion(self):
        self.walk(COROUTINES, OTHER, RECURSION)

    def test_one_of_eight_on_three_threads(self):
        start, moves = WALKER
        with self.session(COROUTINES, OTHER, start) as (editor, stop):
            def walker(_stop):
                found = (frame.arguments.get("walker") for frame in editor.frames(_stop))
                return next((number for number in found if number), None)

            first = walker(stop)
            stop, seen = self.step_along(editor, stop, moves, walker)
            self.assertEqual(set(seen), {first})
            self.assert_runs_to_the_end(editor, stop)

    def test_breakpoint_on_the_way(self):
        for kind in INTO, OUT:
            with self.session(PROGRAM, MAIN, 'trace("Fetching data') as (editor, stop):
                stop, _ = self.step_along(editor, stop, [(OVER, "co_await sleep_for(100ms);")])
                if kind is OUT:
                    stop, _ = self.step_along(editor, stop, [(INTO, "asio::steady_timer timer{")])
                place = "co_await timer.async_wait(asio::deferred);" if kind is OUT else "asio::steady_timer timer{"
                editor.break_at(line_of(place))
                stop = editor.go(kind, stop)
                self.assertIn(stop.reason, ("breakpoint", "step") if kind is INTO else ("breakpoint",))
                self.assertTrue(stop.text.startswith(place), stop)
                if kind is OUT and self.resumes_steps:
                    editor.break_at()
                    stop = editor.run(stop)
                    awaiting = "co_await sleep_for(100ms);", "co_return fmt::format("
                    self.assertTrue(stop.text.startswith(awaiting), stop)
                self.assert_runs_to_the_end(editor, stop)

    def test_pause_on_the_way(self):
        for kind in INTO, OUT:
            with self.session(PROGRAM, MAIN, "std::chrono::milliseconds delay{") as (editor, stop):
                editor.assign("task_id", 360000, stop)
                stop, _ = self.step_along(editor, stop, [
                    (OVER, "co_await sleep_for(delay);"), (INTO, "asio::steady_timer timer{"),
                    (OVER, "co_await timer.async_wait(asio::deferred);")])  # fmt: skip
                pid = editor.pid()
                editor.begin(kind, stop)
                wait_asleep(pid)
                stop = editor.interrupt(stop)
                self.assertNotIn(stop.reason, ("step", "breakpoint", "end"))
                wait_for(lambda: not editor.hidden_breakpoints(stop), "end of the helper's breakpoints")
                editor.disconnect()
                wait_for(lambda: threads(pid) <= {"Z"}, "end of the program")

    def test_off_and_on(self):
        with self.session(PROGRAM, MAIN, 'trace("Fetching data') as (editor, stop):
            stop, _ = self.step_along(editor, stop, [(OVER, "co_await sleep_for(100ms);")])
            editor.console("async-step off", stop)
            stop = editor.go(INTO, stop)
            self.assertFalse(stop.text.startswith("asio::steady_timer"), stop)
            editor.console("async-step on", stop)
            editor.break_at(line_of('trace("== Phase 2'))
            stop = editor.run(stop)
            stop, _ = self.step_along(editor, stop, JOIN[1][:5])
            self.assert_runs_to_the_end(editor, stop)

    def test_outside_coroutines(self):
        """As without the helper."""
        found = []
        for setting in "on", "off":
            with self.session(PROGRAM, MAIN, "const std::string text = fmt::format(") as (editor, stop):
                editor.console(f"async-step {setting}", stop)
                editor.break_at()
                stops = [stop := editor.go(kind, stop) for kind in (OVER, OVER, OVER, OUT)]
                found.append([(stop.reason, stop.text) for stop in stops])
                self.assert_runs_to_the_end(editor, stop)
        self.assertEqual(*found)


@unittest.skipUnless(GDB, "no GDB")
class GDBConsoleTest(StepsTest):
    Editor = GDBConsole

    def test_a_step_that_fails_leaves_nothing_behind(self):
        with self.session(COROUTINES, OTHER, "walk: start") as (editor, stop):
            editor.break_at()
            for command in "next nosuch", "step nosuch", "finish nosuch":
                self.assertIn("nosuch", editor.console(command))
                self.assertEqual(editor.hidden_breakpoints(stop), [])
            self.assert_runs_to_the_end(editor, stop)

    def test_several_at_once(self):
        """As without the helper."""
        found = []
        for setting in "on", "off":
            with self.session(PROGRAM, MAIN, "const std::string text = fmt::format(") as (editor, stop):
                editor.break_at()
                editor.console(f"async-step {setting}")
                found.append([editor.stopped(command).text for command in ("next 2", "next 2")])
                self.assertEqual(editor.hidden_breakpoints(stop), [])
        self.assertEqual(*found)

    def test_what_goes_wrong_in_a_hook_is_said_once(self):
        with self.session(PROGRAM, MAIN, 'trace("== Phase 2') as (editor, stop):
            editor.break_at()
            editor.console("python import asio_coroutines.gdb.stepping as broken; broken.Step = None")
            before = len(editor.said)
            for text in "std::vector<asio::awaitable<", "for (std::uint32_t id = 1;":
                stop = editor.go(OVER, stop)
                if stop.text == "}":  # GCC's own
                    stop = editor.go(OVER, stop)
                self.assertTrue(stop.text.startswith(text), stop)
            self.assertEqual(editor.said[before:].count("The coroutine helpers do not work here: "), 1)

    def test_arguments_of_the_program_that_look_like_gdbs(self):
        with Console([*GDBConsole.debugger, "--args", COROUTINES, "-i", "mi"], GDBConsole.prompt, TIMEOUT) as console:
            console.type(f"tbreak coroutines.cpp:{line_of('nested: start', OTHER)}")
            console.type("run")
            self.assertRegex(console.type("next"), rf"(?m)^{line_of('co_await generic(1.5);', OTHER)}\t")
            self.assertRegex(console.type("step"), rf"(?m)^{line_of('co_await object.on_lvalue(', OTHER)}\t")

    def test_hooks_of_the_users(self):
        """Defined before the helper is loaded, and after that: they run as without it, once for each step."""
        for is_before in True, False:
            with self.session(PROGRAM, MAIN, 'trace("== Phase 1') as (editor, stop):
                editor.break_at()
                helper = editors.GDB_OPTIONS[-1]
                for name in "hook-next", "hookpost-next", "hook-stop":
                    editor.type(f"define {name}", r">$")
                    editor.type(f"echo <{name}>\\n", r">$")
                    editor.type("end")
                if is_before:
                    editor.type(f"source {helper}")
                editor.console("p 1")
                for text in FETCH[1][0][1], 'trace("Fetched data: {}", data);':
                    said_before = len(editor.said)
                    stop = editor.go(OVER, stop)
                    if stop.text == FETCH[1][0][1] and text != stop.text:
                        stop = editor.go(OVER, stop)
                    self.assertTrue(stop.text.startswith(text), stop)
                    said = editor.said[said_before:]
                    for name in "hook-next", "hookpost-next", "hook-stop":
                        self.assertIn(f"<{name}>", said)


@unittest.skipUnless(GDB, "no GDB")
class NewUITest(unittest.TestCase):
    """A front end on a terminal of its own, beside GDB's command line: as Eclipse has it."""

    def ask(self, front_end, command, pattern):
        """What GDB says to the front end's command, until that matches the pattern."""
        os.write(front_end, f"{command}\n".encode())
        said = ""
        while not (found := re.search(pattern, said)):
            self.assertTrue(select.select([front_end], [], [], TIMEOUT)[0], said)
            said += os.read(front_end, 1 << 16).decode()
        return found[1]

    def test_steps(self):
        front_end, terminal = pty.openpty()
        tty.setraw(terminal)
        with GDBConsole() as console:
            console.type(f'file "{PROGRAM}"')
            console.type(f"new-ui mi3 {os.ttyname(terminal)}")
            stopped = r'\*stopped,reason="([\w-]+)"'
            self.ask(front_end, "-exec-arguments >/dev/null", r"(\^done)")
            self.ask(front_end, f"-break-insert main.cpp:{line_of('== Phase 1')}", r"(\^done)")
            self.assertEqual(self.ask(front_end, "-exec-run", stopped), "breakpoint-hit")
            self.ask(front_end, "-break-delete", r"(\^done)")
            for command in "-exec-next", "-exec-step", "-exec-finish":
                self.assertEqual(self.ask(front_end, command, stopped), "end-stepping-range", command)
            fetched = rf"({line_of('= co_await fetch_data(1)')}|{line_of('Fetched data')})"
            self.assertTrue(self.ask(front_end, "-stack-info-frame", rf'line="{fetched}"'))
            self.assertEqual(self.ask(front_end, "-exec-continue", stopped), "exited-normally")
        os.close(front_end)
        os.close(terminal)


@unittest.skipUnless(GDB, "no GDB")
class GDBMITest(StepsTest):
    Editor = MIEditor


@unittest.skipUnless(GDB, "no GDB")
class GDBDAPTest(StepsTest):
    Editor = DAPEditor
    setUpClass = editors.GDBDAPTest.setUpClass


@unittest.skipUnless(LLDB, "no LLDB")
class LLDBConsoleTest(StepsTest):
    Editor, resumes_steps = LLDBConsole, True
    is_22 = False

    @classmethod
    def setUpClass(cls):
        cls.is_22 = "version 22." in subprocess.check_output([LLDB, "--version"], text=True)
        # Deleted by the helper: there it cannot tell the end of its step as that of LLDB's own.
        LLDBConsole.reasons = {"step", "breakpoint"} if cls.is_22 else {"step"}

    def setUp(self):
        among_threads = "one_of_eight", "out_of_a_task", "lambdas_and_members", "task_and_a_spawn", "pause_on_the_way"
        if self.is_22 and any(name in self._testMethodName for name in among_threads):
            self.skipTest("LLDB 22 interrupts a program that it lets run on")

    def test_what_lldb_22_cannot_do_is_said_once(self):
        with self.session(PROGRAM, MAIN, 'trace("Fetching data') as (editor, stop):
            editor.break_at()
            said = "".join(editor.type("next", editor.stop_pattern) for _step in range(4))
        self.assertEqual(said.count("This is the command line of LLDB 22"), int(self.is_22), said)


@unittest.skipUnless(LLDB, "no LLDB")
class LLDBDAPTest(StepsTest):
    Editor, resumes_steps = LLDBEditor, True
    setUpClass = editors.LLDBDAPTest.setUpClass


if __name__ == "__main__":
    unittest.main(verbosity=2)
