"""Tests async-tasks and async-in: the tree of all coroutines, and looks into one of them.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_tasks.py GDBTest

Beside coroutines are the builds of the other programs.
"""

import glob
import os
import unittest

from cases import DebuggerTest, InGDB, InLLDB
from common import COROUTINES, FLAGS, NAMES, beside
from printed import Node, tree
from standing import STANDING, number_of

TASKS = [f"task_id={number}, fail=false" for number in (1, 2, 3)]
TRACE = 'std::cout << fmt::format("[{:8.3f} ms]'


SPAWNS = "co_await asio::co_spawn(co_await asio::this_coro::executor, instant(), asio::use_awaitable);"
LIBRARIES = "/usr/lib/*/libjemalloc.so.2"  # another heap


class TaskTest(DebuggerTest):
    """All tasks, their parents, and a look into one of them."""

    runs: tuple[str, ...] = ()  # commands by which the program would run, openly or in disguise

    def preload(self, library: str) -> str:
        """The command that gives the program this library."""
        raise NotImplementedError

    def test_tasks_in_flight(self):
        place = self.break_at("if (fail) throw")  # the first task is there, the others wait
        said = self.session(place, "run", "async-tasks")
        (main,) = tree(said["async-tasks"])
        self.assertEqual(main.function, "async_main")
        (joining,) = main.below
        self.assertEqual(joining.function, "join_tasks")
        self.assertEqual([task.function for task in joining.below], 3 * ["async_task"])
        self.assertEqual([task.arguments for task in joining.below], TASKS)
        self.assertTrue(any(task.text.startswith("running on thread") for task in joining.below), said)

    def test_tasks_and_work_inside_them(self):
        variables = f"async-in {number_of('shadow')} {self.variables}"
        call = f"async-in {number_of('group')} {self.expression} last - first"
        failing = self.failing(f"async-in {number_of('shadow')} {self.expression} nowhere")
        said = self.standing_still("async-tasks", variables, call, failing, self.backtrace, "async-tasks")
        for listing in said.each("async-tasks"):
            self.assertEqual(tree(listing), STANDING, listing)
        self.assertRegex(said[variables], r"same = 0\.5")
        self.assertRegex(said[variables], r'same = "outer"')
        self.assertRegex(said[variables], "sum = 6")
        self.assertRegex(said[call], r"= 1\b")
        self.assertIn("nowhere", said[failing])
        self.assertIn("standing_still", said[self.backtrace])

    def test_tasks_in_a_core_dump(self):
        said = self.session_with_core("async-tasks", "async-next")
        self.assertEqual(tree(said["async-tasks"]), STANDING, said)
        self.assertRegex(said["async-next"], r"^(error: )?The program is not being run\.\n$")

    def test_what_cannot_be_done_is_said_in_one_sentence(self):
        off, tasks = self.failing("async-step maybe"), self.failing("async-tasks")
        said = self.session(off, tasks, program=COROUTINES)
        self.assertIn("async-step takes on or off.", said[off])
        self.assertIn("The program is not being run.", said[tasks])

        unlisted, no_such = self.failing("async-in 1 bt"), self.failing("async-in 99 bt")
        running = [self.failing(f"async-in 1 {command}") for command in self.runs]
        said = self.standing_still(unlisted, "async-tasks", no_such, *running)
        self.assertIn("async-tasks has shown no number 1 at this stop.", said[unlisted])
        self.assertIn("async-tasks has shown no number 99 at this stop.", said[no_such])
        for command in running:
            with self.subTest(command=command):
                self.assertIn("async-in takes commands that look", said[command])

    def test_tasks_have_no_rows_of_asio(self):
        """A spawned task has ended, and its completion is queued: what is left of it is Asio's own."""
        said = self.session(
            self.break_at("std::puts(at)", NAMES), "run", *2 * ["async-tasks", "continue"], program=beside("names"))
        listings = [tree(listing) for listing in said.each("async-tasks")]
        self.assertEqual(listings[0], [Node("waits", "", "not started")], said)
        self.assertEqual(listings[-1], [Node("waits", "", SPAWNS)], said)

    def test_tasks_in_another_heap(self):
        """Where the heap does not say what is free, what may live is listed."""
        libraries = glob.glob(LIBRARIES)
        if not libraries:
            self.skipTest("no jemalloc on this machine")
        said = self.session(
            self.preload(libraries[0]), self.break_at("return recurse(50", NAMES), "run", "async-tasks -all",
            program=beside("names"))  # fmt: skip
        waiting = [node.text for node in tree(said["async-tasks -all"]) if node.function == "session"]
        self.assertEqual(waiting, 20 * ["co_await timer.async_wait(asio::use_awaitable);"], said)

    def test_tasks_with_address_sanitizer(self):
        if not os.path.exists(beside("sanitized")):
            self.skipTest("only where Clang has it")
        said = self.session(self.break_at("stop(2);", FLAGS), "run", "async-tasks -all", program=beside("sanitized"))
        names = [node.function for node in tree(said["async-tasks -all"])]
        self.assertEqual(len([name for name in names if name.startswith("session")]), 16, said)


class GDBTest(InGDB, TaskTest):
    """Also two inferiors, and watchpoints."""

    runs = (
        "continue", "next", "fin", "thread apply all next", "with print pretty on -- next", "pipe next | cat",
        'eval "next"', 'python gdb.execute("next")',
    )  # fmt: skip

    def preload(self, library):
        return f"set environment LD_PRELOAD {library}"

    def test_numbers_belong_to_one_inferior(self):
        said = self.standing_still(
            f'add-inferior -exec "{beside("names")}"', "inferior 2", "tbreak look", "run", "inferior 1",
            "async-tasks", "inferior 2", "async-in 1 bt", "inferior 1", "async-in 1 bt")  # fmt: skip
        other, same = said.each("async-in 1 bt")
        self.assertIn("async-tasks has shown no number 1 at this stop.", other, said)
        self.assertIn("both", same, said)

    def test_a_look_leaves_a_watchpoint_alone(self):
        """On a variable of the frame that has stopped, on a worker: with other registers it is out of its scope."""
        said = self.session(
            self.break_at(TRACE, condition="$_thread > 1"), "run", "watch elapsed", "async-tasks",
            "async-in 1 print workers", "info watchpoints")  # fmt: skip
        self.assertIn("$1 = ", said["async-in 1 print workers"])
        self.assertNotIn("deleted", said["async-in 1 print workers"])
        self.assertRegex(said["info watchpoints"], r"hw watchpoint .* elapsed")


class LLDBTest(InLLDB, TaskTest):
    """In LLDB."""

    runs = (
        "continue", "next", "fin", "thread apply all next", "thread step-over", "thread until 1", "process continue",
        "script lldb.thread.StepOver()", "command source /dev/null", "expression -g -- 1", "jump 1", "frame select 1",
    )  # fmt: skip

    def preload(self, library):
        return f"settings set target.env-vars LD_PRELOAD={library}"


if __name__ == "__main__":
    unittest.main(verbosity=2)
