"""executors.py: executors in words."""

from __future__ import annotations

from made_up import MadeUp, ModelTest

from asio_coroutines import executors

IO_CONTEXT = "boost::asio::io_context::basic_executor_type<std::allocator<void>, 0ul>"
POOL = "boost::asio::thread_pool::basic_executor_type<std::allocator<void>, 4u>"
ANY = "boost::asio::any_io_executor"
SIZE = 56  # bytes of an any_io_executor


class Names(ModelTest):
    """name_of()."""

    def test_by_their_types(self) -> None:
        for type_, name in (
            (IO_CONTEXT, "io_context"),
            (POOL, "thread_pool"),
            (f"boost::asio::strand<{POOL} >", "strand of thread_pool"),
            (f"asio::strand<{IO_CONTEXT.removeprefix('boost::')}>", "strand of io_context"),
            ("boost::asio::basic_system_executor<blocking::possibly_t<0>, std::allocator<void> >", "system_executor"),
            ("boost::asio::inline_executor", "inline_executor"),
            (f"boost::asio::strand<{ANY}>", "strand of any_io_executor"),
            ("app::priority_queue<int>::executor_type", "app::priority_queue::executor_type"),
            ("", "..."),
        ):
            self.assertEqual(executors.name_of(type_), name)


class AnyExecutors(ModelTest):
    """text(), of an any_io_executor."""

    def setUp(self) -> None:
        self.made = MadeUp()
        self.address = self.made.heap.allocate(SIZE)

    def text(self, type_: str = ANY) -> str:
        return executors.text(self.made.snapshot(), type_, self.address)

    def test_is_what_it_holds(self) -> None:
        for type_, name in (IO_CONTEXT, "io_context"), (f"boost::asio::strand<{POOL} >", "strand of thread_pool"):
            self.made.set_any_executor(self.address, type_)
            self.assertEqual(self.text(), name)

    def test_empty(self) -> None:
        self.made.set_any_executor(self.address, "")
        self.assertEqual(self.text(), "empty")

    def test_a_strand_of_what_an_any_io_executor_holds(self) -> None:
        inner = self.made.heap.allocate(SIZE)  # with which a strand begins
        self.made.set_any_executor(inner, IO_CONTEXT)
        self.made.set_any_executor(self.address, f"boost::asio::strand<{ANY} >", target=inner)
        self.assertEqual(self.text(), "strand of io_context")
        self.made.set_any_executor(self.address, POOL)
        self.assertEqual(self.text(f"boost::asio::strand<{ANY} >"), "strand of thread_pool")

    def test_what_is_none(self) -> None:
        self.made.memory.write_words(self.address + 40, 0x1234)  # the address of no table
        self.assertEqual(self.text(), "...")
        self.address = 0x66660000  # no memory
        self.assertEqual(self.text(), "...")

    def test_a_circle(self) -> None:
        strand = f"boost::asio::strand<{ANY} >"
        self.made.set_any_executor(self.address, strand, target=self.address)
        self.assertEqual(self.text(), "strand of strand of any_io_executor")
