"""Tests what README.md promises about stepping in an editor: drives the debuggers as editors do.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_editors.py GDBMITest    (or GDBDAPTest)
    ASYNC_EXAMPLE=<path> COROUTINES=<path> LLDB=<path> python3 test_editors.py LLDBDAPTest    (lldb-dap is beside LLDB)

Both programs are built with -O0 -g. No test depends on how long something takes.
"""

import ast
import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import unittest

import dap
import mi
from common import COROUTINES, GDB, LINES, LLDB, MAIN, OTHER, PROGRAM, SOURCE, TESTS, TIMEOUT
from common import line_of, marked_lines, statement, threads, wait_for

GDB_OPTIONS = ["-iex", "set debuginfod enabled off", "-x", SOURCE / "debugger" / "asio_gdb.py"]
FETCHING = 'trace("Fetching data'
DELAY = "std::chrono::milliseconds delay{"
JOINING = "const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks("


def statements(first, last, source=MAIN):
    """From the line that holds `first` to the one that holds `last`."""
    lines = map(statement, source[line_of(first, source) - 1 : line_of(last, source)])
    return [line for line in lines if line not in ("", "}") and not line.startswith("//")]


def wait_asleep(pid):
    """Until all threads wait, and for longer than any wait in main.cpp. (A debugger has stopped none, then.)"""
    looks = collections.deque(maxlen=20)
    wait_for(lambda: looks.append(threads(pid)) or list(looks) == 20 * [{"S"}], "rest")


class Stop:
    """Why and where the program has stopped. `thread` is None if it has ended."""

    def __init__(self, reason, thread=None, file="", line=0):
        self.reason, self.thread, self.file, self.line = reason, thread, file, int(line)
        source = LINES.get(os.path.basename(file))
        self.text = statement(source[self.line - 1]) if source else f"outside: {file}:{line}"

    def __repr__(self):
        return f"<{self.reason} in thread {self.thread}: {self.text}>"


class DAPEditor(dap.Client):
    """GDB's own DAP server."""

    adapter = [GDB, "-nx", "-i=dap", *GDB_OPTIONS]
    commands: list[str] = []

    def __init__(self):
        super().__init__(self.adapter, timeout=TIMEOUT)

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
        return Stop(body["reason"], body["threadId"], frame.get("source", {}).get("path", ""), frame["line"])

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

    def frames(self, stop):
        """(function, arguments, file, line) for each line of the call stack."""
        file = lambda frame: frame.get("source", {}).get("path", "")
        return [(frame["name"], self.variables(frame, ["Arguments"]), file(frame), frame["line"])
                for frame in self.stack(stop.thread)]  # fmt: skip

    def locals(self, stop, level):
        return self.variables(self.stack(stop.thread)[level], ["Locals"])

    def assign(self, variable, value, stop):
        self.console(f"set var {variable} = {value}", stop)

    def hidden_breakpoints(self, stop):
        return re.findall(r"^-\d+ +breakpoint .*\.[ch]pp:.*", self.console("maint info breakpoints", stop), re.M)

    def told(self):
        """How many stops, and which breakpoints that come or go, the editor was told of."""
        bodies = lambda kind: [event["body"] for event in self.events if event["event"] == kind]
        new = [body for body in bodies("breakpoint") if body["reason"] != "changed"]
        return sum(not body.get("preserveFocusHint") for body in bodies("stopped")), new

    def pid(self):
        return next(event["body"]["systemProcessId"] for event in self.events if event["event"] == "process")


class LLDBEditor(DAPEditor):
    """lldb-dap. Who awaits whom is what async-bt shows on its console."""

    adapter = [re.sub(r"lldb([^/]*)$", r"lldb-dap\1", LLDB)]
    commands = [f'command script import "{SOURCE / "debugger" / "asio_lldb.py"}"']

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
        rows = re.findall(r"^ +(?:frame #\d+: )?(.+?)\((.*)\) at (\S+):(\d+)$", self.console("async-bt", stop), re.M)
        return [(name, dict(re.findall(r"(\w+)=([^,]*)", values)), str(SOURCE / file), int(line))
                for name, values, file, line in rows]  # fmt: skip

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
        return Stop(reason, stop["thread-id"], stop.get("fullname", ""), stop.get("line", 0))

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
        self.gdb.stdin.close()
        self.gdb.wait(TIMEOUT)

    def console(self, command, _stop=None):
        before = len(self.records)
        self.command(command)
        return "".join(ast.literal_eval(record[1:]) for record in self.records[before:] if record.startswith("~"))

    def frames(self, stop):
        rows = re.findall(r"frame=\{(.*?)\}", self.command(f"-stack-list-frames --thread {stop.thread}"))
        parts = [dict(re.findall(r'([\w-]+)="(.*?)"', row)) for row in rows]
        assert all(len({part[key] for part in parts}) == len(parts) for key in ("level", "addr")), rows
        arguments = self.command(f"-stack-list-arguments --thread {stop.thread} --simple-values")
        return [(part["func"], self.values(own), part.get("file", ""), int(part.get("line", 0)))
                for part, own in zip(parts, arguments.split("frame={level=")[1:])]  # fmt: skip

    def locals(self, stop, level):
        level = re.findall(r'level="(\d+)"', self.command(f"-stack-list-frames --thread {stop.thread}"))[level]
        return self.values(self.command(f"-stack-list-locals --thread {stop.thread} --frame {level} --all-values"))

    def values(self, text):
        return dict(re.findall(r'name="(\w+)"(?:,type="[^"]*")?,value="((?:[^"\\]|\\.)*)"', text))

    def assign(self, variable, value, _stop):
        self.command(f'-data-evaluate-expression "{variable} = {value}"')

    hidden_breakpoints = DAPEditor.hidden_breakpoints

    def told(self):
        new = [record for record in self.records if re.match("=breakpoint-(created|deleted)", record)]
        return sum(record.startswith("*stopped") for record in self.records), new

    def pid(self):
        return int(re.search(r'=thread-group-started,id="i1",pid="(\d+)"', "\n".join(self.records))[1])


class EditorTest:
    """Mixed into a test case for each Editor."""

    maxDiff: int | None = None

    @contextlib.contextmanager
    def session(self, program, source, *texts):
        """The editor, and the first stop at one of these lines."""
        lines = [line_of(text, source) for text in texts]
        with self.Editor() as editor:
            stop = editor.start(program, source, lines)
            self.assertEqual((stop.reason, stop.line in lines), ("breakpoint", True), stop)
            yield editor, stop

    def walk(self, editor, stop, last, look=lambda stop: None):
        """Steps, without breakpoints, until a statement begins so. Returns the stops and what is seen there."""
        editor.break_at()
        (stops_before, breakpoints), stops, seen = editor.told(), [], []
        while not stops or not stops[-1].text.startswith(last):
            self.assertLess(len(stops), 60, stops)
            stops.append(editor.step((stops or [stop])[-1]))
            self.assertEqual((stops[-1].reason, stops[-1].file != ""), ("step", True), stops)
            seen.append(look(stops[-1]))
        self.assertEqual(editor.told(), (stops_before + len(stops), breakpoints))
        return stops, seen

    def texts(self, stops, *awaiting):
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
        self.assertEqual(sorted(seen), sorted(map(statement, marked)))

    def test_call_stack(self):
        with self.session(PROGRAM, MAIN, FETCHING) as (editor, stop):
            names, arguments, files, lines = zip(*editor.frames(stop))
            self.assertEqual(names, ("fetch_data", "async_main", "run", "main"))
            self.assertEqual((arguments[0]["id"], arguments[1]["failing_task"]), ("1", "0"))
            texts = FETCHING, "co_await fetch_data(1)", "main_context.run();", "run(parse("
            self.assertEqual(lines, tuple(map(line_of, texts)))
            self.assertTrue(all(map(os.path.isfile, files)), files)
            self.assert_runs_to_the_end(editor, stop)

    def test_async_tasks_in_the_console(self):
        with self.session(PROGRAM, MAIN, FETCHING) as (editor, stop):
            listing = editor.console("async-tasks", stop)
            fetching = rf"fetch_data\(id=1\) at main\.cpp:{stop.line} \[running on thread 1\]"
            main = rf"async_main\(.*failing_task=0\) at main\.cpp:{line_of('co_await fetch_data(1)')}"
            self.assertRegex(listing, rf"(?m)^ +1  {main}\n +2    {fetching}\n")

    def test_step_through_async_main(self):
        with self.session(PROGRAM, MAIN, FETCHING) as (editor, stop):
            stops, _ = self.walk(editor, stop, "co_return all_succeeded")
            self.assert_runs_to_the_end(editor, stops[-1])
        main = statements('trace("Fetched', "co_return all_succeeded")
        loop = main.index(statement(MAIN[line_of("item <= 3") - 1]))
        rounds = main[:loop] + 3 * main[loop : loop + 2] + main[loop : loop + 1] + main[loop + 2 :]
        expected = statements("co_await sleep_for(100ms)", "co_return fmt::format(") + rounds
        self.assertEqual(self.texts(stops, "const std::string data = co_await"), expected)

    def test_step_into_and_out_of_a_co_await(self):
        with self.session(PROGRAM, MAIN, 'trace("== Phase 1') as (editor, stop):
            editor.break_at()
            before, _ = editor.told()
            stops = [editor.step(stop)]
            for step in editor.step_into, editor.step, editor.step_out, editor.step:
                stops.append(step(stops[-1]))
            self.assertEqual([stop.reason for stop in stops], 5 * ["step"], stops)
            co_await = statement(MAIN[line_of("co_await fetch_data(1)") - 1])
            inside = statements(FETCHING, "co_await sleep_for(100ms)")
            self.assertEqual([stop.text for stop in stops[:3]], [co_await, *inside])
            after = 'trace("Fetched data: {}", data);', 'trace("== Phase 2: parallel tasks ==");'
            expected = [co_await, after[0]] if stops[3].text == co_await else list(after)  # Clang's stops there again
            self.assertEqual([stop.text for stop in stops[3:]], expected)
            self.assertEqual(editor.told()[0], before + len(stops))
            self.assert_runs_to_the_end(editor, stops[-1])

    def test_step_through_one_of_three_tasks(self):
        with self.session(PROGRAM, MAIN, DELAY) as (editor, stop):
            task_id = lambda stop: editor.frames(stop)[0][1]["task_id"]
            task = task_id(stop)
            stops, tasks = self.walk(editor, stop, "co_return task_id", task_id)
            self.assertEqual(set(tasks), {task}, stops)
            self.assert_runs_to_the_end(editor, stops[-1])
        self.assertEqual(self.texts(stops), statements("co_await sleep_for(delay)", "co_return task_id"))

    def test_step_from_thread_to_thread(self):
        for _session in range(10):  # That all steps of one end on the same thread is possible.
            with self.session(COROUTINES, OTHER, "walk: start") as (editor, stop):
                walker = lambda stop: editor.frames(stop)[0][1]["walker"]
                first = walker(stop)
                stops, walkers = self.walk(editor, stop, "std::printf(", walker)
                self.assertEqual(set(walkers), {first}, stops)
            start, *loop = statements("walk: start", "walk: pause", OTHER)
            expected = 3 * loop + loop[:1]
            expected += [statement(OTHER[line_of(text, OTHER) - 1]) for text in ("walk: end", "walk: over")]
            self.assertEqual(self.texts(stops, "const int steps = co_await"), expected)
            if len({stop.thread for stop in stops}) > 1:
                return
        self.fail("all steps on one thread")

    def test_step_from_a_breakpoint_at_a_co_await(self):
        """Clang puts a part of it into a function of its own, where that breakpoint stops as well."""
        with self.session(PROGRAM, MAIN, "co_await process_item(item)") as (editor, stop):
            stop = editor.step(stop)
        beyond = "}", statement(MAIN[line_of("item <= 3", MAIN) - 1])
        self.assertEqual((stop.reason, stop.text in beyond), ("step", True), stop)

    def test_breakpoint_in_mid_step(self):
        with self.session(PROGRAM, MAIN, 'trace("== Phase 2') as (editor, stop):
            stops, _ = self.walk(editor, stop, JOINING)
            editor.break_at(line_of("co_return task_id"))
            stop = editor.step(stops[-1])
            self.assertEqual((stop.reason, stop.text), ("breakpoint", "co_return task_id * 10;"))
            self.assert_runs_to_the_end(editor, stop)

    def test_step_to_a_breakpoint(self):
        """The program stops there once, not for the step and then for the breakpoint."""
        with self.session(PROGRAM, MAIN, FETCHING, "co_return fmt::format(") as (editor, stop):
            stops = [stop, stop := editor.step(stop), stop := editor.step(stop)]
            self.assertEqual(self.texts(stops), statements(FETCHING, "co_return fmt::format("))
            self.assertIn(stop.reason, ("step", "breakpoint"))
            self.assertEqual(editor.run(stop).reason, "end", stops)

    @contextlib.contextmanager
    def long_step(self):
        """The editor and where it begins a step that takes ten hours."""
        with self.session(PROGRAM, MAIN, DELAY) as (editor, stop):
            editor.assign("task_id", 360000, stop)
            stops, _ = self.walk(editor, stop, "co_await sleep_for(delay)")
            editor.begin_step(stops[-1])
            wait_asleep(editor.pid())
            yield editor, stops[-1]

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
            stop = self.walk(editor, stop, "co_await sleep_for(100ms)")[0][-1]
            editor.console("async-step off", stop)
            stops = [stop := editor.step(stop) for _ in range(4)]  # GCC visits some lines of fetch_data again.
            self.assertIn("outside: ", stop.text, stops)
            editor.console("async-step on", stop)
            editor.break_at(line_of('trace("== Phase 2'))
            stops, _ = self.walk(editor, editor.run(stop), "const bool all_succeeded = report(")
            self.assert_runs_to_the_end(editor, stops[-1])

    def test_lines_that_do_not_suspend(self):
        for setting in "on", "off":
            with self.session(PROGRAM, MAIN, "const std::lock_guard lock{trace_mutex}") as (editor, stop):
                editor.console(f"async-step {setting}", stop)
                stops, _ = self.walk(editor, stop, "std::cout << fmt::format(")
            self.assertEqual(self.texts(stops), statements("if (thread_name.empty())", "std::cout << fmt::format("))


class LocalsTest:
    """GDB's call stacks have the coroutines that await, with their variables."""

    def test_locals(self):
        with self.session(PROGRAM, MAIN, 'trace("Processing item') as (editor, stop):
            self.assertEqual(editor.frames(stop)[1][0], "async_main")
            self.assertEqual(editor.locals(stop, 1)["item"], "1")
            self.assertNotIn("item", editor.locals(stop, 0))  # an argument


@unittest.skipUnless(GDB, "no GDB")
class GDBMITest(EditorTest, LocalsTest, unittest.TestCase):
    Editor = MIEditor


@unittest.skipUnless(GDB, "no GDB")
class GDBDAPTest(EditorTest, LocalsTest, unittest.TestCase):
    Editor = DAPEditor

    @classmethod
    def setUpClass(cls):
        first, *_ = subprocess.run([GDB, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()
        if int(re.findall(r"(\d+)\.", first.split()[-1])[0]) < 14:
            raise unittest.SkipTest(f"{first} is no DAP server: that takes GDB 14")


@unittest.skipUnless(LLDB, "no LLDB")
class LLDBDAPTest(EditorTest, unittest.TestCase):
    Editor = LLDBEditor

    @classmethod
    def setUpClass(cls):
        if not shutil.which(LLDBEditor.adapter[0]):
            raise unittest.SkipTest(f"no {LLDBEditor.adapter[0]}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
