"""values.py: what the values of a coroutine's variables say."""

from __future__ import annotations

import struct as binary
from fractions import Fraction

from made_up import BOOL, INT, CppType, MadeUp, MadeUpCoroutine, ModelTest, awaitable_of, pointer, reference, struct

from asio_coroutines import values
from asio_coroutines.coroutine import Coroutine

SOURCE = """
awaitable<void> session(int id, bool last, pair_t pair) {
    co_await pause(10);
}
awaitable<void> serve() {
    co_await pause(10);
}
awaitable<void> hold(awaitable_t job) {
    co_await pause(10);
}
awaitable<void> one(value_t value) {
    co_await pause(10);
}
awaitable<void> member(object_t this, int id) {
    co_await pause(10);
}
awaitable<void> watch(closure_t this) {
    co_await pause(10);
}
"""
CLOSURE = struct("", user=INT, period=INT)
STRING = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"
MILLISECONDS = "std::chrono::duration<long, std::ratio<1, 1000> >"
NOWHERE = 0x66660000


class ValuesTest(ModelTest):
    """Has the program above, compiled by each compiler in turn."""

    source = SOURCE
    types = {
        "pair_t": struct("pair", first=INT, second=INT),
        "awaitable_t": awaitable_of("boost::asio", "int"),
        "value_t": INT,
        "object_t": pointer(CppType("session")),
        "closure_t": pointer(CLOSURE),
    }

    def programs_with(self, value: CppType) -> list[MadeUp]:
        """Where one() has an argument of this type."""
        return self.programs(types={"value_t": value})

    def lambda_(self, made: MadeUp, closure: int) -> MadeUpCoroutine:
        """A coroutine of a lambda, whose captures are at that address."""
        made.rename("watch", "start()::{lambda()#1}::operator()() const")
        return made.coroutine("watch", line=17, this=closure)

    def call(self, made: MadeUp, coroutine: MadeUpCoroutine, unused: range = range(0)) -> str:
        read = made.read_coroutine(coroutine)
        read.snapshot.find_unused_stack = lambda: [unused]
        return values.call(read)

    def check(self, value: CppType, memory: bytes, expected: str) -> None:
        """An argument of this type, with these bytes, is shown so."""
        for made in self.programs_with(value):
            coroutine = made.coroutine("one", line=11)
            made.memory.write(coroutine.address_of("value"), memory)
            self.assertEqual(self.call(made, coroutine), f"one(value={expected})")

    def check_text(self, characters: bytes, expected: str) -> None:
        for made in self.programs_with(CppType(STRING, 32)):
            coroutine, text = made.coroutine("one", line=11), made.heap.allocate(100)
            made.memory.write(text, characters)
            made.memory.write_words(coroutine.address_of("value"), text, len(characters))
            self.assertEqual(self.call(made, coroutine), f"one(value={expected})")


class Calls(ValuesTest):
    """call()."""

    def test_a_call(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=2, id=7, last=1)
            self.assertEqual(self.call(made, session), "session(id=7, last=true, pair=...)")
            self.assertEqual(self.call(made, made.coroutine("serve", line=5)), "serve()")

    def test_common_values_do_not_take_the_debugger(self) -> None:
        for made in self.programs():
            self.call(made, made.coroutine("session", line=2, id=7, last=1))
            self.assertEqual([name for name, _ in made.texts], ["pair"])

    def test_a_member_function(self) -> None:
        for made in self.programs():
            coroutine = made.coroutine("member", line=14, this=0x1230, id=2)
            self.assertEqual(self.call(made, coroutine), "member(this=0x1230, id=2)")

    def test_what_a_lambda_has_captured(self) -> None:
        for made in self.programs():
            closure = made.heap.allocate(16)
            made.memory.write_words(closure, 5, 6)
            coroutine = self.lambda_(made, closure)
            self.assertEqual(self.call(made, coroutine), "start::{lambda}(user=5, period=6)")


class Values(ValuesTest):
    """value(), by type."""

    def test_numbers(self) -> None:
        self.check(INT, b"\xff\xff\xff\xff", "-1")
        self.check(CppType("unsigned short", 2), b"\xff\xff", "65535")
        self.check(BOOL, b"\0", "false")
        self.check(BOOL, b"\7", "7")  # uninitialised: as the debugger shows it

    def test_strings(self) -> None:
        self.check_text(b"ann", '"ann"')
        self.check_text(b"", '""')
        self.check_text(b'say "\n\x01"', r'"say \"\n\x01\""')
        self.check_text("Ä€\\".encode(), '"Ä€\\"')
        self.check_text(b"\xff\xfe", r'"\xff\xfe"')
        self.check_text(b"x" * 40, f'"{40 * "x"}"')
        self.check_text(b"x" * 41, f'"{40 * "x"}"...')

    def test_what_is_no_string(self) -> None:
        for made in self.programs_with(CppType(STRING, 32)):
            coroutine = made.coroutine("one", line=11)
            made.memory.write_words(coroutine.address_of("value"), NOWHERE, 5)
            self.assertEqual(self.call(made, coroutine), "one(value=<unreadable>)")
            made.memory.write_words(coroutine.address_of("value"), NOWHERE, 1 << 40)
            self.call(made, coroutine)
            self.assertEqual([name for name, _ in made.texts], [STRING])

    def test_a_string_view(self) -> None:
        for made in self.programs_with(CppType("std::basic_string_view<char, std::char_traits<char> >", 16)):
            coroutine, text = made.coroutine("one", line=11), made.heap.allocate(16)
            made.memory.write(text, b"annabel")
            made.memory.write_words(coroutine.address_of("value"), 3, text)
            self.assertEqual(self.call(made, coroutine), 'one(value="ann")')

    def test_a_pointer_to_characters(self) -> None:
        for made in self.programs_with(pointer(CppType("char", 1))):
            text = made.heap.allocate(100)
            made.memory.write(text, b"x" * 41 + b"\0")
            coroutine = made.coroutine("one", line=11, value=text + 38)
            self.assertEqual(self.call(made, coroutine), 'one(value="xxx")')
            coroutine = made.coroutine("one", line=11, value=text)
            self.assertEqual(self.call(made, coroutine), f'one(value="{40 * "x"}"...)')
            for address in 0, NOWHERE:
                coroutine = made.coroutine("one", line=11, value=address)
                self.assertEqual(self.call(made, coroutine), f"one(value=0x{address:x})")

    def test_durations(self) -> None:
        self.check(CppType(MILLISECONDS), binary.pack("<q", 100), "100ms")
        self.check(CppType("std::chrono::duration<long, std::ratio<60, 1> >"), binary.pack("<q", -2), "-2min")
        self.check(CppType("std::chrono::duration<int, std::ratio<1, 30> >", 4), binary.pack("<i", 5), "5*1/30s")
        self.check(CppType("std::chrono::duration<double, std::ratio<1, 1> >"), binary.pack("<d", 1.5), "1.5s")

    def test_time_points(self) -> None:
        self.assertEqual(
            values.time_point(1_700_000_000, Fraction(1), "std::chrono::system_clock"), "2023-11-14 22:13:20.000000 UTC"
        )
        self.assertEqual(values.time_point(1500, Fraction(1, 1000), "steady_clock"), "1.5s of steady_clock")
        never = (1 << 63) - 1
        self.assertEqual(values.time_point(never, Fraction(1), "system_clock"), "9.22337203685478e+18s of system_clock")
        self.assertEqual(values.time_point(float("nan"), Fraction(1), "system_clock"), "nans of system_clock")
        self.check(CppType(f"std::chrono::time_point<clock, {MILLISECONDS} >"), binary.pack("<q", 20), "0.02s of clock")

    def test_executors(self) -> None:
        self.check(CppType("boost::asio::any_io_executor", 56), bytes(56), "empty")
        self.check(
            CppType("boost::asio::strand<boost::asio::thread_pool::basic_executor_type<std::allocator<void>, 0> >"),
            bytes(8),
            "strand of thread_pool",
        )

    def test_sockets(self) -> None:
        impl = struct("io_object_impl", implementation_=struct("implementation_type", socket_=INT))
        socket = struct("boost::asio::basic_stream_socket<tcp>", impl_=impl)
        self.check(socket, binary.pack("<i", 7), "fd 7")
        self.check(socket, binary.pack("<i", -1), "closed")

    def test_behind_a_reference(self) -> None:
        for made in self.programs_with(reference(INT)):
            place = made.heap.allocate(8)
            made.memory.write_words(place, 5)
            self.assertEqual(self.call(made, made.coroutine("one", line=11, value=place)), "one(value=5)")
            self.assertEqual(self.call(made, made.coroutine("one", line=11, value=NOWHERE)), "one(value=<unreadable>)")

    def test_in_full(self) -> None:
        for made in self.programs_with(struct("pair", first=INT, second=INT)):
            coroutine = made.read_coroutine(made.coroutine("one", line=11, value=3))
            variable = coroutine.function.arguments[0]
            self.assertEqual(values.value(coroutine, variable), "...")
            self.assertEqual(values.value(coroutine, variable, in_full=True), "{first = 3, second = 0}")


class Dangling(ValuesTest):
    """What cannot be alive."""

    def test_a_reference(self) -> None:
        for made in self.programs_with(reference(INT)):
            place = made.heap.allocate(8)
            made.memory.write_words(place, 5)
            coroutine = made.coroutine("one", line=11, value=place)
            self.assertEqual(self.call(made, coroutine, range(place - 8, place + 1)), "one(value=<dangling>)")
            self.assertEqual(self.call(made, coroutine, range(place - 8, place)), "one(value=5)")
            self.assertEqual(self.call(made, coroutine, range(place + 1, place + 8)), "one(value=5)")

    def test_this(self) -> None:
        for made in self.programs():
            coroutine = made.coroutine("member", line=14, this=0x1230, id=0x1230)
            self.assertEqual(
                self.call(made, coroutine, range(0x1000, 0x2000)), "member(this=<dangling>, id=4656)"
            )

    def test_a_pointer_is_an_address_wherever_it_points_to(self) -> None:
        for made in self.programs_with(pointer(CppType("session"))):
            coroutine = made.coroutine("one", line=11, value=0x1230)
            self.assertEqual(self.call(made, coroutine, range(0x1000, 0x2000)), "one(value=0x1230)")

    def test_a_closure(self) -> None:
        for made in self.programs():
            closure = made.heap.allocate(16)
            coroutine = self.lambda_(made, closure)
            said = self.call(made, coroutine, range(closure, closure + 1))
            self.assertEqual(said, "start::{lambda}(user=<dangling>, period=<dangling>)")


class Awaitables(ValuesTest):
    """held()."""

    def held(self, made: MadeUp, awaitable: MadeUpCoroutine | None) -> str:
        holder = made.coroutine("hold", line=8, job=awaitable.promise if awaitable else 0)
        return self.call(made, holder)

    def test_a_coroutine_that_has_not_started(self) -> None:
        for made in self.programs():
            job = made.coroutine("session", id=4)
            self.assertEqual(self.held(made, job), "hold(job=session(id=4, last=false, pair=...) [not started])")

    def test_one_that_has(self) -> None:
        for made in self.programs():
            self.assertEqual(self.held(made, made.coroutine("serve", line=5)), "hold(job=serve() [started])")

    def test_none(self) -> None:
        for made in self.programs():
            self.assertEqual(self.held(made, None), "hold(job=empty)")

    def test_what_is_no_coroutine(self) -> None:
        for made in self.programs():
            nothing = made.heap.allocate(64)
            self.assertEqual(values.held(made.snapshot(), nothing + 16), "...")
            self.assertEqual(values.held(made.snapshot(), NOWHERE), "<unreadable>")

    def test_one_that_has_been_destroyed(self) -> None:
        for made in self.programs():
            job = made.coroutine("serve", line=5)
            made.coroutine("serve", line=5)
            made.destroy(job)
            self.assertEqual(self.held(made, job), "hold(job=<destroyed>)")

    def test_without_debug_information(self) -> None:
        for made in self.programs():
            job = made.coroutine("serve", line=5)
            made.strip("serve")
            self.assertEqual(self.held(made, job), "hold(job=serve(...))")

    def test_one_that_holds_itself(self) -> None:
        for made in self.programs():
            holder = made.coroutine("hold")
            made.memory.write_words(holder.address_of("job"), holder.promise)
            inner = "hold(job=...) [not started]"
            said = values.held(made.snapshot(), holder.promise)
            self.assertEqual(said, f"hold(job=hold(job={inner}) [not started]) [not started]")

    def test_arguments_that_cannot_be_read(self) -> None:
        for made in self.programs():
            job: Coroutine = made.read_coroutine(made.coroutine("session", line=2))
            job.snapshot = made.snapshot()
            made.memory.make_unreadable(job.frame, 8)
            self.assertEqual(values.call(job), "session(id=<unreadable>, last=<unreadable>, pair=...)")
