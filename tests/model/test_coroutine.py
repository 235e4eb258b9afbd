"""coroutine.py: one coroutine at one stop."""

from __future__ import annotations

import itertools

from made_up import By, CppType, MadeUp, MadeUpCoroutine, ModelTest, awaitable_thread, pointer, struct

from asio_coroutines.coroutine import Coroutine, chain
from asio_coroutines.debugger import Member, NoCoroutine, NoDebugInformation, NoMemory, UnknownAsio

SOURCE = """
awaitable<void> pause(int ms) {
    co_await timer.async_wait();
}
awaitable<void> session(int id) {
    int count = 0;
    co_await pause(10);
    co_await pause(20);
}
"""


class CoroutineTest(ModelTest):
    """Has the program above, compiled by each compiler in turn."""

    source = SOURCE


class Coroutines(CoroutineTest):
    """What is known of a coroutine."""

    def test_where_it_waits(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=6, id=7)
            self.assertEqual(made.read_coroutine(session).waiting_line, 6)
            made.wait_at(session, line=7)
            self.assertEqual(made.read_coroutine(session).waiting_line, 7)

    def test_what_it_has(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=6, id=7, count=3)
            read = made.read_coroutine(session)
            self.assertEqual(read.name, "session")
            self.assertEqual([each.name for each in read.locals], ["count"])
            self.assertEqual(read.address_of(read.locals[0]), session.address_of("count"))
            self.assertEqual(read.destroy, made.function("session").info.start + 1)
            self.assertFalse(read.is_attached or read.has_not_started)

    def test_a_variable_behind_a_pointer(self) -> None:
        made = self.programs()[0]
        session = made.coroutine("session", line=6)
        closure = made.heap.allocate(32)
        made.memory.write_words(session.frame + 0x48, closure)
        read = made.read_coroutine(session)
        variable = read.locals[0]
        behind = type(variable)(
            "captured", variable.type, type(variable.location)(0x48, 8, -56), False, 5
        )
        self.assertEqual(read.address_of(behind), closure + 8)

    def test_one_that_has_not_started(self) -> None:
        for made in self.programs():
            session = made.coroutine("session")
            self.assertTrue(made.read_coroutine(session).has_not_started)
            self.assertEqual(made.read_coroutine(session).waiting_line, 4)

    def test_one_that_is_awaited_or_runs_has_started(self) -> None:
        for made in self.programs():
            session = made.coroutine("session")
            made.spawn(session)
            self.assertFalse(made.read_coroutine(session).has_not_started)
            session = made.coroutine("session")
            made.running(session, line=5)
            self.assertFalse(made.read_coroutine(session).has_not_started)
            self.assertTrue(made.read_coroutine(session).is_attached)

    def test_an_unknown_number_is_told_as_the_first_line(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=6)
            made.set_number(session, 90)
            self.assertEqual(made.read_coroutine(session).waiting_line, 4)

    def test_what_is_no_coroutine(self) -> None:
        made = self.programs()[0]
        session = made.coroutine("session", line=6)
        garbage = made.heap.allocate(64)
        made.memory.write_words(garbage, garbage, 0, garbage - 16, 0)
        for promise in garbage, garbage + 8, session.frame, session.promise + 8:
            with self.subTest(hex(promise)), self.assertRaises((NoCoroutine, NoMemory)):
                Coroutine(made.snapshot(), promise)
        with self.assertRaises(NoMemory):
            Coroutine(made.snapshot(), 0)
        made.memory.write_words(session.frame, made.function("session").info.start + 4)
        with self.assertRaises(NoCoroutine):  # in the middle of a function
            made.read_coroutine(session)
        made.memory.write_words(session.frame, 0)  # at its final suspension
        with self.assertRaises(NoCoroutine):
            made.read_coroutine(session)

    def test_a_promise_further_behind_its_frame(self) -> None:
        made = self.programs()[0]
        session = made.coroutine("session", line=6)
        made.memory.write_words(session.frame + 64, session.frame)
        self.assertEqual(Coroutine(made.snapshot(), session.frame + 64).frame, session.frame)


class Registers(CoroutineTest):
    """Registers with which a debugger sees a coroutine that waits."""

    def test_the_promise_is_where_the_body_keeps_the_frames_address(self) -> None:
        gcc, clang = self.programs()
        session = gcc.coroutine("session", line=6)
        read = gcc.read_coroutine(session)
        self.assertEqual(read.registers(), {"rip": read.waiting_pc, "rbp": session.promise + 56 - 16})
        session = clang.coroutine("session", line=6)
        read = clang.read_coroutine(session)
        self.assertEqual(read.registers(), {"rip": read.waiting_pc, "rbp": session.promise + 8})

    def test_not_where_that_is_unknown(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=6)
            made.set_number(session, 90)
            with self.assertRaisesRegex(NoDebugInformation, "-O0 -g"):
                made.read_coroutine(session).registers()
            self.assertFalse(made.read_coroutine(session).has_registers)
            made.strip("session")
            with self.assertRaisesRegex(NoDebugInformation, "-O0 -g"):
                made.read_coroutine(session).registers()

    def test_not_on_other_processors(self) -> None:
        made = self.programs()[0]
        made.machine = "aarch64"
        session = made.coroutine("session", line=6)
        with self.assertRaisesRegex(NoDebugInformation, "x86-64"):
            made.read_coroutine(session).registers()

    def test_one_that_has_not_started_has_them(self) -> None:
        for made in self.programs():
            session = made.coroutine("session")
            self.assertIn("rbp", made.read_coroutine(session).registers())
            self.assertTrue(made.read_coroutine(session).has_registers)


class Chains(CoroutineTest):
    """chain()."""

    def test_up_to_the_entry_point(self) -> None:
        for made in self.programs():
            outer, inner = made.coroutine("session", line=6), made.coroutine("pause", line=2)
            entry_point = made.spawn(outer, inner)
            promises = [inner.promise, outer.promise, entry_point.promise]
            self.assertEqual(list(chain(made.snapshot(), inner.promise)), promises)

    def test_a_circle_ends_where_it_closes(self) -> None:
        made = self.programs()[0]
        outer, inner = made.coroutine("session", line=6), made.coroutine("pause", line=2)
        made.set_caller(inner, outer)
        made.set_caller(outer, inner)
        promises = list(itertools.islice(chain(made.snapshot(), inner.promise), 10))
        self.assertEqual(promises, [inner.promise, outer.promise])

    def test_none(self) -> None:
        self.assertEqual(list(chain(MadeUp().snapshot(), 0)), [])

    def test_one_that_leads_nowhere(self) -> None:
        made = self.programs()[0]
        inner = made.coroutine("pause", line=2)
        made.memory.write_words(inner.promise + 16, 0x123450)
        promises = chain(made.snapshot(), inner.promise)
        self.assertEqual([next(promises), next(promises)], [inner.promise, 0x123450])  # as far as that goes
        with self.assertRaises(NoMemory):
            next(promises)


class EntryPoints(CoroutineTest):
    """What an entry point tells."""

    def waiter_of(self, made: MadeUp, entry_point: MadeUpCoroutine) -> int:
        return made.read_coroutine(entry_point).waiter()

    def test_the_innermost_coroutine(self) -> None:
        for made in self.programs():
            outer, inner = made.coroutine("session", line=6), made.coroutine("pause", line=2)
            entry_point = made.spawn(outer, inner)
            self.assertEqual(made.read_coroutine(entry_point).top_of_stack(), inner.promise)

    def test_asio_with_another_name_is_blamed_not_the_build(self) -> None:
        for by in By:
            made = MadeUp(by)
            made.top_of_stack = "renamed_"
            with self.assertRaisesRegex(UnknownAsio, "co_spawn_entry_point has no top_of_stack_"):
                made.read_coroutine(made.spawn()).top_of_stack()

    def test_without_debug_information_the_build_is_blamed(self) -> None:
        for by in By:
            made = MadeUp(by)
            entry_point = made.spawn()
            made.strip("boost::asio::detail::co_spawn_entry_point")
            with self.assertRaisesRegex(NoDebugInformation, "-O0 -g"):
                made.read_coroutine(entry_point).top_of_stack()

    def test_who_waits_for_a_task(self) -> None:
        for asio in "boost::asio", "asio", "asio::v103802":
            for made in self.programs(asio=asio):
                waiting = made.coroutine("session", line=6)
                task = made.spawn(made.coroutine("pause", line=2), waiter=made.spawn(waiting))
                self.assertEqual(self.waiter_of(made, task), waiting.promise)

    def test_nobody_waits(self) -> None:
        for made in self.programs():
            self.assertEqual(self.waiter_of(made, made.spawn(made.coroutine("pause", line=2))), 0)

    def test_a_handler_that_has_been_moved_from(self) -> None:
        for made in self.programs():
            task = made.spawn(waiter=made.spawn(made.coroutine("session", line=6)))
            made.memory.write_words(task.address_of("handler"), 0)
            self.assertEqual(self.waiter_of(made, task), 0)

    def task_with(self, made: MadeUp, handler: CppType, *words: int) -> MadeUpCoroutine:
        task = made.spawn(made.coroutine("pause", line=2), handler=handler)
        made.memory.write_words(task.address_of("handler"), *words)
        return task

    def test_a_waiter_behind_pointers(self) -> None:
        for made in self.programs():
            waiting = made.coroutine("session", line=6)
            state = struct("group_state", mutex=CppType("mutex", 40), handler=awaitable_thread())
            handler = struct("group_handler", index=CppType("int", 4), shared=pointer(pointer(state)))
            middle, far = made.heap.allocate(16), made.heap.allocate(64)
            made.memory.write_words(middle, far)
            made.memory.write_words(far + 40, made.spawn(waiting).promise)
            self.assertEqual(self.waiter_of(made, self.task_with(made, handler, 0, middle)), waiting.promise)
            self.assertEqual(self.waiter_of(made, self.task_with(made, handler, 0, 0)), 0)
            self.assertEqual(self.waiter_of(made, self.task_with(made, handler, 0, 0x66660000)), 0)

    def test_a_waiter_in_the_second_of_two_lambdas_that_share_a_name(self) -> None:  # B8
        for made in self.programs():
            waiting = made.coroutine("session", line=6)
            first = struct("{lambda()#1}", a=CppType("int", 4))
            second = struct("{lambda()#1}", handler=awaitable_thread())
            handler = struct("both", first=first, second=second)
            task = self.task_with(made, handler, 0, made.spawn(waiting).promise)
            self.assertEqual(self.waiter_of(made, task), waiting.promise)

    def test_of_several_the_first_that_is_alive(self) -> None:
        for made in self.programs():
            waiting = made.coroutine("session", line=6)
            handler = struct("several", a=awaitable_thread(), b=awaitable_thread(), c=awaitable_thread())
            task = self.task_with(made, handler, 0, 0x66660000, made.spawn(waiting).promise)
            self.assertEqual(self.waiter_of(made, task), waiting.promise)

    def test_a_waiter_where_the_debugger_knows_no_member(self) -> None:
        for made in self.programs():
            waiting = made.coroutine("session", line=6)
            state = CppType("group_state", 64, [Member("mutex", 0, CppType("mutex", 40))], is_class=True)
            shared = made.heap.allocate(64)
            task = self.task_with(made, struct("group_handler", shared=pointer(state)), shared)
            for word in 0, 0x66660000, task.promise, waiting.promise:  # not the entry point of another task
                made.memory.write_words(shared + 48, word)
                self.assertEqual(self.waiter_of(made, task), 0)
            made.memory.write_words(shared + 48, made.spawn(waiting).promise)
            self.assertEqual(self.waiter_of(made, task), waiting.promise)

    def test_one_still_to_start_where_the_debugger_knows_no_member(self) -> None:
        for made in self.programs():
            task = made.spawn(handler=CppType("handler", 8, is_class=True))
            started, other = made.coroutine("pause", line=2), made.coroutine("pause")
            for coroutine, expected in (started, 0), (other, other.promise):
                made.memory.write_words(task.address_of("handler"), coroutine.promise)
                self.assertEqual(made.read_coroutine(task).task(), expected)

    def test_the_coroutine_that_is_still_to_start(self) -> None:
        for made in self.programs():
            pause = made.coroutine("pause")
            self.assertEqual(made.read_coroutine(made.spawn_unstarted(pause)).task(), pause.promise)
            self.assertEqual(made.read_coroutine(made.spawn(pause)).task(), 0)
