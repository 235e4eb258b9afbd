"""program.py: functions, and a snapshot of the memory."""

from __future__ import annotations

from unittest.mock import patch

from made_up import MadeUp, ModelTest

from asio_coroutines.debugger import NoMemory
from asio_coroutines.program import PAGE

START = 0x10000


class Snapshots(ModelTest):
    """A snapshot of the memory."""

    def setUp(self) -> None:
        self.made = MadeUp()
        self.made.memory.map(START, 4 * PAGE)
        self.snapshot = self.made.snapshot()
        self.made.memory.reads.clear()

    def test_a_page_is_read_once(self) -> None:
        self.made.memory.write_words(START + 8, 1, 2)
        self.assertEqual(self.snapshot.word(START + 8), 1)
        self.assertEqual(self.snapshot.word(START + 16), 2)
        self.assertEqual(self.snapshot.read(START + 8, 4), b"\1\0\0\0")
        self.assertEqual(self.made.memory.reads, [(START, PAGE)])

    def test_a_snapshot_keeps_what_it_has_read(self) -> None:
        self.assertEqual(self.snapshot.word(START), 0)
        self.made.memory.write_words(START, 7)
        self.assertEqual(self.snapshot.word(START), 0)
        self.assertEqual(self.made.snapshot().word(START), 7)

    def test_across_the_edge_of_a_page(self) -> None:
        self.snapshot.word(START)
        edge = START + PAGE - 4
        self.made.memory.write_words(edge, 0x1122334455667788)
        self.assertEqual(self.snapshot.word(edge), 0x1122334455667788)
        self.assertEqual(self.snapshot.read(edge, 8), bytes.fromhex("8877665544332211"))
        self.made.memory.write_words(START + PAGE - 8, 5)
        self.assertEqual(self.made.snapshot().word(START + PAGE - 8), 5)

    def test_a_page_that_is_only_a_part(self) -> None:
        self.made.memory.map(0x20000 + 0x100, 0x40)
        self.made.memory.write_words(0x20108, 7)
        self.assertEqual(self.snapshot.word(0x20108), 7)
        with self.assertRaises(NoMemory):
            self.snapshot.word(0x20140)

    def test_no_memory(self) -> None:
        self.made.memory.make_unreadable(START + PAGE, PAGE)
        for address in 0, -8, 0x999000, START + PAGE, START + PAGE - 4, 1 << 64, 1 << 70:
            with self.subTest(hex(address)), self.assertRaises(NoMemory):
                self.snapshot.word(address)
        with self.assertRaises(NoMemory):
            self.snapshot.read(START, -1)


class Functions(ModelTest):
    """The functions of a program."""

    def test_each_is_looked_up_once_until_the_program_is_loaded_anew(self) -> None:
        made = MadeUp()
        made.compile("void main() {\n    run();\n}\n")
        start = made.function("main").info.start
        main = made.model.function(start)
        self.assertEqual(main and main.name, "main")
        self.assertIs(made.model.function(start), main)
        self.assertIs(made.model.function(start + 4), main)
        made.model.forget()
        self.assertIsNot(made.model.function(start), main)

    def test_programs_with_different_code_at_the_same_address(self) -> None:
        """Two inferiors with two builds."""
        made, other = MadeUp(), MadeUp()
        made.compile("void main() {\n    run();\n}\n")
        other.compile("void other() {\n    run();\n}\n")
        start = made.function("main").info.start
        self.assertEqual(other.function("other").info.start, start)
        main = made.model.function(start)
        made.code = 2
        with patch.object(made, "function_at", other.function_at):
            function = made.model.function(start)
            self.assertEqual(function and function.name, "other")
        made.code = 1
        self.assertIs(made.model.function(start), main)

    def test_no_function(self) -> None:
        self.assertIsNone(MadeUp().model.function(0x1234))

    def test_a_function_of_an_unknown_processor_has_no_suspensions(self) -> None:
        made = MadeUp()
        made.machine = "riscv:rv64"
        made.compile("awaitable<void> session() {\n    co_await pause();\n}\n")
        session = made.model.function(made.function("session").info.start)
        assert session
        self.assertEqual(session.suspension(4), session.start)
        self.assertEqual(session.machine.name, "other")
