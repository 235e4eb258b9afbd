"""text.py: coroutines as text."""

from __future__ import annotations

from made_up import By, CppType, MadeUp, ModelTest, struct

from asio_coroutines import text

SOURCE = """
awaitable<void> session(int id, bool last, pair_t pair) {
    co_await pause(10);
}
awaitable<void> serve() {
    co_await pause(10);
}
"""


class Text(ModelTest):
    """What is shown of a coroutine."""

    def programs(self) -> list[MadeUp]:
        made = [MadeUp(by) for by in By]
        pair = struct("pair", first=CppType("int", 4), second=CppType("int", 4))
        for each in made:
            each.compile(SOURCE, types={"pair_t": pair})
        return made

    def test_a_call(self) -> None:
        for made in self.programs():
            session = made.read_coroutine(made.coroutine("session", line=2, id=7, last=1))
            self.assertEqual(text.call(session), "session(id=7, last=true, pair=...)")
            self.assertEqual(text.call(made.read_coroutine(made.coroutine("serve", line=5))), "serve()")

    def test_a_place(self) -> None:
        for made in self.programs():
            session = made.read_coroutine(made.coroutine("serve", line=5))
            self.assertEqual(text.place(session, 5), "server.cpp:5")
            self.assertEqual(text.call_and_place(session, 5), "serve() at server.cpp:5")
            self.assertEqual(text.statement(session, 5), "co_await pause(10);")
            self.assertEqual(text.statement(session, 99), "")

    def test_without_debug_information(self) -> None:
        for made in self.programs():
            made.strip("serve")
            session = made.read_coroutine(made.coroutine("serve", line=5))
            self.assertEqual(text.call_and_place(session, 0), "serve()")
            self.assertEqual(text.statement(session, 5), "")

    def test_a_value_behind_a_pointer_to_nowhere(self) -> None:
        made = self.programs()[0]
        session = made.read_coroutine(made.coroutine("session", line=2))
        variable = session.function.arguments[0]
        location = type(variable.location)(variable.location.offset, 8, -56)
        captured = type(variable)("captured", variable.type, location, True, 1)
        made.memory.write_words(session.frame + location.offset, 0x66660000)
        self.assertEqual(text.value(session, captured), "...")
        session.snapshot = made.snapshot()
        made.memory.make_unreadable(session.frame, 8)
        self.assertEqual(text.value(session, captured), "<unreadable>")
