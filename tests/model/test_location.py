"""location.py: where a variable is, in the words of GDB and LLDB."""

from __future__ import annotations

from made_up import ModelTest

from asio_coroutines.location import Location, parse


class Locations(ModelTest):
    """parse()."""

    def test_in_gdbs_words(self) -> None:
        words = """a complex DWARF expression:
     0: DW_OP_fbreg -264
     3: DW_OP_deref
     4: DW_OP_plus_uconst 72
, length 4."""
        self.assertEqual(parse(words), Location(72, None, -264))

    def test_in_lldbs_words(self) -> None:
        self.assertEqual(
            parse("DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x64"), Location(0x64, None, -56)
        )

    def test_at_the_beginning_of_the_coroutine_frame(self) -> None:
        self.assertEqual(parse("DW_OP_fbreg -8, DW_OP_deref"), Location(0, None, -8))

    def test_by_a_register(self) -> None:
        self.assertEqual(parse("DW_OP_breg5 RDI+0, DW_OP_deref, DW_OP_plus_uconst 0x10"), Location(16, None, 0))

    def test_behind_a_pointer_in_the_coroutine_frame(self) -> None:
        words = "DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x48, DW_OP_deref, DW_OP_plus_uconst 0x8"
        self.assertEqual(parse(words), Location(0x48, 8, -56))
        words = "DW_OP_fbreg -56, DW_OP_deref, DW_OP_plus_uconst 0x48, DW_OP_deref"
        self.assertEqual(parse(words), Location(0x48, 0, -56))

    def test_not_in_a_coroutine_frame(self) -> None:
        for words in (
            "",
            "optimized out.",
            "static storage at address 0x4010",
            "DW_OP_addr 0x4010",
            "DW_OP_fbreg -20",
            "a variable at frame base reg $rbp offset 16+-20, length 4.",
        ):
            with self.subTest(words):
                self.assertIsNone(parse(words))
