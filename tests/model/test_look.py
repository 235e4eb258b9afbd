"""look.py: a look into one coroutine."""

from __future__ import annotations

from made_up import INT, By, MadeUp, ModelTest, struct

from asio_coroutines.debugger import NoMemory, UserMistake
from asio_coroutines.look import What, callers, find, variables

SOURCE = """
awaitable<void> pause(int ms) {
    co_await timer.async_wait();
}
awaitable<void> session(int id, pair_t pair) {
    int count = 0;
    for (;;) {
        int inner = 1;
        co_await pause(10);
    }
    co_await pause(20);
}
"""


class Looks(ModelTest):
    """Variables and callers."""

    source, types = SOURCE, {"pair_t": struct("pair", first=INT, second=INT)}

    def test_arguments_and_locals(self) -> None:
        for made in self.programs():
            session = made.read_coroutine(made.coroutine("session", line=8, id=7, pair=1, count=3, inner=4))
            shown = variables(session, session.waiting_pc)
            arguments = ["id = 7", "pair = {first = 1, second = 0}"]
            self.assertEqual(shown, [*arguments, "inner = 4", "count = 3"])
            self.assertEqual(variables(session, session.waiting_pc, with_locals=False), arguments)
            self.assertEqual(variables(session, session.waiting_pc, with_arguments=False), ["inner = 4", "count = 3"])

    def test_only_what_is_visible_there(self) -> None:
        for made in self.programs():
            session = made.read_coroutine(made.coroutine("session", line=10, id=7, count=3))
            self.assertEqual(variables(session, session.waiting_pc, with_arguments=False), ["count = 3"])

    def test_none(self) -> None:
        for made in self.programs():
            pause = made.read_coroutine(made.coroutine("pause", line=2))
            shown = variables(pause, pause.waiting_pc, with_arguments=False)
            self.assertEqual(shown, ["No arguments, and no locals there."])

    def test_where_it_waits_and_what_is_to_be_seen_there(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=8, id=7, pair=1, count=3, inner=4)
            made.spawn(session)
            place = find(made.snapshot(), session.promise, 1)
            self.assertEqual((place.frame, place.line), (None, 8))
            arguments, locals_ = ["id = 7", "pair = {first = 1, second = 0}"], ["inner = 4", "count = 3"]
            self.assertEqual(place.rows(What.VARIABLES), arguments + locals_)
            self.assertEqual(place.rows(What.ARGUMENTS), arguments)
            self.assertEqual(place.rows(What.LOCALS), locals_)
            self.assertEqual(place.rows(What.CALLERS), ["session(id=7, pair=...) at server.cpp:8"])

    def test_where_it_runs(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=8, id=7, count=3)
            made.spawn(session)
            made.thread(made.running(session, line=10))
            place = find(made.snapshot(), session.promise, 1)
            assert place.frame
            self.assertEqual((place.pc, place.line), (place.frame.pc, 10))
            self.assertEqual(place.rows(What.LOCALS), ["count = 3"])

    def test_one_that_is_gone(self) -> None:
        for made in self.programs():
            with self.assertRaisesRegex(UserMistake, "number 3 is not there any more"):
                find(made.snapshot(), 0x1230, 3)

    def test_a_variable_by_its_name(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=8, id=7, inner=4)
            place = find(made.snapshot(), session.promise, 1)
            self.assertEqual([place.variable(name).name for name in ("inner", "id")], ["inner", "id"])
            with self.assertRaisesRegex(UserMistake, "session has no variable nosuch there"):
                place.variable("nosuch")

    def test_registers_take_a_process_and_a_processor_that_is_known(self) -> None:
        for made in self.programs():
            place = find(made.snapshot(), made.coroutine("session", line=8).promise, 1)
            self.assertTrue(place.has_registers)
            made.live = False  # a core dump
            self.assertFalse(place.has_registers)

    def test_long_values_are_cut(self) -> None:
        wide = struct("wide", **{f"member_{number}": INT for number in range(100)})
        for by in By:
            made = MadeUp(by)
            made.compile("awaitable<void> session(wide_t all) {\n    co_await pause();\n}\n", types={"wide_t": wide})
            session = made.read_coroutine(made.coroutine("session", line=2))
            (shown,) = variables(session, session.waiting_pc)
            self.assertRegex(shown, r"^all = \{member_0 = 0, .*\.\.\.$")
            self.assertLess(len(shown), 320)

    def test_who_awaits_it(self) -> None:
        for made in self.programs():
            joining = made.coroutine("session", line=10, id=1)
            session, pause = made.coroutine("session", line=8, id=2), made.coroutine("pause", line=2, ms=5)
            made.spawn(session, pause, waiter=made.spawn(joining))
            self.assertEqual(
                list(callers(made.read_coroutine(pause), 3)),  # it runs in line 3
                [
                    "pause(ms=5) at server.cpp:3",
                    "session(id=2, pair=...) at server.cpp:8",
                    "[waits for task] session(id=1, pair=...) at server.cpp:10",
                ],
            )

    def test_as_far_as_that_can_be_read(self) -> None:
        for made in self.programs():
            pause = made.coroutine("pause", line=2, ms=5)
            made.memory.write_words(pause.promise + 16, 0x123450)
            rows = callers(made.read_coroutine(pause), 2)
            self.assertEqual(next(rows), "pause(ms=5) at server.cpp:2")
            with self.assertRaises(NoMemory):
                next(rows)
