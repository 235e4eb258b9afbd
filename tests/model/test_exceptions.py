"""exceptions.py: where an exception comes out of a co_await for the first time."""

from __future__ import annotations

from made_up import MadeUp, MadeUpCoroutine, MadeUpFrame, ModelTest

from asio_coroutines.debugger import Frame
from asio_coroutines.exceptions import Exceptions

SOURCE = """
awaitable<void> inner(int id) {
    co_await timer.async_wait();
}
awaitable<void> outer(int id) {
    co_await inner(1);
}
awaitable<void> boost::asio::detail::group(int id) {
    co_await inner(1);
}
"""
OBJECT, POINTER = 0x555555800010, 0x555555801000
RETHROWN, THROWN = "std::rethrow_exception(std::__exception_ptr::exception_ptr)", "__cxa_throw"
RESUMED = "boost::asio::awaitable<void, boost::asio::any_io_executor>::await_resume()"


class ExceptionsTest(ModelTest):
    """Exceptions.comes_out()."""

    source = SOURCE

    def setUp(self) -> None:
        self.made: list[tuple[MadeUp, Exceptions]] = []
        for made in self.programs():
            made.memory.map(POINTER, 0x1000)
            made.memory.write_words(POINTER, OBJECT)
            self.made.append((made, Exceptions(made.model)))

    def raising(self, made: MadeUp, name: str, argument: int) -> list[Frame]:
        (frame,) = made.frames_of_library(name)
        return [Frame(MadeUpFrame({}, {"rdi": argument}), name, frame.pc, frame.sp, 0, "/lib/libstdc++.so.6")]

    def stack(self, made: MadeUp, coroutine: MadeUpCoroutine, *between: str, name: str = RETHROWN) -> list[Frame]:
        argument = POINTER if name == RETHROWN else OBJECT
        body = made.running(coroutine, line=min(coroutine.function.suspensions))
        return made.thread(self.raising(made, name, argument), made.frames_of_library(*between), body, made.scheduler())

    def test_the_first_coroutine_only(self) -> None:
        for made, exceptions in self.made:
            inner, outer = made.coroutine("inner", line=2), made.coroutine("outer", line=5)
            made.spawn(outer, inner)
            first = exceptions.comes_out(self.stack(made, inner, "boost::asio::rethrow", RESUMED))
            self.assertEqual(first and first.promise, inner.promise)
            self.assertIsNone(exceptions.comes_out(self.stack(made, outer, RESUMED)))

    def test_one_that_is_thrown_on_the_coroutines_stack(self) -> None:
        for made, exceptions in self.made:
            inner, outer = made.coroutine("inner", line=2), made.coroutine("outer", line=5)
            made.spawn(outer, inner)
            self.assertIsNotNone(exceptions.comes_out(self.stack(made, inner, RESUMED, name=THROWN)))
            self.assertIsNone(exceptions.comes_out(self.stack(made, outer, RESUMED)))  # the same object

    def test_one_that_the_body_throws_comes_out_of_the_next_co_await(self) -> None:
        for made, exceptions in self.made:
            inner, outer = made.coroutine("inner", line=2), made.coroutine("outer", line=5)
            made.spawn(outer, inner)
            self.assertIsNone(exceptions.comes_out(self.stack(made, inner, name=THROWN)))
            self.assertIsNone(exceptions.comes_out(self.stack(made, inner, "std::stoi", name=THROWN)))
            self.assertIsNotNone(exceptions.comes_out(self.stack(made, outer, RESUMED)))

    def test_another_exception_in_the_same_memory(self) -> None:
        for made, exceptions in self.made:
            inner = made.coroutine("inner", line=2)
            made.spawn(inner)
            for name in "__cxa_free_exception", "::__cxa_free_exception(void *)", "__cxxabiv1::__cxa_free_exception(void*)":
                self.assertIsNotNone(exceptions.comes_out(self.stack(made, inner, RESUMED)))
                (freed,) = self.raising(made, name, OBJECT)
                self.assertTrue(exceptions.ends(freed))
            self.assertIsNotNone(exceptions.comes_out(self.stack(made, inner, RESUMED)))
            (thrown,) = self.raising(made, THROWN, OBJECT)
            self.assertFalse(exceptions.ends(thrown))

    def test_a_librarys_coroutine_does_not_count(self) -> None:
        for made, exceptions in self.made:
            group, outer = made.coroutine("boost::asio::detail::group", line=8), made.coroutine("outer", line=5)
            made.spawn(outer, group)
            self.assertIsNone(exceptions.comes_out(self.stack(made, group, RESUMED)))
            self.assertIsNotNone(exceptions.comes_out(self.stack(made, outer, RESUMED)))

    def test_outside_coroutines(self) -> None:
        for made, exceptions in self.made:
            frames = made.thread(self.raising(made, THROWN, OBJECT), made.calls("main()"))
            self.assertIsNone(exceptions.comes_out(frames))
            self.assertIsNone(exceptions.comes_out([]))

    def test_a_stub_is_not_where_it_is_raised(self) -> None:
        for made, exceptions in self.made:
            inner = made.coroutine("inner", line=2)
            made.spawn(inner)
            frames = self.stack(made, inner, RESUMED, name=f"{RETHROWN}@plt")
            self.assertIsNone(exceptions.comes_out(frames))
            self.assertIsNotNone(exceptions.comes_out(self.stack(made, inner, RESUMED)))

    def test_what_cannot_be_told_apart_is_told(self) -> None:
        for made, exceptions in self.made:
            made.machine = "riscv"
            inner = made.coroutine("inner", line=2)
            made.spawn(inner)
            for _ in range(2):
                self.assertIsNotNone(exceptions.comes_out(self.stack(made, inner, RESUMED)))

    def test_forgotten(self) -> None:
        for made, exceptions in self.made:
            inner = made.coroutine("inner", line=2)
            made.spawn(inner)
            exceptions.comes_out(self.stack(made, inner, RESUMED))
            exceptions.forget()
            self.assertIsNotNone(exceptions.comes_out(self.stack(made, inner, RESUMED)))

    def test_only_so_many_frames_are_looked_at(self) -> None:
        for made, exceptions in self.made:
            frames = self.stack(made, made.coroutine("inner", line=2), *(["std::f"] * 1_000))
            self.assertIsNone(exceptions.comes_out(made.asked_for(frames)))
            self.assertLess(made.frames_asked_for, 100)
