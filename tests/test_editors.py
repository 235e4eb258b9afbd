"""Tests what README.md promises about stepping in an editor: drives the debuggers as editors do.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_editors.py GDBMITest    (or GDBDAPTest)
    ASYNC_EXAMPLE=<path> COROUTINES=<path> LLDB=<path> python3 test_editors.py LLDBDAPTest    (lldb-dap is beside LLDB)

Both programs are built with -O0 -g. No test depends on how long something takes.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import dap
import mi
from common import COROUTINES, GDB, LLDB, MAIN, OTHER, PROGRAM, SOURCE, TESTS, TIMEOUT
from common import line_of, marked_lines, statement, threads, wait_for
from printed import rows, text_of, tree
from sessions import GDB_HELPER, LLDB_HELPER
from standing import STANDING
from walks import AFTER_WALK, ASYNC_TASK, FETCH, FETCH_DATA, HEAD_OF_ITEMS, PHASES_1_AND_2, RESULT, ROUNDS, TRACE, WALK

GDB_OPTIONS = ["-iex", "set debuginfod enabled off", "-x", GDB_HELPER]
FETCHING = 'trace("Fetching data'
DELAY = "std::chrono::milliseconds delay{"
JOINING = "const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks("


def wait_asleep(pid: int) -> None:
    """Until all threads wait, and for longer than any wait in main.cpp. (A debugger has stopped none, then.)"""
    looks: collections.deque[set[str]] = collections.deque(maxlen=20)

    def all_wait() -> bool:
        looks.append(threads(pid))
        return list(looks) == 20 * [{"S"}]

    wait_for(all_wait, "rest")


@dataclass
class Stop:
    """Why and where the program has stopped. `thread` is None if it has ended."""

    reason: str
    thread: int | str | None = None
    file: str = ""
    line: int = 0

    @property
    def text(self) -> str:
        """The statement there."""
        return text_of(self.file, self.line) or f"outside: {self.file}:{self.line}"


class Frame(NamedTuple):
    """A line of an editor's call stack."""

    function: str
    arguments: dict[str, str]
    file: str
    line: int


class Told(NamedTuple):
    """What an editor was told of."""

    stops: int
    breakpoints: list  # those that came or went, as the protocol has them


@dataclass
class Walk:
    """Where steps have led, and what was seen at each stop."""

    stops: list[Stop]
    seen: list[str]

    @property
    def last(self) -> Stop:
        """Where it ended."""
        return self.stops[-1]


def path_of(frame: dict) -> str:
    """The source file of one of DAP's frames."""
    return frame.get("source", {}).get("path", "")


class DAPEditor(dap.Client):
    """GDB's own DAP server."""

    server = [GDB, "-nx", "-i=dap", *GDB_OPTIONS]
    commands: list[str] = []

    def __init__(self):
        super().__init__(self.server, timeout=TIMEOUT)

    def start(self, program, source, lines):
        self.source = SOURCE / "main.cpp" if source is MAIN else TESTS / "coroutines.cpp"
        self.launch(program, breakpoints={self.source: lines}, commands=self.commands)
        return self.stopped(self.wait_stopped())

    def break_at(self, *lines):
        """From now on there are no other breakpoints."""
        self.set_breakpoints(self.source, lines)

    def stopped(self, body):
        if not body:
            return Stop("end")
        frame = self.stack(body["threadId"])[0]
        return Stop(body["reason"], body["threadId"], path_of(frame), frame["line"])

    def step(self, stop):
        return self.stopped(self.next(stop.thread))

    def step_into(self, stop):
        return self.stopped(self.go("stepIn", stop.thread))

    def step_out(self, stop):
        return self.stopped(self.go("stepOut", stop.thread))

    def run(self, stop):
        return self.stopped(self.continue_(stop.thread))

    def begin_step(self, stop):
        self.unseen.clear()
        self.request("next", threadId=stop.thread)

    def interrupt(self, stop):
        return self.stopped(self.pause(stop.thread))

    def console(self, command, stop):
        frame = self.stack(stop.thread)[0]
        self.request("scopes", frameId=frame["id"])  # As editors do for what they show. It selects the thread in LLDB.
        return self.evaluate(command, frame, "repl")

    def frames(self, stop) -> list[Frame]:
        """The call stack."""
        return [Frame(frame["name"], self.variables(frame, ["Arguments"]), path_of(frame), frame["line"])
                for frame in self.stack(stop.thread)]  # fmt: skip

    def locals(self, stop, level):
        return self.variables(self.stack(stop.thread)[level], ["Locals"])

    def assign(self, variable, value, stop):
        self.console(f"set var {variable} = {value}", stop)

    def hidden_breakpoints(self, stop):
        return re.findall(r"^-\d+ +breakpoint .*\.[ch]pp:.*", self.console("maint info breakpoints", stop), re.M)

    def told(self):
        """What the editor was told of."""
        bodies = lambda kind: [event["body"] for event in self.events if event["event"] == kind]
        new = [body for body in bodies("breakpoint") if body["reason"] != "changed"]
        return Told(sum(not body.get("preserveFocusHint") for body in bodies("stopped")), new)

    def pid(self):
        return next(event["body"]["systemProcessId"] for event in self.events if event["event"] == "process")


class LLDBEditor(DAPEditor):
    """lldb-dap. Who awaits whom is what async-bt shows on its console."""

    server = [re.sub(r"lldb([^/]*)$", r"lldb-dap\1", LLDB)]
    commands = [LLDB_HELPER]

    def stopped(self, body):
        others = []
        while body and body.get("preserveFocusHint"):  # another thread that has stopped at the same time
            others.append(body)
            body = self.wait_stopped()
        if body and body.get("description") == "signal SIGTRAP":
            # LLDB 23 itself, also without the helper: a thread that has come to the breakpoint of another one's step.
            body = next((other for other in others if other["reason"] == "step"), body)
        return super().stopped(body)

    def frames(self, stop):
        return [Frame(row.function, dict(re.findall(r"(\w+)=([^,]*)", row.arguments)), str(SOURCE / row.file), row.line)
                for row in rows(self.console("async-bt", stop)) if row.line]  # fmt: skip

    def assign(self, variable, value, stop):
        gcc = "frame_ptr->" if "frame_ptr" in self.variables(self.stack(stop.thread)[0]) else ""
        self.console(f"expression {gcc}{variable} = {value}", stop)

    def hidden_breakpoints(self, stop):
        return re.findall(r"^\d+: .*", self.console("breakpoint list", stop), re.M)


class MIEditor(mi.Client):
    """GDB's machine interface."""

    def __init__(self):
        super().__init__(GDB, *GDB_OPTIONS, timeout=TIMEOUT)

    def start(self, program, source, lines):
        self.source = "main.cpp" if source is MAIN else "coroutines.cpp"
        for command in "-enable-frame-filters", f'-file-exec-and-symbols "{program}"', "-exec-arguments >/dev/null":
            self.command(command)
        self.break_at(*lines)
        return self.stopped("-exec-run")

    def break_at(self, *lines):
        self.command("-break-delete")
        for line in lines:
            self.command(f"-break-insert {self.source}:{line}")

    def stopped(self, command=None):
        if command:
            self.command(command)
        stop = self.wait_stopped()
        if stop["reason"].startswith("exited"):
            return Stop("end")
        reason = {"end-stepping-range": "step", "breakpoint-hit": "breakpoint"}.get(stop["reason"], stop["reason"])
        return Stop(reason, stop["thread-id"], stop.get("fullname", ""), int(stop.get("line", 0)))

    def step(self, stop):
        return self.stopped(f"-exec-next --thread {stop.thread}")

    def step_into(self, stop):
        return self.stopped(f"-exec-step --thread {stop.thread}")

    def step_out(self, stop):
        return self.stopped(f"-exec-finish --thread {stop.thread}")

    def run(self, stop):
        return self.stopped(f"-exec-continue --thread {stop.thread}")

    def begin_step(self, stop):
        self.command(f"-exec-next --thread {stop.thread}")

    def interrupt(self, _stop):
        os.kill(self.pid(), signal.SIGINT)  # as cppdbg and Qt Creator do
        return self.stopped()

    def disconnect(self):
        self.sent.close()
        self.gdb.wait(TIMEOUT)

    def console(self, command, _stop=None):
        before = len(self.records)
        self.command(command)
        return "".join(ast.literal_eval(record[1:]) for record in self.records[before:] if record.startswith("~"))

    def frames(self, stop):
        found = re.findall(r"frame=\{(.*?)\}", self.command(f"-stack-list-frames --thread {stop.thread}"))
        parts = [dict(re.findall(r'([\w-]+)="(.*?)"', row)) for row in found]
        assert all(len({part[key] for part in parts}) == len(parts) for key in ("level", "addr")), found
        arguments = self.command(f"-stack-list-arguments --thread {stop.thread} --simple-values")
        return [Frame(part["func"], self.values(own), part.get("file", ""), int(part.get("line", 0)))
                for part, own in zip(parts, arguments.split("frame={level=")[1:])]  # fmt: skip

    def locals(self, stop, level):
        level = re.findall(r'level="(\d+)"', self.command(f"-stack-list-frames --thread {stop.thread}"))[level]
        return self.values(self.command(f"-stack-list-locals --thread {stop.thread} --frame {level} --all-values"))

    def values(self, text):
        return dict(re.findall(r'name="(\w+)"(?:,type="[^"]*")?,value="((?:[^"\\]|\\.)*)"', text))

    def assign(self, variable, value, _stop):
        self.command(f'-data-evaluate-expression "{variable} = {value}"')

    def hidden_breakpoints(self, stop):
        return re.findall(r"^-\d+ +breakpoint .*\.[ch]pp:.*", self.console("maint info breakpoints", stop), re.M)

    def told(self):
        new = [record for record in self.records if re.match("=breakpoint-(created|deleted)", record)]
        return Told(sum(record.startswith("*stopped") for record in self.records), new)

    def pid(self):
        started = re.search(r'=thread-group-started,id="i1",pid="(\d+)"', "\n".join(self.records))
        assert started, self.records
        return int(started[1])


class EditorTest(unittest.TestCase):
    """What every editor does: its test case says which."""

    maxDiff: int | None = None
    Editor: Callable = DAPEditor

    @classmethod
    def setUpClass(cls) -> None:
        raise unittest.SkipTest("no editor")

    @contextlib.contextmanager
    def session(self, program: str, source: list[str], *texts: str) -> Iterator[tuple]:
        """The editor, and the first stop at one of these lines."""
        lines = [line_of(text, source) for text in texts]
        with self.Editor() as editor:
            stop = editor.start(program, source, lines)
            self.assertEqual(stop.reason, "breakpoint", stop)
            self.assertIn(stop.line, lines, stop)
            yield editor, stop

    def walk(self, editor, stop: Stop, last: str, look: Callable[[Stop], str] = lambda stop: "") -> Walk:
        """Steps, without breakpoints, until a statement begins so."""
        editor.break_at()
        before, walk = editor.told(), Walk([], [])
        while not walk.stops or not walk.last.text.startswith(last):
            self.assertLess(len(walk.stops), 60, walk)
            stop = editor.step(stop)
            walk.stops.append(stop)
            self.assertEqual(stop.reason, "step", walk)
            self.assertNotEqual(stop.file, "", walk)
            walk.seen.append(look(stop))
        self.assertEqual(editor.told(), Told(before.stops + len(walk.stops), before.breakpoints))
        return walk

    def texts(self, stops: list[Stop], *awaiting: str) -> list[str]:
        """Clang stops once more on the line of a co_await, where that ends, and where a block ends."""
        return [stop.text for stop in stops if stop.text != "}" and not stop.text.startswith(awaiting or "}")]

    def assert_runs_to_the_end(self, editor, stop):
        """Nothing of a step is left in the program."""
        editor.break_at()
        self.assertEqual(editor.hidden_breakpoints(stop), [])
        self.assertEqual(editor.run(stop).reason, "end")

    def test_markers(self):
        marked = [MAIN[number - 1] for number in marked_lines()]
        with self.session(PROGRAM, MAIN, *marked) as (editor, stop):
            seen = set()
            while stop.thread is not None:
                self.assertEqual(stop.reason, "breakpoint", stop)
                seen.add(stop.text)
                stop = editor.run(stop)
        self.assertEqual(sorted(seen), sorted(statement(line) for line in marked))

    def test_call_stack(self):
        with self.session(PROGRAM, MAIN, FETCHING) as (editor, stop):
            frames = editor.frames(stop)
            self.assertEqual([frame.function for frame in frames], ["fetch_data", "async_main", "run", "main"])
            self.assertEqual(frames[0].arguments["id"], "1")
            self.assertEqual(frames[1].arguments["failing_task"], "0")
            texts = FETCHING, "co_await fetch_data(1)", "main_context.run();", "run(parse("
            self.assertEqual([frame.line for frame in frames], [line_of(text) for text in texts])
            self.assertTrue(all(os.path.isfile(frame.file) for frame in frames), frames)
            self.assert_runs_to_the_end(editor, stop)

    def test_async_tasks_in_the_console(self):
        with self.session(PROGRAM, MAIN, FETCHING) as (editor, stop):
            listing = editor.console("async-tasks", stop)
            fetching = rf"fetch_data\(id=1\) at main\.cpp:{stop.line} \[running on thread 1\]"
            main = rf"async_main\(.*failing_task=0\) at main\.cpp:{line_of('co_await fetch_data(1)')}"
            self.assertRegex(listing, rf"(?m)^ +1  {main}\n +2    {fetching}\n")

    def test_step_through_async_main(self):
        with self.session(PROGRAM, MAIN, FETCHING) as (editor, stop):
            walk = self.walk(editor, stop, RESULT)
            self.assert_runs_to_the_end(editor, walk.last)
        expected = [*FETCH_DATA[1:], *PHASES_1_AND_2, *ROUNDS, RESULT]
        self.assertEqual(self.texts(walk.stops, FETCH), expected)

    def test_step_into_and_out_of_a_co_await(self):
        with self.session(PROGRAM, MAIN, 'trace("== Phase 1') as (editor, stop):
            editor.break_at()
            before = editor.told().stops
            stops = [editor.step(stop)]
            for step in editor.step_into, editor.step, editor.step_out, editor.step:
                stops.append(step(stops[-1]))
            self.assertEqual([stop.reason for stop in stops], 5 * ["step"], stops)
            self.assertIn([stop.text for stop in stops], [
                [FETCH, *FETCH_DATA[:2], *PHASES_1_AND_2[:2]],
                [FETCH, *FETCH_DATA[:2], FETCH, *PHASES_1_AND_2[:1]],  # Clang's stops there again
            ])  # fmt: skip
            self.assertEqual(editor.told().stops, before + len(stops))
            self.assert_runs_to_the_end(editor, stops[-1])

    def test_step_through_one_of_three_tasks(self):
        with self.session(PROGRAM, MAIN, DELAY) as (editor, stop):
            task_id = lambda stop: editor.frames(stop)[0].arguments["task_id"]
            task = task_id(stop)
            walk = self.walk(editor, stop, "co_return task_id", task_id)
            self.assertEqual(set(walk.seen), {task}, walk)
            self.assert_runs_to_the_end(editor, walk.last)
        self.assertEqual(self.texts(walk.stops), ASYNC_TASK)

    def test_step_from_thread_to_thread(self):
        for _session in range(10):  # That all steps of one end on the same thread is possible.
            with self.session(COROUTINES, OTHER, "walk: start") as (editor, stop):
                walker = lambda stop: editor.frames(stop)[0].arguments["walker"]
                first = walker(stop)
                walk = self.walk(editor, stop, "std::printf(", walker)
                self.assertEqual(set(walk.seen), {first}, walk)
            self.assertEqual(self.texts(walk.stops, "const int steps = co_await"), [*WALK, AFTER_WALK])
            if len({stop.thread for stop in walk.stops}) > 1:
                return
        self.fail("all steps on one thread")

    def test_step_from_a_breakpoint_at_a_co_await(self):
        """Clang puts a part of it into a function of its own, where that breakpoint stops as well."""
        with self.session(PROGRAM, MAIN, "co_await process_item(item)") as (editor, stop):
            stop = editor.step(stop)
        self.assertEqual(stop.reason, "step", stop)
        self.assertIn(stop.text, ("}", HEAD_OF_ITEMS), stop)

    def test_breakpoint_in_mid_step(self):
        with self.session(PROGRAM, MAIN, 'trace("== Phase 2') as (editor, stop):
            walk = self.walk(editor, stop, JOINING)
            editor.break_at(line_of("co_return task_id"))
            stop = editor.step(walk.last)
            self.assertEqual(stop.reason, "breakpoint", stop)
            self.assertEqual(stop.text, "co_return task_id * 10;", stop)
            self.assert_runs_to_the_end(editor, stop)

    def test_step_to_a_breakpoint(self):
        """The program stops there once, not for the step and then for the breakpoint."""
        with self.session(PROGRAM, MAIN, FETCHING, "co_return fmt::format(") as (editor, stop):
            stops = [stop, stop := editor.step(stop), stop := editor.step(stop)]
            self.assertEqual(self.texts(stops), FETCH_DATA)
            self.assertIn(stop.reason, ("step", "breakpoint"))
            self.assertEqual(editor.run(stop).reason, "end", stops)

    @contextlib.contextmanager
    def long_step(self):
        """The editor and where it begins a step that takes ten hours."""
        with self.session(PROGRAM, MAIN, DELAY) as (editor, stop):
            editor.assign("task_id", 360000, stop)
            stop = self.walk(editor, stop, "co_await sleep_for(delay)").last
            editor.begin_step(stop)
            wait_asleep(editor.pid())
            yield editor, stop

    def test_pause_in_mid_step(self):
        with self.long_step() as (editor, stop):
            stop = editor.interrupt(stop)
            self.assertNotIn(stop.reason, ("step", "breakpoint", "end"))
            wait_for(lambda: not editor.hidden_breakpoints(stop), "end of the helper's breakpoints")
            editor.disconnect()
            wait_for(lambda: threads(editor.pid()) <= {"Z"}, "end of the program")

    def test_disconnect_in_mid_step(self):
        with self.long_step() as (editor, _stop):
            editor.disconnect()
            wait_for(lambda: threads(editor.pid()) <= {"Z"}, "end of the program")

    def test_off_and_on(self):
        with self.session(PROGRAM, MAIN, FETCHING) as (editor, stop):
            stop = self.walk(editor, stop, "co_await sleep_for(100ms)").last
            editor.console("async-step off", stop)
            stops = [stop := editor.step(stop)]
            while not stop.text.startswith("outside: "):  # GCC visits lines of fetch_data again, GCC 14.4 many times.
                self.assertLess(len(stops), 30, stops)
                stops.append(stop := editor.step(stop))
            editor.console("async-step on", stop)
            editor.break_at(line_of('trace("== Phase 2'))
            walk = self.walk(editor, editor.run(stop), "const bool all_succeeded = report(")
            self.assert_runs_to_the_end(editor, walk.last)

    def test_lines_that_do_not_suspend(self):
        for setting in "on", "off":
            with self.session(PROGRAM, MAIN, "const std::lock_guard lock{trace_mutex}") as (editor, stop):
                editor.console(f"async-step {setting}", stop)
                walk = self.walk(editor, stop, "std::cout << fmt::format(")
            self.assertEqual(self.texts(walk.stops), TRACE)

    def test_tasks_on_the_console(self):
        with self.session(COROUTINES, OTHER, "standing still") as (editor, stop):
            listing = editor.console("async-tasks", stop)
        self.assertEqual(tree(listing), STANDING, listing)


class LocalsTest(EditorTest):
    """GDB's call stacks have the coroutines that await, with their variables."""

    def test_locals(self):
        with self.session(PROGRAM, MAIN, 'trace("Processing item') as (editor, stop):
            self.assertEqual(editor.frames(stop)[1].function, "async_main")
            self.assertEqual(editor.locals(stop, 1)["item"], "1")
            self.assertNotIn("item", editor.locals(stop, 0))  # an argument


class GDBMITest(LocalsTest):
    """GDB's machine interface."""

    Editor = MIEditor

    @classmethod
    def setUpClass(cls):
        if not GDB:
            raise unittest.SkipTest("no GDB")


class GDBDAPTest(LocalsTest):
    """GDB as a DAP server."""

    Editor = DAPEditor

    @classmethod
    def setUpClass(cls):
        if not GDB:
            raise unittest.SkipTest("no GDB")
        first, *_ = subprocess.run([GDB, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()
        if int(re.findall(r"(\d+)\.", first.split()[-1])[0]) < 14:
            raise unittest.SkipTest(f"{first} is no DAP server: that takes GDB 14")


class LLDBDAPTest(EditorTest):
    """lldb-dap."""

    Editor = LLDBEditor

    @classmethod
    def setUpClass(cls):
        if not LLDB or not shutil.which(LLDBEditor.server[0]):
            raise unittest.SkipTest(f"no {LLDBEditor.server[0]}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
