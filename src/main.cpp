// Three ways to run asynchronous work with C++20 coroutines and Boost.Asio. async_main runs them and traces when:
//   phase 1, sequential await: fetch_data            100 ms            on the main thread
//   phase 2, parallel tasks:   async_task 1, 2, 3    100/200/300 ms    on a pool of three worker threads
//   phase 3, sequential loop:  process_item 1, 2, 3  50 ms each        on the main thread
// A coroutine returns awaitable<T>. Calling it runs none of its body: that starts when a coroutine co_awaits it, or
// when co_spawn puts it on the executor of an event loop or a pool. By then a referenced object, `*this`, or a lambda's
// captures may be gone: pass by value. While it waits it blocks no thread; its locals are in its frame, on the heap.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

const auto program_start = std::chrono::steady_clock::now();
std::mutex trace_mutex;
int named_workers = 0;
thread_local std::string thread_name;  // main sets its own; a worker gets a number when it first speaks.

/// Prints an event with its time and thread, and flushes: when Ctrl-C ends the program, no line is lost. Thread-safe.
template <typename... Args> void trace(fmt::format_string<Args...> event, Args&&... args) {
    const std::string text = fmt::format(event, std::forward<Args>(args)...);
    const std::lock_guard lock{trace_mutex};
    if (thread_name.empty()) thread_name = fmt::format("worker {}", ++named_workers);
    // Under the lock, which decides the order of the lines. Taken before it, the times could be out of order.
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - program_start;
    std::cout << fmt::format("[{:8.3f} ms] [{:<8}] {}\n", elapsed.count(), thread_name, text) << std::flush;
}

/// Waits `duration` on the awaiting coroutine's executor. Throws boost::system::system_error if cancelled.
asio::awaitable<void> sleep_for(std::chrono::milliseconds duration) {
    // This co_await does not wait: it is how a coroutine asks what executor it runs on.
    asio::steady_timer timer{co_await asio::this_coro::executor, duration};
    // `deferred`, a completion token, only describes the wait: co_await starts it. use_awaitable would add a coroutine.
    co_await timer.async_wait(asio::deferred);
}

/// Waits 100 ms on the awaiting coroutine's executor. Returns "Data_<id>".
asio::awaitable<std::string> fetch_data(std::uint32_t id) {
    trace("Fetching data for id: {}", id);
    co_await sleep_for(100ms);
    co_return fmt::format("Data_{}", id);  // Breakpoint: `id`, after the wait: it lives in the coroutine frame.
}

/// Waits `task_id` * 100 ms on the executor it is spawned on. Returns `task_id` * 10; throws runtime_error if `fail`.
asio::awaitable<std::uint32_t> async_task(std::uint32_t task_id, bool fail = false) {
    trace("Task {} starting", task_id);  // Breakpoint: `task_id`, on whichever worker took it.
    const std::chrono::milliseconds delay{task_id * 100};
    co_await sleep_for(delay);
    trace("Task {} {}", task_id, fail ? "throwing" : "completed");  // Breakpoint: perhaps on another worker.
    if (fail) throw std::runtime_error{"simulated failure"};
    co_return task_id * 10;
}

/// How a task ended: `error` is what it threw; where that is null, `result` is what it returned.
template <typename T> struct outcome {
    T result;
    std::exception_ptr error;
};

/// Spawns `tasks` on `workers` and waits for all: if they only wait, as long as the slowest. A task that throws stops
/// neither the others nor the join; cancellation takes effect after the join. Returns how each task ended, in the order
/// of `tasks`. May be awaited anywhere, also on `workers`, and returns there. T: movable, default-constructible.
template <typename T>
asio::awaitable<std::vector<outcome<T>>> join_tasks(asio::any_io_executor workers,
                                                    std::vector<asio::awaitable<T>> tasks) {
    if (tasks.empty()) co_return std::vector<outcome<T>>{};  // A group of no operations would never complete.
    // On a thread of `workers`, co_spawn would run each task inside the call. `never` queues it for any thread.
    workers = workers.require(asio::execution::blocking.never);
    // `deferred` leaves the start to the group. co_spawn catches what a task throws and hands it on, to `errors` below.
    std::vector<decltype(asio::co_spawn(workers, std::move(tasks.front()), asio::deferred))> operations;
    for (auto& task : tasks) operations.push_back(asio::co_spawn(workers, std::move(task), asio::deferred));
    // A plain function holds the group: Asio reads it when this coroutine may be gone (issue 1582, until Boost 1.88).
    auto start = [](auto handler, auto own_operations) {
        // The empty slot: else cancelling the awaiting coroutine would cancel the tasks from its thread, a data race.
        auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot{}, std::move(handler));
        auto group = asio::experimental::make_parallel_group(std::move(own_operations));
        group.async_wait(asio::experimental::wait_for_all(), std::move(uncancelled));
    };
    using signature = void(std::vector<std::size_t>, std::vector<std::exception_ptr>, std::vector<T>);
    auto joined = asio::async_initiate<const asio::deferred_t, signature>(start, asio::deferred, std::move(operations));
    auto [order, errors, results] = co_await std::move(joined);
    std::vector<outcome<T>> outcomes;
    for (std::size_t i = 0; i < results.size(); ++i) outcomes.push_back({std::move(results[i]), errors[i]});
    co_return outcomes;
}

/// The message of the exception in `error`: to see it, one throws it again. Throws what is not a std::exception.
std::string message_of(const std::exception_ptr& error) try {
    std::rethrow_exception(error);
} catch (const std::exception& exception) {
    return exception.what();
}

/// Traces each failure and then the results of the tasks that succeeded. Returns whether all did.
bool report(const std::vector<outcome<std::uint32_t>>& outcomes) {
    std::vector<std::uint32_t> results;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].error) trace("Task {} failed: {}", i + 1, message_of(outcomes[i].error));
        if (!outcomes[i].error) results.push_back(outcomes[i].result);
    }
    if (results.size() == outcomes.size()) {
        trace("Task results: {}", fmt::join(results, ", "));
        return true;
    }
    trace("Some tasks failed: {} of {} succeeded ({})", results.size(), outcomes.size(), fmt::join(results, ", "));
    return false;
}

/// Waits 50 ms on the awaiting coroutine's executor.
asio::awaitable<void> process_item(std::uint32_t item) {
    trace("Processing item: {}", item);
    co_await sleep_for(50ms);
    trace("Item {} processed", item);  // Breakpoint: `item`, after the wait.
}

/// The three phases, 550 ms. Runs on the executor it is spawned on, but for the tasks, which run on `workers`. Makes
/// the task number `failing_task` throw, or none if that is 0. Returns whether all tasks succeeded.
asio::awaitable<bool> async_main(asio::any_io_executor workers, std::uint32_t failing_task) {
    trace("Starting async example");
    trace("== Phase 1: sequential await ==");
    const std::string data = co_await fetch_data(1);
    trace("Fetched data: {}", data);  // Breakpoint: `data`, which fetch_data returned.
    trace("== Phase 2: parallel tasks ==");
    std::vector<asio::awaitable<std::uint32_t>> tasks;  // Any number, of one result type. None is running yet.
    for (std::uint32_t id = 1; id <= 3; ++id) tasks.push_back(async_task(id, id == failing_task));
    const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks(workers, std::move(tasks));
    const bool all_succeeded = report(outcomes);  // Breakpoint: `outcomes`, each a `result`, or the `error` thrown.
    trace("== Phase 3: sequential loop ==");
    for (std::uint32_t item = 1; item <= 3; ++item) {
        co_await process_item(item);
    }
    trace("Async example completed");
    co_return all_succeeded;
}

/// Runs async_main on this thread, and its tasks on three others, to its end. Returns and throws what async_main does.
bool run(std::uint32_t failing_task) {
    asio::io_context main_context{1};  // An event loop. It has no thread: run() lends it one, only one, as 1 hints.
    // Declared second, to be destroyed first: that joins its threads, one of which may still be waking main_context.
    asio::thread_pool workers{3};  // Three threads, for any number of tasks: one that waits needs no thread.
    auto result = asio::co_spawn(main_context, async_main(workers.get_executor(), failing_task), asio::use_future);
    main_context.run();  // Returns when no work is left: async_main is work until it ends.
    return result.get();
}

constexpr auto usage = R"(Usage: async_example [--fail <task> | --help]
  --fail <task>  makes task 1, 2 or 3 throw after its delay
  --help         prints this
Exit status: 0 all succeeded, 1 a task failed or the output could not be written, 2 bad usage)";

/// Returns the number of the task that is to fail, or 0 for none. Throws std::invalid_argument.
std::uint32_t parse(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return 0;
    if (arguments[0] != "--fail") throw std::invalid_argument{fmt::format("unexpected argument {:?}", arguments[0])};
    for (std::uint32_t task = 1; task <= 3; ++task)
        if (arguments == std::vector<std::string>{"--fail", std::to_string(task)}) return task;
    throw std::invalid_argument{"--fail needs one task: 1, 2 or 3"};
}

int main(int argc, char* argv[]) try {
    thread_name = "main";
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    const bool help = arguments == std::vector<std::string>{"--help"};
    if (help) std::cout << usage << std::endl;
    const bool all_succeeded = help || run(parse(arguments));
    if (!std::cout) throw std::runtime_error{"cannot write to stdout"};  // It remembers a write that failed.
    return all_succeeded ? 0 : 1;
} catch (const std::invalid_argument& error) {
    std::cerr << fmt::format("async_example: {}\n{}\n", error.what(), usage);
    return 2;
} catch (const std::exception& error) {
    std::cerr << fmt::format("async_example: {}\n", error.what());
    return 1;
}
