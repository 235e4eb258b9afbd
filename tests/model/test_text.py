"""text.py: coroutines as text."""

from __future__ import annotations

from made_up import ModelTest

from asio_coroutines import text

SOURCE = """
awaitable<void> session(int id) {
    co_await pause(10);
}
awaitable<void> serve() {
    co_await pause(10);
}
"""


class Text(ModelTest):
    """What is shown of a coroutine."""

    source = SOURCE

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
