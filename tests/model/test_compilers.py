"""compilers.py: what GCC and Clang make of a coroutine."""

from __future__ import annotations

from made_up import INT, By, CppType, MadeUp, ModelTest

from asio_coroutines.compilers import (
    GCC, Clang, Compiler, Variable, compiler_of, is_creation, is_resuming, is_wrapper, variables_in
)  # fmt: skip
from asio_coroutines.debugger import Instruction, Member, Symbol
from asio_coroutines.location import Location
from asio_coroutines.machine import AARCH64, X86_64

IN_FRAME = "DW_OP_fbreg -8, DW_OP_deref, DW_OP_plus_uconst 0x50"


def symbol(name: str, location: str = IN_FRAME, is_argument: bool = False, line: int = 7) -> Symbol:
    return Symbol(name, INT, location, is_argument, line)


def variables(*names: str) -> list[Variable]:
    return variables_in(symbol(name) for name in names)


def no_members(_type: CppType) -> list[Member]:
    return []


def code(*texts: str) -> list[Instruction]:
    """Each instruction in a line of its own: 1, 2, 3."""
    return [Instruction(0x1000 + at, 0x1000 + at, at + 1, text) for at, text in enumerate(texts)]


def places(compiler: Compiler, body: list[Instruction], offset: int) -> dict[int, int]:
    """The instruction to show for each suspension point."""
    found = compiler.suspensions(body, X86_64, offset)
    return {number: compiler.place_of(suspension) for number, suspension in found.items()}


class Variables(ModelTest):
    """What of the debug information is the program's."""

    def test_only_what_is_in_the_coroutine_frame_counts(self) -> None:
        found = variables_in([symbol("id"), symbol("on_stack", "DW_OP_fbreg -20")])
        self.assertEqual(found, [Variable("id", INT, Location(0x50, None, -8), False, 7)])

    def test_who_compiled_it(self) -> None:
        self.assertIsInstance(compiler_of(variables("frame", "_Coro_resume_index")), GCC)
        self.assertIsInstance(compiler_of(variables("__promise", "__coro_frame")), Clang)
        self.assertIsNone(compiler_of(variables("id", "__promise")))
        self.assertIsNone(compiler_of([]))

    def test_gcc_has_the_arguments_between_two_variables_of_its_own(self) -> None:
        body = variables("_Coro_promise", "_Coro_self_handle", "this", "id", "D.12", "_Coro_resume_index", "Is", "sum")
        self.assertEqual([each.name for each in GCC().arguments(body, no_members)], ["this", "id"])

    def test_gccs_body_without_a_handle(self) -> None:
        found = GCC().arguments(variables("id", "_Coro_resume_index"), no_members)
        self.assertEqual([each.name for each in found], ["id"])

    def test_an_argument_may_have_any_name(self) -> None:  # B6, B7
        body = variables("_Coro_self_handle", "frame_ptr", "Is", "Fs", "Aw0", "T1", "_Coro_resume_index", "Is")
        found = GCC().arguments(body, no_members)
        self.assertEqual([each.name for each in found], ["frame_ptr", "Is", "Fs", "Aw0", "T1"])

    def test_clang_marks_arguments(self) -> None:
        body = variables_in([symbol("id", is_argument=True), symbol("count"), symbol("__this", is_argument=True)])
        self.assertEqual([each.name for each in Clang().arguments(body, no_members)], ["id"])

    def test_what_a_lambda_has_captured_comes_first(self) -> None:
        captured = "DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x40, DW_OP_deref"
        before = [symbol(name) for name in ("_Coro_self_handle", "__closure", "id", "_Coro_resume_index")]
        after = [symbol("period", f"{captured}, DW_OP_plus_uconst 0x20"), symbol("name", captured), symbol("Fs")]
        found = GCC().arguments(variables_in(before + after), no_members)
        self.assertEqual([each.name for each in found], ["name", "period", "id"])
        body = variables_in([symbol("id", is_argument=True), symbol("this", is_argument=True)])
        members = [Member("name", 0, INT), Member("period", 32, INT)]
        of_lambda = Clang().arguments(body, lambda _type: members)
        self.assertEqual([each.name for each in of_lambda], ["id", "name", "period"])
        self.assertEqual(of_lambda[2].location, Location(0x50, 32, -8))
        self.assertEqual([each.name for each in Clang().arguments(body, no_members)], ["id", "this"])

    def test_what_gcc_makes_itself_is_declared_in_no_line(self) -> None:
        self.assertTrue(GCC().is_programs("Aw0", 7))
        self.assertFalse(GCC().is_programs("Aw0", 0))
        self.assertFalse(GCC().is_programs("_Coro_promise", 7))
        self.assertFalse(GCC().is_programs("__for_range", 7))

    def test_what_clang_makes_itself_begins_with_underscores(self) -> None:
        self.assertTrue(Clang().is_programs("Aw0", 0))
        self.assertFalse(Clang().is_programs("__promise", 7))

    def test_where_the_number_is(self) -> None:
        made = MadeUp(By.CLANG)
        frame = CppType("Frame", members=[Member("id", 0x40, INT), Member("__coro_index", 0x48, INT)])
        by_name = {"__coro_frame": Variable("__coro_frame", frame, Location(0, None, -8), False, 0)}
        self.assertEqual(Clang().number_offset(by_name, made.members), 0x48)
        self.assertIsNone(Clang().number_offset({}, made.members))
        by_name = {"_Coro_resume_index": variables("_Coro_resume_index")[0]}
        self.assertEqual(GCC().number_offset(by_name, made.members), 0x50)
        self.assertIsNone(GCC().number_offset({}, made.members))


class Numbers(ModelTest):
    """What the number of a coroutine tells besides its co_await."""

    def test_gccs_is_odd_in_one_that_has_been_destroyed(self) -> None:
        self.assertIs(GCC().is_destroyed(4), False)
        self.assertIs(GCC().is_destroyed(5), True)

    def test_clangs_does_not_tell(self) -> None:
        self.assertIsNone(Clang().is_destroyed(1))


class Code(ModelTest):
    """What functions are for, and where they suspend."""

    def test_clangs_wrappers(self) -> None:
        self.assertTrue(is_wrapper("session(int) [clone .__await_suspend_wrapper__await]"))
        self.assertFalse(is_wrapper("session(int)"))

    def test_ramps_have_variables_of_the_compilers(self) -> None:
        for name in "_Coro_frameptr", "__coro_frame", "__promise":
            self.assertTrue(is_creation([symbol("id"), symbol(name)]), name)
        self.assertFalse(is_creation([symbol("id"), symbol("__promised"), symbol("my__promise")]))

    def test_clang_has_two_bodies_that_destroy(self) -> None:
        self.assertTrue(is_resuming("_Z5pausei.resume") and is_resuming("_Z5pausei.actor") and is_resuming(""))
        self.assertFalse(is_resuming("_Z5pausei.destroy") or is_resuming("_Z5pausei.cleanup"))

    def test_gcc_shows_the_call_of_await_suspend(self) -> None:
        body = code("movw   $0x4,0x64(%rax)", "mov    %rax,%rdi", "call   0x1 <_ZN13await_suspendE>")
        self.assertEqual(places(GCC(), body, 0x64), {4: 0x1002})

    def test_clang_shows_the_store_of_the_number(self) -> None:
        body = code("movb   $0x1,0x48(%rax)", "mov    %rax,%rdi", "call   0x1 <f.__await_suspend_wrapper__await>")
        self.assertEqual(places(Clang(), body, 0x48), {1: 0x1000})

    def test_a_store_that_no_suspension_follows_is_no_suspension(self) -> None:
        body = code("movw   $0x4,0x64(%rax)", "call   0x1 <trace>", "ret")
        self.assertEqual(GCC().suspensions(body, X86_64, 0x64), {})

    def test_a_suspension_needs_a_store_of_its_own(self) -> None:
        body = code("movw   $0x4,0x64(%rax)", "call   0x1 <await_suspend>", "call   0x1 <await_suspend>")
        self.assertEqual(places(GCC(), body, 0x64), {4: 0x1001})

    def test_with_addresssanitizer_the_last_store_before_the_suspension_is_that_of_the_number(self) -> None:
        body = code(  # bool first = true; co_await ...;
            "movb   $0x1,(%rax)",
            "call   0x1 <__asan_report_store1>",
            "movb   $0x1,(%rax)",
            "call   0x1 <f.__await_suspend_wrapper__await>",
        )
        self.assertEqual(places(Clang(), body, 0x48), {1: 0x1002})

    def test_on_other_processors_none_is_found(self) -> None:
        self.assertEqual(GCC().suspensions(code("strh w0, [x1]", "bl <await_suspend>"), AARCH64, 0x64), {})
