"""Tests what the debugger helpers say of values, in GDB and in LLDB: in the lists of coroutines, stacks and variables.

    COROUTINES=<path> GDB=<path> python3 test_values.py GDBTest

The program is the one called values, beside COROUTINES, built with -O0 -g."""

import re
import unittest

from cases import DebuggerTest, InGDB, InLLDB
from common import VALUES, beside
from printed import Row, listed, rows

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
RUNNING = Row("running", "time=100ms, held=job(id=5) [not started], executor=io_context", "standing_still();")


def calls(listing: str) -> list[tuple[str, list[str]]]:
    """What async-tasks shows, without numbers and places: calls, and remarks."""
    return [(re.sub(r"0x[0-9a-f]{2,}", "ADDRESS", row.call), row.remarks) for row in listed(listing)]


class ValuesTest(DebuggerTest):
    """What both debuggers say."""

    still, still_source = beside("values"), VALUES
    print = ""  # shows a variable
    own_way = ""  # the user's, of showing an executor

    def assert_arguments(self, listing: str) -> None:
        """Those of all coroutines whose arguments do not vary."""
        found = {call for call, _ in calls(listing) if not call.startswith(("nap(", "job(", "deaf("))}
        self.assertEqual(found, ALIVE | DANGLING)
        self.assertEqual({row.file for row in listed(listing)}, {"values.cpp"})

    def test_values_in_rows(self):
        listing = self.standing_still("async-tasks")["async-tasks"]
        self.assert_arguments(listing)
        found = calls(listing)
        self.assertIn(("nap(time=7200000ms)", ["on thread_pool"]), found)
        self.assertEqual([remarks for call, remarks in found if call == "deaf()"], [["cancelled"]])
        remarks = {remark for _, remarks in found for remark in remarks}
        self.assertEqual(remarks, {"on thread_pool", "cancelled", "not started", "running on thread 1"})

    def test_values_in_the_stack(self):
        said = self.standing_still(self.backtrace)
        self.assertIn(RUNNING, rows(said[self.backtrace]))

    def test_values_of_expressions(self):
        said = self.standing_still("up", *(f"{self.print} {name}" for name in ("held", "executor", "time")))
        held, executor, time = said.last(3)
        self.assertRegex(held, r"job\(id=5\) \[not started\]\n$")
        self.assertRegex(executor, r"\bio_context\n$")
        self.assertRegex(time, r"\b100(ms)?\b")

    def test_values_of_one_coroutine(self):
        numbers: dict[str, int] = {}
        for row in listed(self.standing_still("async-tasks")["async-tasks"]):
            if not row.arguments.startswith("this=0x"):
                numbers.setdefault(row.function, row.number)
        looks = [f"async-in {numbers[name]}" for name in ("times", "start::{lambda}", "hold", "session::read")]
        times, closure, hold, dangling = self.standing_still("async-tasks", *looks).last(4)
        self.assertIn("seconds = 3s\n", times)
        self.assertIn("local = 2min\n", times)
        self.assertEqual(closure, "name = <dangling>\nnumber = <dangling>\n")
        self.assertEqual(hold, "one = job(id=4) [not started]\nnone = empty\n")
        self.assertEqual(dangling, "this = <dangling>\ntimes = <dangling>\n")

    def test_what_dangles_in_a_core_dump(self):
        self.assert_arguments(self.session_with_core("async-tasks")["async-tasks"])

    def test_a_user_s_own_way_of_showing_an_executor_stays(self):
        show = f"{self.print} executor"
        self.assertIn("the user's own", self.standing_still(self.own_way, "up", show)[show])


class GDBTest(InGDB, ValuesTest):
    """In GDB."""

    print = "print"
    own_way = (
        "python gdb.pretty_printers.insert(0,"
        " lambda value: type('P', (), {'to_string': lambda self: \"the user's own\"})()"
        " if value.type.strip_typedefs().name == 'boost::asio::any_io_executor' else None)"
    )


class LLDBTest(InLLDB, ValuesTest):
    """In LLDB."""

    print = "frame variable"
    own_way = "type summary add --summary-string \"the user's own\" boost::asio::any_io_executor"


if __name__ == "__main__":
    unittest.main(verbosity=2)
