"""Tests async_example from outside: its trace, its command line, and output that goes nowhere.

    ASYNC_EXAMPLE=<path of the program> python3 test_program.py

Times have lower bounds, which the program guarantees, and no upper ones, which no busy machine can keep. TIMEOUT only
ends what hangs.
"""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = os.path.abspath(
    os.environ.get("ASYNC_EXAMPLE") or sys.exit("Set ASYNC_EXAMPLE to the path of the program to test.")
)
TIMEOUT = 60  # seconds

# The trace, in order. Only within STARTS and within COMPLETIONS the order varies.
BEFORE_TASKS = [
    "Starting async example",
    "== Phase 1: sequential await ==",
    "Fetching data for id: 1",
    "Fetched data: Data_1",
    "== Phase 2: parallel tasks ==",
]
STARTS = ["Task 1 starting", "Task 2 starting", "Task 3 starting"]
COMPLETIONS = ["Task 1 completed", "Task 2 completed", "Task 3 completed"]
RESULTS = {  # by the task that fails
    None: ["Task results: 10, 20, 30"],
    1: ["Task 1 failed: simulated failure", "Some tasks failed: 2 of 3 succeeded (20, 30)"],
    2: ["Task 2 failed: simulated failure", "Some tasks failed: 2 of 3 succeeded (10, 30)"],
    3: ["Task 3 failed: simulated failure", "Some tasks failed: 2 of 3 succeeded (10, 20)"],
}
AFTER_TASKS = [
    "== Phase 3: sequential loop ==",
    "Processing item: 1",
    "Item 1 processed",
    "Processing item: 2",
    "Item 2 processed",
    "Processing item: 3",
    "Item 3 processed",
    "Async example completed",
]
# At least so many milliseconds lie between an event and a later one. Together with the order this is stricter than the
# ideal times: a delay in one phase cannot hide a short wait in the next.
WAITS = [
    ("Fetching data for id: 1", "Fetched data: Data_1", 100),
    ("Task 1 starting", "Task 1 completed", 100),
    ("Task 2 starting", "Task 2 completed", 200),
    ("Task 3 starting", "Task 3 completed", 300),
    ("Task 1 starting", "Task 1 throwing", 100),
    ("Task 2 starting", "Task 2 throwing", 200),
    ("Task 3 starting", "Task 3 throwing", 300),
    ("Processing item: 1", "Item 1 processed", 50),
    ("Processing item: 2", "Item 2 processed", 50),
    ("Processing item: 3", "Item 3 processed", 50),
]
# The time is right-aligned in 8 columns; only from 10 s on it is wider.
LINE = re.compile(r"\[(?=.{8} ms|[0-9]{5}) *((?:0|[1-9][0-9]*)\.[0-9]{3}) ms\] \[(main    |worker [123])\] (.+)")

PLAIN_ARGUMENTS = [
    ["--bogus"],
    ["-h"],
    ["2"],
    ["--fail=2"],
    ["--fail"],
    ["--fail", ""],
    ["--fail", "0"],
    ["--fail", "4"],
    ["--fail", "-1"],
    ["--fail", "+1"],
    ["--fail", "01"],
    ["--fail", " 1"],
    ["--fail", "2x"],
    ["--fail", "1.0"],
    ["--fail", "4294967297"],  # 2^32 + 1: 1, if it were cut to 32 bits
    ["--fail", "9" * 1000],
    ["--fail", "1", "2"],
    ["--fail", "1", ""],
    ["--fail", "1", "--fail", "2"],
    ["--fail", "1", "--help"],
    ["--help", "x"],
    ["--help", "--help"],
]
ODD_ARGUMENTS = [
    "",
    "{}",
    "%s%n",
    "é",
    "two\nlines",
    "carriage\rreturn",
    "\x1b[31mred",
    "\x7f",
    "\u009b31mred",  # ESC [ in one character
    b"\xff\xfe",  # not UTF-8
    b"\xc3",
]


def run(*arguments, shell=None):
    """Runs the program to its end, if `shell` says so with redirections, like ">&-"."""
    command = [PROGRAM, *arguments]
    if shell:
        command = ["sh", "-c", f'exec "$0" "$@" {shell}', *command]
    # surrogateescape keeps bytes that are not UTF-8 for the assertions to find.
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="surrogateescape", timeout=TIMEOUT, check=False
    )


@contextlib.contextmanager
def running(**options):
    """The program while it runs; killed on leaving, or after TIMEOUT, which also ends a read from it."""
    with subprocess.Popen([PROGRAM], **options) as process:
        watchdog = threading.Timer(TIMEOUT, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


class ProgramTest(unittest.TestCase):
    maxDiff = None

    def parse(self, trace):
        """The times in milliseconds, the threads and the texts of the events."""
        self.assertEqual(trace[-1:], "\n", f"no whole lines:\n{trace}")
        lines = trace[:-1].split("\n")
        events = [event for line in lines if (event := LINE.fullmatch(line))]
        malformed = [line for line in lines if not LINE.fullmatch(line)]
        self.assertEqual(malformed, [], f"malformed lines:\n{trace}")
        times, threads, texts = zip(*(event.groups() for event in events))
        return [float(ms) for ms in times], [thread.rstrip() for thread in threads], list(texts)

    def check_run(self, result, failing=None):
        """Checks a run that came to its end."""
        trace = result.stdout
        self.assertEqual(result.stderr, "", f"stderr, with the trace:\n{trace}")
        self.assertEqual(result.returncode, 0 if failing is None else 1, f"wrong exit status:\n{trace}")
        times, threads, texts = self.parse(trace)

        completions = [text.replace(f"Task {failing} completed", f"Task {failing} throwing") for text in COMPLETIONS]
        first = len(BEFORE_TASKS)
        middle = first + len(STARTS)
        last = middle + len(completions)
        # The three starts come first: the tasks run at the same time.
        in_order = texts[:first] + sorted(texts[first:middle]) + sorted(texts[middle:last]) + texts[last:]
        expected = BEFORE_TASKS + STARTS + sorted(completions) + RESULTS[failing] + AFTER_TASKS
        self.assertEqual(in_order, expected, f"wrong events or order:\n{trace}")

        self.assertEqual(times, sorted(times), f"times decrease:\n{trace}")
        time_of = dict(zip(texts, times))
        for start, end, wait in WAITS:
            if start in time_of and end in time_of:
                # Both times are rounded to 0.001.
                self.assertGreater(time_of[end] - time_of[start], wait - 0.0015, f"{end}: too early:\n{trace}")

        self.assertEqual({*threads[:first], *threads[last:]}, {"main"}, f"not on the main thread:\n{trace}")
        workers = list(dict.fromkeys(threads[first:last]))
        numbered = [f"worker {number}" for number in range(1, len(workers) + 1)]
        self.assertEqual(workers, numbered, f"not on workers numbered as they first speak:\n{trace}")

    def check_killed(self, returncode, trace):
        """Checks a run that was killed as soon as its trace told that a task had completed."""
        # Events that are only written at the end come when there is nothing left to kill.
        self.assertEqual(returncode, -signal.SIGKILL, f"ended before its events were seen:\n{trace}")
        texts = self.parse(trace)[2]
        first = len(BEFORE_TASKS)
        last = first + len(STARTS)
        self.assertEqual(texts[:first] + sorted(texts[first:last]), BEFORE_TASKS + STARTS, f"lost events:\n{trace}")

    def check_usage_error(self, *arguments):
        """Checks how the program refuses `arguments`. Returns what it says is wrong."""
        result = run(*arguments)
        message, _, rest = result.stderr.partition("\n")
        self.assertRegex(message, "^async_example: .")
        self.assertTrue(message.isprintable(), f"raw control characters: {message!r}")
        self.assertEqual(rest, run("--help").stdout, "the rest of stderr is not the usage")
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.returncode, 2)
        return message

    def check_output_error(self, returncode, stderr):
        self.assertRegex(stderr, r"\Aasync_example: .+\n\Z", f"exit status {returncode}")
        self.assertEqual(returncode, 1)

    def test_normal_run(self):
        self.check_run(run())

    def test_failing_task(self):
        for task in 1, 2, 3:
            with self.subTest(task=task):
                self.check_run(run("--fail", str(task)), task)

    def test_many_runs_at_once(self):
        failing = [None, 1, 2, 3] * 10
        with concurrent.futures.ThreadPoolExecutor(len(failing)) as pool:
            results = pool.map(lambda task: run("--fail", str(task)) if task else run(), failing)
            for result, task in zip(results, failing):
                self.check_run(result, task)

    @unittest.skipUnless(os.path.isdir("/proc/self/task"), "needs /proc")
    def test_three_workers(self):
        # The trace cannot tell: on a busy machine one worker may take all three tasks.
        with running(stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            threads = os.listdir(f"/proc/{process.pid}/task")
        self.assertGreaterEqual(len(threads), 1 + 3)  # main, the workers; a sanitizer may have its own

    def test_help(self):
        result = run("--help")
        self.assertRegex(result.stdout, r"\AUsage: async_example (.+\n)+\Z")
        self.assertIn("--fail", result.stdout)
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.returncode, 0)

    def test_usage_errors(self):
        for arguments in PLAIN_ARGUMENTS:
            with self.subTest(arguments=arguments):
                self.assertIn(arguments[0], self.check_usage_error(*arguments))

    def test_usage_errors_with_odd_characters(self):
        for argument in ODD_ARGUMENTS:
            with self.subTest(argument=argument):
                self.check_usage_error(argument)
            with self.subTest(fail=argument):
                self.check_usage_error("--fail", argument)

    def test_stdout_full_or_closed(self):
        # Without stdin and stdout, what the program opens itself gets their numbers: the trace must not go there.
        # (UBSan's check of vptr opens pipes of its own: where these get the numbers, a write may end by SIGPIPE.)
        with open(PROGRAM, "rb") as file:
            opens_pipes = b"__ubsan_handle_dynamic_type_cache_miss" in file.read()
        for stdout in ">/dev/full", ">&-", "<&- >&-":
            if stdout == ">/dev/full" and not os.path.exists("/dev/full") or stdout == "<&- >&-" and opens_pipes:
                continue
            no_arguments: list[str] = []
            for arguments in no_arguments, ["--fail", "2"], ["--help"]:
                with self.subTest(stdout=stdout, arguments=arguments):
                    result = run(*arguments, shell=stdout)
                    self.check_output_error(result.returncode, result.stderr)

    def stop_reading(self, **options):
        """Reads only the first line of the trace. Returns the exit status and what is on stderr."""
        with running(stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **options) as process:
            self.assertIn(BEFORE_TASKS[0], process.stdout.readline())
            process.stdout.close()
            stderr = process.stderr.read()
            return process.wait(), stderr

    def test_reader_stops(self):
        # Python ignores SIGPIPE, and lets the program have the default again unless told otherwise.
        self.assertEqual(self.stop_reading(), (-signal.SIGPIPE, ""))

    def test_reader_stops_with_sigpipe_ignored(self):
        self.check_output_error(*self.stop_reading(restore_signals=False))

    def test_killed_with_stdout_a_pipe(self):
        trace = ""
        with running(stdout=subprocess.PIPE, encoding="utf-8") as process:
            while COMPLETIONS[0] not in trace and (line := process.stdout.readline()):
                trace += line
            process.kill()
            trace += process.stdout.read()
        self.check_killed(process.returncode, trace)

    def test_killed_with_stdout_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "trace")
            with path.open("wb") as file, running(stdout=file) as process:
                while COMPLETIONS[0] not in path.read_text("utf-8") and process.poll() is None:
                    time.sleep(0.01)
                process.kill()
            self.check_killed(process.wait(), path.read_text("utf-8"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
