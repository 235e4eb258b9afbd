"""Tests what the debugger helpers say of values, in GDB and in LLDB: in the lists of coroutines, stacks and variables.

    COROUTINES=<path> GDB=<path> python3 test_values.py GDBTest

The program is the one called values, beside COROUTINES, built with -O0 -g."""

import os
import re
import tempfile
import unittest
from typing import Any

from common import COROUTINES, GDB, LLDB
from sessions import gdb, lldb

PROGRAM = os.path.join(os.path.dirname(COROUTINES), "values")
LONG = 40 * "x"
# Each coroutine's arguments; `this` and the owner are some address.
ALIVE = {
    'numbers(number=-5, small=65535, yes=true, fraction=0.5, nowhere=0x0)',
    rf'texts(characters="a \"b\"\n", view="view", text="text", longer="{LONG}"...)',
    'times(seconds=3s, fraction=1.5s, date=2023-11-14 22:13:20.000000 UTC, point=1.5s of steady_clock)',
    'executors(any=strand of io_context, none=empty, pool=thread_pool, strand=strand of thread_pool)',
    'hold(one=job(id=4) [not started], none=empty)',
    'session::read(this=ADDRESS, times=3)',
    'main::{lambda}(alive=3, name="alive", twice=6, owner=ADDRESS)',
    'own()', 'refer(name="own", number=4)', 'refer(name="alive", number=3)',
    'elsewhere(executor=thread_pool)', 'either()',
    'running(time=100ms, held=job(id=5) [not started], executor=io_context)',
}  # fmt: skip
DANGLING = {
    "refer(name=<dangling>, number=<dangling>)",
    "session::read(this=<dangling>, times=<dangling>)",
    "start::{lambda}(name=<dangling>, number=<dangling>)",
}
RUNNING = "running (time=100ms, held=job(id=5) [not started], executor=io_context)"


def rows(listing):
    """What async-tasks shows, without numbers and places: calls, and remarks."""
    return [
        (re.sub(r"0x[0-9a-f]{2,}", "ADDRESS", call), remarks)
        for call, remarks in re.findall(r"^ *\d+ +(\S.*\)) at values\.cpp:\d+((?: \[[^]]*\])*)", listing, re.M)
    ]


class ValuesTest(unittest.TestCase):
    """The tests, for a debugger: a function that runs commands in it, and what it calls things."""

    session: Any
    load_core: Any
    break_at_still: str
    stack: str
    after_name: str
    print: str
    save_core: str
    own_way: str

    def standing_still(self, *commands):
        """What these commands print where everything waits."""
        return self.session(self.break_at_still, "run", *commands, program=PROGRAM)[2:]

    def test_values_in_rows(self):
        (listing,) = self.standing_still("async-tasks")
        calls = {call for call, _ in rows(listing) if not call.startswith(("nap(", "job(", "deaf("))}
        self.assertEqual(calls, ALIVE | DANGLING)
        self.assertIn(("nap(time=7200000ms)", " [on thread_pool]"), rows(listing))
        self.assertEqual([remarks for call, remarks in rows(listing) if call == "deaf()"], [" [cancelled]"])
        remarks = {remark for _, said in rows(listing) for remark in re.findall(r"\[(.*?)\]", said)}
        self.assertEqual(remarks, {"on thread_pool", "cancelled", "not started", "running on thread 1"})

    def test_values_in_the_stack(self):
        (stack,) = self.standing_still(self.stack)
        self.assertIn(RUNNING.replace(" (", self.after_name), stack)

    def test_values_of_expressions(self):
        *_, held, executor, time = self.standing_still("up", *(f"{self.print} {name}" for name in ("held", "executor", "time")))
        self.assertRegex(held, r"job\(id=5\) \[not started\]\n$")
        self.assertRegex(executor, r"\bio_context\n$")
        self.assertRegex(time, r"\b100(ms)?\b")

    def test_values_of_one_coroutine(self):
        (listing,) = self.standing_still("async-tasks")
        numbers: dict[str, str] = {}
        for number, name in re.findall(r"^ *(\d+) +(.*?)\((?!this=0x)", listing, re.M):
            numbers.setdefault(name, number)
        looks = [f"async-in {numbers[name]}" for name in ("times", "start::{lambda}", "hold", "session::read")]
        _listing, times, closure, hold, dangling = self.standing_still("async-tasks", *looks)
        self.assertIn("seconds = 3s\n", times)
        self.assertIn("local = 2min\n", times)
        self.assertEqual(closure, "name = <dangling>\nnumber = <dangling>\n")
        self.assertEqual(hold, "one = job(id=4) [not started]\nnone = empty\n")
        self.assertEqual(dangling, "this = <dangling>\ntimes = <dangling>\n")

    def test_what_dangles_in_a_core_dump(self):
        with tempfile.TemporaryDirectory() as folder:
            core = os.path.join(folder, "core")
            self.standing_still(f"{self.save_core} {core}")
            *_, listing = self.session(*self.load_core(core), "async-tasks", program=PROGRAM)
        calls = {call for call, _ in rows(listing) if not call.startswith(("nap(", "job(", "deaf("))}
        self.assertEqual(calls, ALIVE | DANGLING)

    def test_a_user_s_own_way_of_showing_an_executor_stays(self):
        *_, executor = self.standing_still(self.own_way, "up", f"{self.print} executor")
        self.assertIn("the user's own", executor)


@unittest.skipUnless(GDB, "no GDB")
class GDBTest(ValuesTest):
    """In GDB."""

    session = staticmethod(gdb)
    break_at_still = "break standing_still"
    stack, after_name, print, save_core = "bt", " (", "print", "generate-core-file"

    @staticmethod
    def load_core(core):
        return [f"core-file {core}"]

    own_way = (
        "python gdb.pretty_printers.insert(0, lambda value: type('P', (), {'to_string': lambda self: \"the user's own\"})()"
        " if value.type.strip_typedefs().name == 'boost::asio::any_io_executor' else None)"
    )


@unittest.skipUnless(LLDB, "no LLDB")
class LLDBTest(ValuesTest):
    """In LLDB."""

    session = staticmethod(lldb)
    break_at_still = "breakpoint set --name standing_still"
    stack, after_name, print, save_core = "async-bt", "(", "frame variable", "process save-core --style modified-memory"

    @staticmethod
    def load_core(core):
        return [f'target create --core "{core}" "{PROGRAM}"']

    own_way = "type summary add --summary-string \"the user's own\" boost::asio::any_io_executor"


if __name__ == "__main__":
    unittest.main()
