// What README.md promises of what is copied from main.cpp, and the code in it: the test of README.md compiles this
// behind the functions of main.cpp, and runs it.

asio::awaitable<std::unique_ptr<int>> task(int number) {
    co_await sleep_for(number * 50ms);
    if (number == 2) throw std::runtime_error{"failed"};
    co_return std::make_unique<int>(number * 10);
}

asio::awaitable<void> joins(asio::any_io_executor workers) {
    std::vector<asio::awaitable<std::unique_ptr<int>>> tasks;
    for (int number = 1; number <= 3; ++number) tasks.push_back(task(number));
    const auto outcomes = co_await join_tasks(workers, std::move(tasks));
    for (const auto& each : outcomes) std::cout << (each.error ? 0 : *each.result) << " ";
    std::cout << "joined" << std::endl;
}

asio::awaitable<int> work(bool fails = false) {
    if (fails) throw std::runtime_error{"failed"};
    co_await sleep_for(1h);
    co_return 1;
}

const auto main_thread = std::this_thread::get_id();

asio::awaitable<bool> blocking() {
    std::this_thread::sleep_for(1ms);
    co_return std::this_thread::get_id() != main_thread;
}

asio::awaitable<void> aborted() {
    try {
        co_await work();
    } catch (const std::exception&) {
        std::cout << "aborted" << std::endl;
    }
}

asio::awaitable<std::string> three(asio::any_io_executor workers) {
    auto group = asio::experimental::make_parallel_group(asio::co_spawn(workers, fetch_data(1), asio::deferred),
                                                         asio::co_spawn(workers, async_task(2), asio::deferred),
                                                         asio::co_spawn(workers, process_item(3), asio::deferred));
    auto [order, fetch_error, data, task_error, number, item_error] =
        co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    co_return fmt::format("{} {} {} {}", order.size(), data, number, !fetch_error && !task_error && !item_error);
}

asio::awaitable<void> awaits(asio::any_io_executor workers, asio::cancellation_signal& cancel_this) {
    using namespace asio::experimental::awaitable_operators;
    const auto executor = co_await asio::this_coro::executor;
    const auto first = co_await (work() || sleep_for(50ms));
    const auto second = co_await (work(true) || sleep_for(50ms));
    std::cout << first.index() << second.index() << " came first" << std::endl;
    const bool on_worker = co_await asio::co_spawn(workers, blocking(), asio::use_awaitable);
    std::cout << on_worker << (std::this_thread::get_id() == main_thread) << " on a worker, then here" << std::endl;
    std::cout << co_await three(workers) << std::endl;
    const auto data = co_await fetch_data(1);
    co_await sleep_for(100ms);
    const auto number = co_await asio::co_spawn(workers, async_task(1), asio::use_awaitable);
    asio::co_spawn(workers, async_task(1), asio::detached);
    std::cout << data << " " << number << std::endl;
    co_await joins(executor);
    asio::cancellation_signal cancel;
    const auto strand = asio::make_strand(workers);
    asio::co_spawn(strand, aborted(), asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    asio::post(strand, [&] { cancel.emit(asio::cancellation_type::terminal); });
    asio::post(executor, [&] { cancel_this.emit(asio::cancellation_type::terminal); });
    co_await joins(workers);
    co_await sleep_for(1h);
}

int main() {
    asio::io_context context;
    asio::cancellation_signal cancel;
    asio::thread_pool workers{3};
    asio::co_spawn(asio::make_strand(context), awaits(workers.get_executor(), cancel),
                   asio::bind_cancellation_slot(cancel.slot(), [](std::exception_ptr error) {
                       std::cout << (error ? "cancelled" : "not cancelled") << std::endl;
                   }));
    context.run();
}
