"""breaks.py: the coroutines that a name means, and where their bodies begin."""

from __future__ import annotations

from made_up import MadeUp, ModelTest

from asio_coroutines.breaks import bodies_named
from asio_coroutines.debugger import UserMistake

SOURCE = """
awaitable<void> net::serve(int rounds) {
    trace(rounds);
}
awaitable<void> preserve(int rounds) {
    trace(rounds);
}
awaitable<void> listen::{lambda} {
    trace(1);
}
void plain(int number) {
    print(number);
}
awaitable<void> boost::asio::serve(int rounds) {
    trace(rounds);
}
""".replace("{lambda} {", "{lambda}() {")


class Breaks(ModelTest):
    """bodies_named()."""

    source = SOURCE

    def named(self, made: MadeUp, words: str) -> list[str]:
        return [body.name for body in bodies_named(made.model, words)]

    def test_with_scopes_and_without(self) -> None:
        for made in self.programs():
            for words in "serve", "net::serve", " net::serve(int) ", "::net::serve":
                self.assertEqual(self.named(made, words), ["net::serve"], words)

    def test_a_lambda(self) -> None:
        for made in self.programs():
            made.rename("listen::{lambda}", "listen()::{lambda()#1}::operator()() const")
            self.assertEqual(self.named(made, "listen::{lambda}"), ["listen::{lambda}"])

    def test_only_bodies_that_resume(self) -> None:
        made = self.programs()[1]
        made.linker_names[made.function("net::serve").info.start] = "_ZN3net5serveEi.resume"
        self.assertEqual(self.named(made, "serve"), ["net::serve"])
        made.linker_names[made.function("net::serve").info.start] = "_ZN3net5serveEi.destroy"
        with self.assertRaises(UserMistake):
            self.named(made, "serve")

    def test_a_true_sentence_where_there_is_none(self) -> None:
        for made in self.programs():
            for words, sentence in (
                ("nothing", "^There is no coroutine nothing in the program$"),
                ("plain", "^plain is no coroutine"),
                ("", "^async-break takes the name of a coroutine"),
                ("boost::asio::serve", "^There is no coroutine boost::asio::serve in the program$"),
            ):
                with self.assertRaisesRegex(UserMistake, sentence):
                    self.named(made, words)

    def test_a_body_that_cannot_be_read(self) -> None:
        made = self.programs()[1]
        made.function("net::serve").own[1].type.members.clear()
        with self.assertRaisesRegex(UserMistake, "-O0 -g"):
            self.named(made, "serve")
