"""kinds.py: what kind of value a type has."""

from __future__ import annotations

from fractions import Fraction

from made_up import BOOL, INT, CppType, MadeUp, ModelTest, pointer, reference, struct

from asio_coroutines.debugger import Member
from asio_coroutines.kinds import Form, Kind, kind_of

ALLOCATOR = "std::allocator<char>"


class Kinds(ModelTest):
    """kind_of()."""

    def kind(self, type_: CppType) -> Kind:
        return kind_of(MadeUp(), type_)

    def check(self, form: Form, *names: str) -> None:
        for name in names:
            with self.subTest(name):
                self.assertEqual(self.kind(CppType(name)).form, form)

    def test_numbers(self) -> None:
        self.assertEqual(self.kind(BOOL).form, Form.BOOL)
        for name, size, is_signed in ("int", 4, True), ("unsigned short", 2, False), ("long", 8, True):
            kind = self.kind(CppType(name, size))
            self.assertEqual((kind.form, kind.size, kind.is_signed), (Form.INTEGER, size, is_signed), name)

    def test_what_the_debugger_tells_best(self) -> None:
        self.check(Form.OTHER, "char", "double", "color", "std::vector<int, std::allocator<int> >", "")

    def test_pointers(self) -> None:
        for target, form in ("session", Form.POINTER), ("void", Form.POINTER), ("char", Form.CHARACTERS):
            self.assertEqual(self.kind(pointer(CppType(target))).form, form, target)
        for function in "", "void (int)":
            self.assertEqual(self.kind(pointer(CppType(function))).form, Form.OTHER)
        self.check(Form.POINTER, "std::shared_ptr<session>", "std::unique_ptr<int, std::default_delete<int> >")
        self.check(Form.OTHER, "std::unique_ptr<int, closer>", "std::weak_ptr<int>")

    def test_a_reference_is_what_it_refers_to(self) -> None:
        kind = self.kind(reference(INT))
        self.assertEqual((kind.form, kind.type, kind.name, kind.is_reference), (Form.INTEGER, INT, "int", True))
        self.assertFalse(self.kind(INT).is_reference)

    def test_strings_of_libstdcxx(self) -> None:
        self.check(Form.STRING, f"std::__cxx11::basic_string<char, std::char_traits<char>, {ALLOCATOR} >")
        self.check(Form.STRING, f"std::__cxx11::basic_string<char,std::char_traits<char>,{ALLOCATOR}>")
        self.check(Form.STRING_VIEW, "std::basic_string_view<char, std::char_traits<char> >")
        self.check(Form.OTHER, f"std::__1::basic_string<char, std::__1::char_traits<char>, {ALLOCATOR} >")
        self.check(Form.OTHER, "std::__cxx11::basic_string<char, traits, std::allocator<char> >")

    def test_times(self) -> None:
        for name, period in (
            ("std::chrono::duration<long, std::ratio<1, 1000> >", Fraction(1, 1000)),
            ("std::chrono::duration<long, std::ratio<1L, 1L> >", Fraction(1)),
            ("std::chrono::duration<int,std::ratio<3600,1>>", Fraction(3600)),
        ):
            kind = self.kind(CppType(name))
            self.assertEqual((kind.form, kind.period, kind.is_floating), (Form.DURATION, period, False), name)
        nanoseconds = "std::chrono::duration<long, std::ratio<1, 1000000000> >"
        kind = self.kind(CppType(f"std::chrono::time_point<std::chrono::_V2::steady_clock, {nanoseconds} >"))
        self.assertEqual((kind.form, kind.period, kind.clock), (Form.TIME_POINT, Fraction(1, 10**9), "steady_clock"))
        kind = self.kind(CppType("std::chrono::duration<float, std::ratio<1, 1> >"))
        self.assertEqual((kind.form, kind.is_floating, kind.size), (Form.DURATION, True, 4))
        self.check(Form.OTHER, "std::chrono::duration<rational, std::ratio<1, 1> >")
        self.check(Form.OTHER, "std::chrono::duration<int, std::ratio<1, 0> >")

    def test_sockets(self) -> None:
        state = struct("base_implementation_type", state_=INT, socket_=INT)
        base_state = Member("asio::detail::base_implementation_type", 16, state)
        implementation = CppType("implementation_type", 32, [base_state])
        impl = struct("io_object_impl", service_=CppType("service"), implementation_=implementation)
        base = struct("asio::basic_socket<tcp>", impl_=impl)
        for class_ in "asio::basic_stream_socket", "boost::asio::basic_socket_acceptor", "asio::basic_socket":
            name = f"{class_}<tcp>"
            socket = CppType(name, members=[Member(base.name, 8, base)])
            kind = self.kind(socket)
            self.assertEqual((kind.form, kind.offset, kind.size), (Form.SOCKET, 8 + 8 + 16 + 8, 4), name)
        self.check(Form.OTHER, "asio::basic_stream_socket<tcp>")  # of another Asio, without these members
        endless = CppType("asio::basic_socket<tcp>")
        object.__setattr__(endless, "members", [Member("asio::basic_socket<tcp>", 0, endless)])
        self.assertEqual(self.kind(endless).form, Form.OTHER)

    def test_asios(self) -> None:
        for asio in "boost::asio", "asio", "asio::v103802":
            self.check(Form.ANY_EXECUTOR, f"{asio}::any_io_executor")
            self.check(Form.AWAITABLE, f"{asio}::awaitable<void, {asio}::any_io_executor>")
            self.check(
                Form.EXECUTOR,
                f"{asio}::strand<{asio}::any_io_executor>",
                f"{asio}::io_context::basic_executor_type<std::allocator<void>, 0>",
                f"{asio}::basic_system_executor<{asio}::execution::detail::blocking::possibly_t<0> >",
            )
            self.check(Form.OTHER, f"{asio}::io_context", f"{asio}::steady_timer", f"{asio}::detail::strand_service")
