"""function.py: a function's statements, suspension points and variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from made_up import By, MadeUp, ModelTest

from asio_coroutines.function import Function

SESSION = """
awaitable<void> session(int id) {
    trace(id);
    bool first = true;
    for (;;) {
        int count = read();
        co_await pause();
        trace(count);
    }
    try {
        co_await pause();
    } catch (const error&) {
        trace(0);
    }
}
"""


def both(text: str = SESSION, with_asan: bool = False) -> Iterator[tuple[MadeUp, Function]]:
    """The function session, compiled by both."""
    for by in By:
        made = MadeUp(by, with_asan=with_asan)
        made.compile(text)
        yield made, session_of(made)


def session_of(made: MadeUp) -> Function:
    found = made.model.function(made.function("session").info.start)
    assert found
    return found


class Bodies(ModelTest):
    """The bodies of coroutines."""

    def test_what_it_is(self) -> None:
        for _, session in both():
            self.assertEqual(session.name, "session")
            self.assertFalse(session.is_library or session.is_entry_point)
            self.assertTrue(session.is_readable)
            self.assertEqual(session.lines, [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 14])

    def test_who_compiled_it(self) -> None:
        self.assertEqual([session.compiler and session.compiler.name for _, session in both()], ["GCC", "Clang"])

    def test_arguments_and_locals(self) -> None:
        for made, session in both():
            pc = session.suspension(made.function("session").suspensions[6])
            self.assertEqual([each.name for each in session.arguments], ["id"])
            self.assertEqual([each.name for each in session.locals(pc)], ["count", "first"])
            pc = session.suspension(made.function("session").suspensions[10])
            self.assertEqual([each.name for each in session.locals(pc)], ["first"])

    def test_a_local_that_hides_an_argument_is_a_local(self) -> None:
        text = """
        awaitable<void> session(int id) {
            for (;;) {
                int id = 2;
                co_await pause();
            }
        }
        """
        for made, session in both(text):
            pc = session.suspension(made.function("session").suspensions[4])
            self.assertEqual([each.name for each in session.locals(pc)], ["id"])
            self.assertNotEqual(session.locals(pc)[0].location, session.arguments[0].location)

    def test_where_the_coroutine_frames_address_is(self) -> None:
        self.assertEqual([session.spill for _, session in both()], [-56, -8])

    def test_the_debugger_is_asked_once(self) -> None:
        for made, session in both():
            self.assertIs(made.model.function(session.start), session)
            self.assertIs(session.code, session.code)
            self.assertIs(session.variables(session.start), session.variables(session.start))


class Suspensions(ModelTest):
    """Where it suspends."""

    def test_the_line_of_each_co_await(self) -> None:
        for with_asan in False, True:
            for made, session in both(with_asan=with_asan):
                for line, number in made.function("session").suspensions.items():
                    self.assertEqual(session.line_of(session.suspension(number)), line)

    def test_a_store_of_the_same_value_in_the_statement_before(self) -> None:
        text = """
        awaitable<void> session() {
            bool first = true;
            co_await pause();
        }
        """
        for with_asan in False, True:  # with AddressSanitizer both stores look alike
            for made, session in both(text, with_asan):
                number = made.function("session").suspensions[3]
                self.assertEqual(session.line_of(session.suspension(number)), 3)

    def test_an_unknown_number_is_where_the_function_begins(self) -> None:
        for _, session in both():
            self.assertEqual(session.suspension(99), session.start)
            self.assertEqual(session.line_of(session.start), 1)
            self.assertEqual(session.line_of(0), 1)


class Statements(ModelTest):
    """Where a step may end."""

    def lines(self, session: Function) -> set[int]:
        return set(session.statements.values())

    def test_all_but_the_first_and_the_last_line(self) -> None:
        for _, session in both():
            self.assertEqual(self.lines(session), {2, 3, 4, 5, 6, 7, 10, 11, 12})

    def test_the_last_line_counts_if_it_is_more_than_a_brace(self) -> None:
        for made, session in both("awaitable<void> session() {\n    co_await pause();\n} // end\n"):
            self.assertIn(3, self.lines(session))
        for made, session in both("awaitable<void> session() {\n    co_await pause();\n};\n"):
            self.assertNotIn(3, self.lines(session))

    def test_the_prologue_has_none_though_clang_labels_it_with_lines_of_the_body(self) -> None:
        made = MadeUp(By.CLANG)
        made.compile(SESSION)
        session = session_of(made)
        in_prologue = made.function("session").pc(2)
        self.assertLess(in_prologue, session.first_jump)
        self.assertNotIn(in_prologue, session.statements)
        self.assertIn(made.function("session").pc(2, 1), session.statements)

    def test_only_rows_of_the_line_table_begin_statements(self) -> None:
        for _, session in both():
            self.assertTrue(all(session.code[pc].row == pc for pc in session.statements))

    def test_handlers_of_exceptions(self) -> None:
        for made, session in both():
            self.assertIn(made.function("session").pc_of("__cxa_begin_catch", 11), session.handlers)
            self.assertEqual(len(session.handlers), 2)  # and Asio's own, around the whole body


class Scattered(ModelTest):
    """Where GCC's line table has parts of a co_await on other lines."""

    TEXT = """
    awaitable<void> session(int id) {
        trace(id);
        co_await pause();
        trace(4);
        for (;;) {
            trace(6);
        }
        trace(8);
    }
    """

    def compiled(self, by: By = By.GCC) -> MadeUp:
        made = MadeUp(by)
        made.compile(self.TEXT)
        return made

    def put(self, made: MadeUp, text: str, line: int, other: int) -> int:
        """Puts the first instruction with this text in a line on another one. Returns its address."""
        instructions = made.function("session").instructions
        at = next(at for at, each in enumerate(instructions) if text in each.text and each.line == line)
        instructions[at] = dataclasses.replace(instructions[at], line=other)
        made.model.forget()
        return instructions[at].pc

    def test_the_operand_on_the_last_line(self) -> None:
        made = self.compiled()
        operand = self.put(made, "call", 3, 9)
        self.assertEqual(session_of(made).running_line(operand, 9), 3)
        self.assertEqual(session_of(made).running_line(operand, 2), 2)  # a line of its own is right
        end = made.function("session").pc_of("return_void")
        self.assertEqual(session_of(made).running_line(end, 9), 9)
        self.assertEqual(session_of(made).running_line(session_of(made).start, 1), 1)  # the initial suspension follows

    def test_what_clang_puts_on_the_last_line_is_there(self) -> None:
        made = self.compiled(By.CLANG)
        self.assertEqual(session_of(made).running_line(session_of(made).start, 9), 9)

    def test_a_co_await_of_several_lines_is_on_its_first(self) -> None:
        made = self.compiled()
        self.put(made, "movw   $0x4", 1, 2)
        call = self.put(made, "await_suspend", 3, 4)
        session = session_of(made)
        self.assertEqual(session.line_of(call), 2)
        self.assertEqual([session.running_line(call, line) for line in (2, 3, 4, 6)], [2, 2, 2, 6])

    def test_where_gcc_does_not_tell_the_first_line_the_text_does(self) -> None:  # GCC 16
        made = MadeUp(By.GCC)
        made.compile(self.TEXT.replace("pause();", "pause(\n            4);"))
        call = self.put(made, "await_suspend", 3, 4)
        self.assertEqual(session_of(made).line_of(call), 3)
        made = self.compiled()  # what is on line 3 is another statement
        call = self.put(made, "await_suspend", 3, 4)
        self.assertEqual(session_of(made).line_of(call), 4)

    def test_the_calls_of_an_operand(self) -> None:
        made = self.compiled()
        operand = session_of(made).calls_on(3)[0]
        self.put(made, "call", 3, 9)
        self.assertIn(operand, session_of(made).calls_on(3))

    def test_a_jump_back_at_the_end_of_a_loop_is_no_statement(self) -> None:
        for by in By:
            made = self.compiled(by)
            function = made.function("session")
            at = next(at for at, each in enumerate(function.instructions) if each.text.startswith("cmpl"))
            jump, following = function.instructions[at : at + 2]
            back = function.pc(6)
            function.instructions[at] = dataclasses.replace(jump, text=f"jmp    0x{back:x}")
            function.instructions[at + 1] = dataclasses.replace(following, row=following.pc)
            made.model.forget()
            session = session_of(made)
            self.assertEqual(jump.pc in session.statements, by is By.CLANG)
            self.assertEqual(session.ends_of_loops, {jump.pc} if by is By.GCC else set())

    def test_the_first_statement(self) -> None:
        for by in By:
            made = self.compiled(by)
            session = session_of(made)
            self.assertEqual(session.line_of(session.first_statement), 2)
            self.assertGreater(session.first_statement, session.first_jump)
            self.assertIn(session.first_statement, session.statements)
            started = made.function("session").pc_of("suspend_always12await_resume")
            self.assertGreater(session.first_statement, started)

    def test_the_first_statement_is_behind_the_initial_suspension(self) -> None:
        made = self.compiled()
        self.put(made, "await_suspend", 9, 2)  # GCC labels the initial suspension with some line of the body
        started = made.function("session").pc_of("suspend_always12await_resume")
        self.assertGreater(session_of(made).first_statement, started)

    def test_the_first_statement_of_a_function_of_one_line(self) -> None:
        for _, session in both("awaitable<void> session(int id) {\n} // co_return\n"):
            self.assertGreater(session.first_statement, session.first_jump)

    def test_the_first_statement_of_one_line_is_not_in_a_librarys_inlined_code(self) -> None:  # GCC 16
        for by in By:
            made = MadeUp(by)
            made.compile("awaitable<void> session() {\n    print(1);\n}\n")
            function = made.function("session")
            inlined = function.pc(2, -1)
            function.instructions[:] = [
                dataclasses.replace(each, line=0 if each.row == inlined else 1) for each in function.instructions
            ]
            made.model.forget()
            session = session_of(made)
            self.assertEqual(session.line_of(session.first_statement), 1)
            self.assertGreater(session.first_statement, inlined)


class Calls(ModelTest):
    """The functions that it calls."""

    def test_those_of_a_line(self) -> None:
        for made, _ in both(SESSION + "void trace(int x) {\n    print(x);\n}\n"):
            trace = made.function("trace").info.start
            made.model.forget()
            self.assertEqual(session_of(made).calls_on(2), [trace])
            self.assertNotIn(trace, session_of(made).calls_on(6))
            self.assertEqual(session_of(made).calls_on(99), [])

    def test_a_function_begins_behind_its_prologue(self) -> None:
        for made, _ in both("void session() {\n    print(1);\n}\n"):
            self.assertEqual(session_of(made).after_prologue, made.function("session").pc(2))
            made.strip("session")
            self.assertEqual(session_of(made).after_prologue, session_of(made).start)


class WithoutDebugInformation(ModelTest):
    """A body of which only the name is known."""

    def test_it_is_not_readable(self) -> None:
        for made, _ in both():
            made.strip("session")
            session = session_of(made)
            self.assertFalse(session.is_readable)
            self.assertIsNone(session.compiler)
            self.assertIsNone(session.spill)
            self.assertEqual(session.lines, [0])
            self.assertEqual((session.arguments, session.locals(session.start), session.statements), ([], [], {}))
            self.assertEqual(session.suspension(4), session.start)

    def test_a_body_without_its_number_is_not_readable(self) -> None:
        made = MadeUp(By.CLANG)
        made.compile(SESSION)
        made.function("session").own[1].type.members.clear()
        self.assertFalse(session_of(made).is_readable)


class EntryPoints(ModelTest):
    """Asio's own coroutine at the end of a chain."""

    def test_it_is_known_by_its_name(self) -> None:
        for by in By:
            for asio in "boost::asio", "asio", "asio::v103802":
                made = MadeUp(by, asio=asio)
                function = made.read_coroutine(made.entry_point()).function
                self.assertTrue(function.is_entry_point and function.is_library)
                self.assertEqual(function.top_of_stack_offset, 96)
                self.assertEqual(len(function.paths_to_task.wanted), 1)
                self.assertEqual(function.paths_to_waiter.wanted, [])
