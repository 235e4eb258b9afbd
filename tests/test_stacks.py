"""Tests the logical stacks that the debuggers show: who awaits whom, with arguments and lines.

    ASYNC_EXAMPLE=<path> COROUTINES=<path> GDB=<path> python3 test_stacks.py GDBTest

Beside coroutines are the builds of the other programs.
"""

import dataclasses
import os
import re
import unittest
from dataclasses import dataclass

from cases import NEEDS, DebuggerTest, InGDB, InLLDB
from common import COROUTINES, FLAGS, NAMES, OTHER, beside
from printed import Row, functions, plain, rows
from walks import SLEEPING

THREAD = r"^((start_thread|\?\?) (\w*clone\w*|\?\?))?$"  # where a thread begins; without libc's symbols, ?? or nothing

# What awaits what: function, arguments, statement.
IN_MAIN = "workers=thread_pool, failing_task=0"
FETCHING = Row("async_main", IN_MAIN, "const std::string data = co_await fetch_data(1);")
PROCESSING = Row("async_main", IN_MAIN, "co_await process_item(item);")
JOIN = "const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks(workers, std::move(tasks));"
JOINING = Row("async_main", IN_MAIN, JOIN)
WAITING = Row("[waits for task] join_tasks", "workers=thread_pool, tasks=...",
              "auto [order, errors, results] = co_await std::move(joined);")  # fmt: skip
THROWS = 'if (fail) throw std::runtime_error{"simulated failure"};'


@dataclass(frozen=True)
class Stack:
    """What the backtrace has to show at the line of its first row."""

    rows: list[Row]
    condition: str = ""  # for GDB: of a breakpoint there

    @property
    def is_on_worker(self) -> bool:
        """Whether a worker's thread runs it, not the main thread."""
        return any(row.function == "async_task" for row in self.rows)


TASK_2 = "task_id=2, fail=false"
STACKS = [
    Stack([Row("fetch_data", "id=1", 'trace("Fetching data for id: {}", id);'), FETCHING]),
    Stack([Row("fetch_data", "id=1", 'co_return fmt::format("Data_{}", id);'), FETCHING]),
    Stack([Row("async_main", IN_MAIN, 'trace("Fetched data: {}", data);')]),
    Stack([Row("async_main", IN_MAIN, "const bool all_succeeded = report(outcomes);")]),
    Stack([Row("join_tasks", "workers=thread_pool, tasks=...", "co_return outcomes;"), JOINING]),
    Stack([Row("process_item", "item=1", 'trace("Processing item: {}", item);'), PROCESSING]),
    Stack([Row("process_item", "item=3", 'trace("Item {} processed", item);'), PROCESSING], "item == 3"),
    Stack([Row("async_task", TASK_2, "const std::chrono::milliseconds delay{task_id * 100};"), WAITING, JOINING],
          "task_id == 2"),
    Stack([Row("async_task", TASK_2, "co_return task_id * 10;"), WAITING, JOINING], "task_id == 2"),
]  # fmt: skip

# The coroutines of coroutines.cpp that await each other in nested().
NESTED = [
    Row("pack", "first=3, rest=2, rest=3.5, rest='c'", "co_await operate(asio::use_awaitable);"),
    Row("hidden", "depth=3", "co_await pack(depth, 2L, 3.5, 'c');"),
    Row("functor::operator()", "depth=2", "co_await hidden(depth + 1);"),
    Row("functor::on_lvalue", "value=1", "co_await (*this)(value + 1);"),
    Row("nested::{lambda}", "value=1.5", "co_await object.on_lvalue(static_cast<int>(value));"),
    Row("nested", "", "co_await generic(1.5);"),
]
CALLBACKS = [
    'std::puts("called back");',
    "asio::dispatch(executor, [] {",
    "return asio::async_initiate<Token, void()>([](auto handler) { begin(std::move(handler)); }, token);",
]
RACING = [
    Row("raced", "number=1", 'std::puts("raced");'),
    Row("[waits for task] race", "", 'co_await (raced(1) || net::pause_for(1h, "race"));'),
]


def plainly(found: list[Row]) -> list[Row]:
    """With arguments that do not depend on compiler and debugger."""
    return [dataclasses.replace(row, arguments=plain(row.arguments)) for row in found]


def outer(found: list[Row]) -> str:
    """The functions, in one line."""
    return " ".join(row.function for row in found)


class StackTest(DebuggerTest):
    """The stacks that both debuggers show."""

    def test_stack_in_an_operation(self):
        """On the stack of a coroutine that has suspended itself runs an operation, or another coroutine."""
        said = self.session(
            self.break_at("operation: callback", OTHER), "run", self.backtrace,
            self.break_at("raced: start", OTHER), "continue", self.backtrace, program=COROUTINES)  # fmt: skip
        nested, race = said.each(self.backtrace)
        self.assertEqual([row.statement for row in rows(nested)[:3]], CALLBACKS, nested)
        self.assertEqual(plainly(rows(nested)[3:-2]), NESTED, nested)
        self.assertEqual(rows(race)[:-2], RACING, race)
        for backtrace in nested, race:
            self.assertEqual(functions(backtrace)[-2:], ["run", "main"])

    def test_stack_and_async_next_beyond_a_part_without_debug_information(self):
        said = self.session(
            self.break_at("mixed: start", OTHER, once=True), "run", self.backtrace, *(3 * ["async-next"]),
            program=COROUTINES)  # fmt: skip
        backtrace = said[self.backtrace]
        self.assertEqual(rows(backtrace)[0], Row("debugged", "number=1", "number += 1;"), backtrace)
        self.assertIn("undebugged", [row.function for row in rows(backtrace) if not row.file])
        self.assertIn(Row("mixed", "", "const int number = co_await undebugged(1);"), rows(backtrace), backtrace)
        self.assertEqual(backtrace.count(NEEDS), 1, backtrace)
        steps = "".join(said.each("async-next"))
        beyond = self.texts(steps, "co_return number;", "const int number = co_await undebugged(1);")
        self.assertEqual(beyond[0], 'std::printf("%d\\n", number);')

    def test_stack_and_async_next_in_optimised_code(self):
        said = self.session(
            self.break_at("flags: stop", FLAGS), "run", self.backtrace, "finish", "async-next",
            program=beside("optimized"))  # fmt: skip
        self.assertRegex(said[self.backtrace], r"(?s)#0.* stop ?\(.*\binner ?\(.*\bmain ?\(")
        self.assertEqual(said[self.backtrace].count(NEEDS), 1, said)
        self.assertIn(f"This is a plain next: {NEEDS}.", said["async-next"])

    def test_stack_with_address_sanitizer(self):
        if not os.path.exists(beside("sanitized")):
            self.skipTest("only where Clang has it")
        said = self.session(self.break_at("flags: stop", FLAGS), "run", self.backtrace, program=beside("sanitized"))
        inner = Row("inner", "number=1", "stop(number);")
        outermost = Row("outer", "", "const int number = co_await inner(1);")
        self.assertEqual(rows(said[self.backtrace])[1:3], [inner, outermost], said)

    def test_stack_of_names_that_are_hard_to_read(self):
        """Those of operators, and of a lambda in a const member; in a folder that is named as the library's is."""
        said = self.session(
            self.break_at("names: lambda", NAMES), self.break_at("names: operator", NAMES),
            "run", self.backtrace, "continue", self.backtrace, program=beside("names"))  # fmt: skip
        for backtrace, name, statement in zip(
            said.each(self.backtrace),
            ("server::serve::{lambda}", "server::operator&&"),
            (["co_await attempt(1);", "co_await server.serve();"], ["co_await (server && 2);"]),
        ):
            first, *others, _main = rows(backtrace)
            self.assertEqual(first.function, name, backtrace)
            self.assertEqual([row.statement for row in others], statement, backtrace)

    def test_stack_has_no_rows_of_asio(self):
        """The entry point of a task that has ended is below the one that goes on: it calls nobody of ours."""
        said = self.session(self.break_at("rows: joined", NAMES), "run", self.backtrace, program=beside("names"))
        found = rows(said[self.backtrace])
        self.assertEqual([row.function for row in found], ["whole", "caller", "main"], said)
        statements = ['std::puts("joined");', "co_await whole();", "context.run();"]
        self.assertEqual([row.statement for row in found], statements)


class GDBTest(InGDB, StackTest):
    """Also what is GDB's own: frames that can be selected, parts of a backtrace."""

    def assert_stack(self, backtrace: str, expected: Stack) -> None:
        """The coroutines are those expected, and only main or the thread's first functions are below them."""
        found = rows(backtrace)
        self.assertEqual(found[: len(expected.rows)], expected.rows, backtrace)
        pattern = THREAD if expected.is_on_worker else "^run main$"
        self.assertRegex(outer(found[len(expected.rows) :]), pattern, backtrace)

    def test_stack_at_markers(self):
        breaks = [self.break_at(stack.rows[0].statement, condition=stack.condition) for stack in STACKS]
        stacks = self.session(*breaks, "run", *(12 * ["bt", "continue"])).each("bt")
        for expected in STACKS:
            with self.subTest(statement=expected.rows[0].statement):
                found = [backtrace for backtrace in stacks if rows(backtrace)[:1] == expected.rows[:1]]
                self.assertTrue(found, stacks)
                self.assert_stack(found[0], expected)

    def test_stack_below_a_helper_coroutine_and_a_function(self):
        sleeping = Row("sleep_for", "duration=100ms", SLEEPING)
        fetch_data = Row("fetch_data", "id=1", "co_await sleep_for(100ms);")
        said = self.session(self.break_at(SLEEPING), "run", "bt")
        self.assert_stack(said["bt"], Stack([sleeping, fetch_data, FETCHING]))

        said = self.session(
            self.break_at("milliseconds delay{", once=True, condition="task_id == 3"), "run", "set $it = $_thread",
            self.break_at(SLEEPING, condition="$_thread == $it"), "continue", "bt")  # fmt: skip
        task = Row("async_task", "task_id=3, fail=false", "co_await sleep_for(delay);")
        sleeping = Row("sleep_for", "duration=300ms", SLEEPING)
        self.assert_stack(said["bt"], Stack([sleeping, task, WAITING, JOINING]))

        said = self.session(self.break_at('trace("Processing item', once=True), "run", "break trace", "continue", "bt")
        item = Row("process_item", "item=1", 'trace("Processing item: {}", item);')
        self.assertEqual(rows(said["bt"])[1:3], [item, PROCESSING], said)

    def test_stack_where_a_task_throws(self):
        backtrace = self.session("catch throw", "run", "bt", arguments="--fail 2")["bt"]
        throw = next(row for row in rows(backtrace) if row.function == "async_task")
        self.assertEqual(throw, Row("async_task", "task_id=2, fail=true", THROWS), backtrace)
        self.assertNotRegex(backtrace, "asio::|coroutine_handle")

    def test_stack_of_other_coroutines(self):
        said = self.session(
            self.break_at("chain: innermost", OTHER), "run", "bt", "set language c", "bt", program=COROUTINES)
        backtrace, in_c = said.each("bt")
        names = [name.split("<")[0] for name in functions(backtrace)[:4]]
        # Where GDB has libc's symbols, a frame of libc's may make C the current language.
        self.assertEqual([name.split("<")[0] for name in functions(in_c)[:4]], names, in_c)
        pause, serve, attempt, listen = rows(backtrace)[:4]
        self.assertRegex(pause.function, r"^net::pause_for(<std::chrono::duration<.*>)?$", backtrace)
        self.assertEqual(pause.arguments, 'duration=10ms, reason="served"', backtrace)
        self.assertEqual(pause.statement, "std::puts(reason.c_str());", backtrace)
        self.assertEqual(serve.function, "net::session::serve", backtrace)
        self.assertRegex(serve.arguments, r"rounds=2$", backtrace)
        self.assertEqual(serve.statement, 'served += co_await pause_for(10ms, "served");', backtrace)
        self.assertEqual(attempt.function, "listen::{lambda}", backtrace)
        self.assertEqual(attempt.statement, "const int served = co_await session.serve(rounds);", backtrace)
        self.assertEqual(listen.function, "listen", backtrace)
        self.assertEqual(listen.statement, "co_await attempt(2);", backtrace)

    def test_captures_of_an_awaiting_lambda(self):
        """In GCC's coroutines they are where a pointer in the coroutine frame leads to."""
        said = self.session(self.break_at("chain: innermost", OTHER), "run", "bt full", program=COROUTINES)
        captured = re.search(r" listen::\{lambda\} .*\n(?: {8}.*\n)*? {8}session = (.*)", said["bt full"])
        self.assertIn(captured and captured[1], ("{port = 7}", None), said)  # Clang has no such variable

    def test_less_and_more_of_the_stack(self):
        said = self.session(
            self.break_at('trace("Fetching data'), "run", "bt 2", "bt -1", "bt -3", "bt -no-filters", "bt full",
            "disable frame-filter global asio", "bt")  # fmt: skip
        self.assertEqual(functions(said["bt 2"]), ["fetch_data", "async_main"])
        self.assertEqual(functions(said["bt -1"]), ["main"])
        self.assertEqual(functions(said["bt -3"]), ["async_main", "run", "main"])
        self.assertRegex(said["bt -3"], "^#1 ")  # A hidden frame's: GDB wants a number there. 0 is fetch_data's.
        self.assertIn("awaitable_frame_base", said["bt -no-filters"])
        self.assertEqual(said["bt -no-filters"], said["bt"])
        self.assertIn("main_context = ", said["bt full"])

    def test_stack_outside_coroutines_is_unchanged(self):
        for place in "main", "epoll_wait":
            said = self.session(f"break {place}", "run", "bt", "bt -no-filters")
            self.assertIn("#0 ", said["bt -no-filters"])
            self.assertEqual(said["bt"], said["bt -no-filters"])

    def test_unreadable_stack(self):
        resume = "frame 2"  # of awaitable_frame_base
        said = self.session(
            self.break_at('trace("Fetching data'), "run", resume, "set var this->caller_ = 16", "frame 0", "bt")
        self.assertEqual(functions(said["bt"]), ["fetch_data", "run", "main"], said)
        self.assertIn("(not all coroutines are readable: ", said["bt"])


class LLDBTest(InLLDB, StackTest):
    """Also where LLDB stops otherwise than GDB."""

    def test_stack_at_markers(self):
        breaks = [self.break_at(stack.rows[0].statement) for stack in STACKS]
        stacks = self.session(*breaks, "run", *(20 * ["async-bt", "continue"])).each("async-bt")
        for expected in STACKS:
            top, *callers = expected.rows
            with self.subTest(statement=top.statement):
                arguments = top.arguments
                if expected.is_on_worker:  # whichever LLDB selects of those that stop at the same time
                    arguments = "task_id=[123], fail=false"
                found = [
                    found for found in map(rows, stacks)
                    if found and (found[0].function, found[0].statement) == (top.function, top.statement)
                    and re.fullmatch(arguments, found[0].arguments)
                ]  # fmt: skip
                self.assertIn(callers, [rows_[1 : len(expected.rows)] for rows_ in found], stacks)
                pattern = THREAD if expected.is_on_worker else "^run main$"
                self.assertRegex(outer(found[-1][len(expected.rows) :]), pattern, stacks)

    def test_stack_below_a_helper_coroutine(self):
        # Clang puts a part of a co_await into a function of its own, which is no coroutine: go on to there, too.
        stop = "lldb.target.GetBreakpointAtIndex(0)"
        to_wrapper = ("script print([place.SetEnabled('await_suspend' in place.GetAddress().function.name) "
                      f"for place in {stop}.locations], {stop}.locations)")  # fmt: skip
        said = self.session(
            self.break_at("Fetching data"), "run", "breakpoint delete -f", self.break_at(SLEEPING), "continue",
            "async-bt", to_wrapper, "continue", "async-bt")  # fmt: skip
        at_line, within = said.each("async-bt")
        sleeping = Row("sleep_for", "duration=100ms", SLEEPING)
        fetch_data = Row("fetch_data", "id=1", "co_await sleep_for(100ms);")
        self.assertEqual(rows(at_line)[:3], [sleeping, fetch_data, FETCHING], at_line)
        if "__await_suspend_wrapper__" in said[to_wrapper]:
            names = functions(within)[:3]
            self.assertEqual(names, ["sleep_for", "async_task", "[waits for task] join_tasks"], within)

    def test_stack_where_a_task_throws(self):
        said = self.session("breakpoint set -E c++", "run", "async-bt", arguments="--fail 2")
        self.assertIn(Row("async_task", "task_id=2, fail=true", THROWS), rows(said["async-bt"]), said)

    def test_stack_outside_coroutines(self):
        said = self.session("breakpoint set -n main", "run", "async-bt")
        self.assertIn("`main(", said["async-bt"])

    def test_stack_of_other_coroutines(self):
        backtrace = self.session(
            self.break_at("chain: innermost", OTHER), "run", "async-bt", program=COROUTINES)["async-bt"]  # fmt: skip
        names = r"^net::pause_for.* net::session::serve listen.*(lambda|operator).* listen( |$)"
        self.assertRegex(" ".join(functions(backtrace)), names, backtrace)
        self.assertEqual([row.statement for row in rows(backtrace)[:4]], [
            "std::puts(reason.c_str());",
            'served += co_await pause_for(10ms, "served");',
            "const int served = co_await session.serve(rounds);",
            "co_await attempt(2);",
        ], backtrace)  # fmt: skip


if __name__ == "__main__":
    unittest.main(verbosity=2)
