"""machine.py: instructions as debuggers print them."""

from __future__ import annotations

from made_up import ModelTest

from asio_coroutines.machine import AARCH64, OTHER, UNUSED_STACK, X86_64, machine_named


class Machines(ModelTest):
    """Each processor."""

    def test_names(self) -> None:
        self.assertIs(machine_named("x86-64"), X86_64)
        self.assertIs(machine_named("aarch64"), AARCH64)
        self.assertIs(machine_named("riscv:rv64"), OTHER)

    def stored(self, size: int, offset: int | None, text: str) -> int | None:
        pattern = X86_64.store_pattern(size, offset)
        found = pattern.match(text) if pattern else None
        return int(found[1], 16) if found else None

    def test_a_store_at_an_offset(self) -> None:
        self.assertEqual(self.stored(1, 0x48, "movb   $0x1,0x48(%rax)"), 1)
        self.assertEqual(self.stored(2, 0x64, "movw   $0x1f,0x64(%rdx)"), 0x1F)
        self.assertIsNone(self.stored(1, 0x48, "movb   $0x1,0x4(%rax)"))
        self.assertIsNone(self.stored(1, 0x4, "movb   $0x1,0x48(%rax)"))
        self.assertIsNone(self.stored(1, 0x48, "movb   $0x1,-0x48(%rbp)"))
        self.assertIsNone(self.stored(1, 0x64, "movw   $0x1,0x64(%rax)"))
        self.assertIsNone(self.stored(2, 0x64, "mov    $0x1,0x64(%rax)"))

    def test_a_store_at_a_register(self) -> None:
        self.assertEqual(self.stored(1, None, "movb   $0x2,(%rax)"), 2)
        self.assertIsNone(self.stored(1, None, "movb   $0x2,0x8(%rax)"))

    def test_unknown_sizes_and_processors_have_no_pattern(self) -> None:
        self.assertIsNone(X86_64.store_pattern(16, 0))
        self.assertIsNone(AARCH64.store_pattern(1, 0))
        self.assertIsNone(OTHER.store_pattern(1, 0))

    def test_jumps(self) -> None:
        for text in "jmp    0x401020", "je     0x401020 <f()+8>", "jne    0x401020":
            self.assertTrue(X86_64.jump.match(text), text)
        for text in "call   0x401020 <jump()>", "mov    %rax,%rdi":
            self.assertFalse(X86_64.jump.match(text), text)
        for text in "b      0x401020", "b.ne   0x401020", "cbz    x0, 0x401020", "tbnz   w0, #0, 0x401020":
            self.assertTrue(AARCH64.jump.match(text), text)
        for text in "bl     0x401020", "br     x0", "blr    x8":
            self.assertFalse(AARCH64.jump.match(text), text)
        self.assertFalse(OTHER.jump.match("jmp 0x401020"))

    def test_calls(self) -> None:
        x86 = [(X86_64, "call   0x401020 <f(int)>"), (X86_64, "callq  0x401020")]
        for machine, text in [*x86, (AARCH64, "bl     0x401020")]:
            found = machine.call.match(text)
            self.assertEqual(found and found[1], "401020", text)
        for machine, text in (X86_64, "call   *%rax"), (AARCH64, "blr    x8"), (OTHER, "call   0x401020"):
            self.assertIsNone(machine.call.match(text), text)

    def test_only_where_two_registers_are_enough_may_a_coroutine_be_stood_in_for(self) -> None:
        self.assertTrue(X86_64.can_stand_in)
        self.assertFalse(AARCH64.can_stand_in or OTHER.can_stand_in)

    def test_registers_by_the_base_of_a_machine_frame(self) -> None:
        self.assertEqual(X86_64.registers_of(0x401020, 0x7F40, is_cfa=True), {"rip": 0x401020, "rbp": 0x7F30})
        self.assertEqual(X86_64.registers_of(0x401020, 0x7F40, is_cfa=False), {"rip": 0x401020, "rbp": 0x7F40})

    def test_no_processor_uses_its_stack_so_far_below_the_stack_pointer(self) -> None:
        for machine in X86_64, AARCH64, OTHER:
            self.assertLess(machine.red_zone, UNUSED_STACK)
