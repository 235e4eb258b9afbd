"""names.py: functions as a programmer writes them, and whose they are."""

from __future__ import annotations

from made_up import ModelTest

from asio_coroutines.names import is_library, is_throwing, plain_name


class PlainNames(ModelTest):
    """plain_name()."""

    def check(self, names: dict[str, str]) -> None:
        for full, plain in names.items():
            with self.subTest(full):
                self.assertEqual(plain_name(full), plain)

    def test_parameters_and_what_is_returned_are_left_out(self) -> None:
        self.check({
            "main": "main",
            "main(int, char**)": "main",
            "fetch_data(unsigned int)": "fetch_data",
            "net::client::fetch(int) const": "net::client::fetch",
            "boost::asio::awaitable<void, boost::asio::any_io_executor> net::pause<int>(int)": "net::pause",
        })  # fmt: skip

    def test_what_compilers_add_is_left_out(self) -> None:
        self.check({
            "session(_Z7sessioni.Frame *)": "session",
            "session(int) [clone .actor]": "session",
            "session(int) (.resume)": "session",
            "session.resume": "session",
            "name[abi:cxx11](int)": "name",
        })  # fmt: skip

    def test_template_arguments_are_left_out(self) -> None:
        self.check({
            "std::vector<std::pair<int, char> >::push_back": "std::vector::push_back",
            "int apply<&(net::run(int)), (net::mode)1>(int)": "apply",
            "run<main::{lambda(int)->int#1}>(int)": "run",
            "cache<4>::get<(anonymous namespace)::key>(int)": "cache::get",
            "void call<void (server::*)(int) const>(int)": "call",
        })  # fmt: skip

    def test_namespaces_without_a_name_are_left_out(self) -> None:
        self.check({"(anonymous namespace)::serve(int)": "serve", "net::(anonymous namespace)::serve()": "net::serve"})

    def test_lambdas(self) -> None:
        self.check({
            "main::{lambda(int)#1}::operator()(int) const": "main::{lambda}",
            "server::serve() const::{lambda(int)#1}::operator()(int) const": "server::serve::{lambda}",
            "main::$_0::operator()() const": "main::{lambda}",
            "main::<lambda(int)>::operator()(int) const": "main::{lambda}",
            "run<main::{lambda()#1}>(main::{lambda()#1})": "run",
            "main::'lambda'(int)::operator()(int) const": "main::{lambda}",
        })  # fmt: skip

    def test_operators(self) -> None:
        self.check({
            "std::ostream& operator<< <int>(std::ostream&, int)": "operator<<",
            "operator<(key const&, key const&)": "operator<",
            "bool key::operator<=>(key const&) const": "key::operator<=>",
            "key::operator->() const": "key::operator->",
            "server::operator&&<int>(int) const &": "server::operator&&",
            "list::operator[](unsigned long)": "list::operator[]",
            "action::operator()(int) const": "action::operator()",
            "operator new(unsigned long)": "operator new",
            "operator delete[](void*)": "operator delete[]",
            'operator""_ms(unsigned long long)': 'operator""_ms',
            "key::operator bool() const": "key::operator bool",
            "key::operator std::vector<int>() const": "key::operator std::vector",
            "my_operator(int)": "my_operator",
        })  # fmt: skip

    def test_what_the_debugger_could_not_demangle(self) -> None:
        self.check({
            "_ZN5boost4asio8dispatchINS0_15any_io_executorEEE": "boost::asio::dispatch",
            "_ZNK3net6client5fetchEi": "net::client::fetch",
            "_ZNSt6thread4joinEv": "std::thread::join",
            "_Z9sleep_fori": "sleep_for",
        })  # fmt: skip

    def test_what_is_not_closed_takes_no_time_and_raises_nothing(self) -> None:
        self.check({"f<int(": "f", "f(" * 2_000: "f"})

    def test_no_name_is_no_name(self) -> None:
        self.check({"": ""})


class Libraries(ModelTest):
    """is_library()."""

    def check(self, expected: bool, *functions: str, file: str = "") -> None:
        for function in functions:
            with self.subTest(function):
                self.assertEqual(is_library(function, file), expected)

    def test_the_namespace_tells(self) -> None:
        self.check(
            True,
            "boost::asio::detail::scheduler::run(boost::system::error_code&)",
            "asio::io_context::run()",
            "asio::v103802::detail::scheduler::run()",
            "void std::__invoke_impl<void, main::{lambda()#1}>(std::__invoke_other, main::{lambda()#1}&&)",
            "__gnu_cxx::new_allocator<int>::allocate(unsigned long)",
            "boost_asio_handler_invoke_helpers::invoke<int>(int)",
            "_ZZZN5boost4asio6detail20awaitable_frame_baseINS0_15any_io_executorEE15await_transformEENKUlPvE_clES8_",
            "boost_asio_detail_posix_thread_function",
            "::asio_detail_posix_thread_function(void *)",
            "__cxa_throw",
            "_Unwind_Resume",
        )

    def test_where_an_exception_is_on_its_way(self) -> None:
        for function in (
            "__cxa_throw",
            "__cxa_rethrow",
            "_Unwind_Resume",
            "std::rethrow_exception(std::__exception_ptr::exception_ptr)",
            "__cxxabiv1::__cxa_throw(void*, std::type_info*, void (*)(void*))",  # with debug information
            "::__cxa_throw(void *, std::type_info *, void (*)(void *))",
        ):
            self.assertTrue(is_throwing(function), function)
        for function in "__cxa_free_exception", "__cxa_begin_catch", "app::__cxa_throw()", "throw_exception()":
            self.assertFalse(is_throwing(function), function)

    def test_nothing_else_does(self) -> None:
        self.check(
            False,
            "serve(boost::asio::io_context&)",
            "boost::asio::awaitable<void, boost::asio::any_io_executor> serve(int)",
            "app::asio::serve()",
            "stdlike::run()",
            "_ZZ7operateIRKN5boost4asio15use_awaitable_tINS1_15any_io_executorEEEEDaOT_ENKUlSB_E_clIiEESB_",
            "boosted()",
            "asio_server::serve(int)",
            "asio_main()",
            "main",
        )

    def test_functions_without_a_namespace_are_told_by_their_shared_library(self) -> None:
        self.check(True, "operator new(unsigned long)", file="/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30")
        self.check(True, "", file="/lib/x86_64-linux-gnu/libgcc_s.so.1")
        self.check(True, "start_thread", "epoll_wait", file="/lib/x86_64-linux-gnu/libc.so.6")
        self.check(True, "start_thread", file="/lib/x86_64-linux-gnu/libpthread-2.31.so")
        self.check(True, "_dl_open", file="/lib64/ld-linux-x86-64.so.2")
        self.check(False, "serve", "operator new(unsigned long)", file="")
        self.check(False, "serve", file="/home/me/app/build/libcore.so")
