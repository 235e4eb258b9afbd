// Three ways to run asynchronous work with C++20 coroutines and Boost.Asio, told by a timestamped trace:
//
//   phase 1, sequential await: fetch_data            100 ms            on the main thread
//   phase 2, parallel tasks:   async_task 1, 2, 3    100/200/300 ms    on a pool of three worker threads
//   phase 3, sequential loop:  process_item 1, 2, 3  50 ms each        on the main thread
//
// A function that returns asio::awaitable<T> and uses co_await or co_return is a coroutine. Calling it runs none of its
// body. The body runs when another coroutine co_awaits it (on that coroutine's executor, which decides on which
// thread), or when co_spawn starts it on an executor. While a coroutine waits it is suspended: it blocks no thread, and
// its arguments and locals live in a frame on the heap until it is resumed.

#include <fmt/ranges.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// How a task ended: `error` is what it threw; where that is null, `result` is what it returned.
struct task_outcome {
    std::uint32_t task_id;
    std::uint32_t result;
    std::exception_ptr error;
};

/// Writes to stdout and flushes, so that nothing is lost if the program is killed right after. Throws
/// std::system_error.
void print(const std::string& text) {
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
        throw std::system_error{errno, std::generic_category(), "cannot write to stdout"};
    }
}

const auto program_start = std::chrono::steady_clock::now();

/// Prints one event with the time and the thread. Any thread may call it. Throws std::system_error.
void trace(const std::string& event) {
    static std::mutex mutex;
    static unsigned threads_seen = 0;
    thread_local std::string thread_name;

    // One lock for the time and the output: so the times never decrease down the trace.
    const std::lock_guard lock{mutex};
    if (thread_name.empty()) {  // A thread is named when it first speaks, and the main thread is the first to speak.
        thread_name = threads_seen == 0 ? "main" : fmt::format("worker {}", threads_seen);
        ++threads_seen;
    }
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - program_start;
    print(fmt::format("[{:8.3f} ms] [{:<8}] {}\n", elapsed.count(), thread_name, event));
}

// Defined below async_main, in this order.
asio::awaitable<std::string> fetch_data(std::uint32_t id);
asio::awaitable<std::array<task_outcome, 3>> join_tasks(asio::thread_pool::executor_type workers,
                                                        std::optional<std::uint32_t> failing_task);
bool report(const std::array<task_outcome, 3>& outcomes);
asio::awaitable<void> process_item(std::uint32_t item);

/// The whole example, about 550 ms on the executor that it is spawned on; only the tasks run on `workers`.
/// Returns the exit status. Throws what `trace` throws.
asio::awaitable<int> async_main(asio::thread_pool::executor_type workers, std::optional<std::uint32_t> failing_task) {
    trace("Starting async example");

    trace("== Phase 1: sequential await ==");
    const std::string data = co_await fetch_data(1);
    // Breakpoint: `data`, which fetch_data returned.
    trace(fmt::format("Fetched data: {}", data));

    trace("== Phase 2: parallel tasks ==");
    const std::array<task_outcome, 3> outcomes = co_await join_tasks(workers, failing_task);
    // Breakpoint: `outcomes`, one for each task: its `result`, or the `error` that it threw.
    const bool all_succeeded = report(outcomes);

    trace("== Phase 3: sequential loop ==");
    for (std::uint32_t item = 1; item <= 3; ++item) {
        // Breakpoint: `item`. This line only creates the coroutine; it begins to run when it is awaited.
        asio::awaitable<void> processing = process_item(item);
        co_await std::move(processing);
    }

    trace("Async example completed");
    co_return all_succeeded ? EXIT_SUCCESS : EXIT_FAILURE;
}

/// Suspends the awaiting coroutine for `duration`. Runs on its executor, and lets the thread do other work meanwhile.
asio::awaitable<void> sleep_for(std::chrono::milliseconds duration) {
    asio::steady_timer timer{co_await asio::this_coro::executor, duration};
    co_await timer.async_wait(asio::deferred);
}

/// Waits 100 ms in place of a slow source, on the awaiting coroutine's executor. Returns "Data_<id>".
/// Throws what `trace` throws.
asio::awaitable<std::string> fetch_data(std::uint32_t id) {
    // Breakpoint: `id`, before the wait.
    trace(fmt::format("Fetching data for id: {}", id));
    co_await sleep_for(100ms);
    // Breakpoint: `id`, after the wait: the same, though the stack that held the call is gone.
    std::string data = fmt::format("Data_{}", id);
    co_return data;
}

/// Waits `task_id` * 100 ms on the executor that it is spawned on. Returns `task_id` * 10.
/// Throws std::runtime_error after the wait if `fail`, and what `trace` throws.
asio::awaitable<std::uint32_t> async_task(std::uint32_t task_id, bool fail = false) {
    const std::chrono::milliseconds delay = 100ms * task_id;
    // Breakpoint: `task_id` and `delay`, once for each task.
    trace(fmt::format("Task {} starting", task_id));
    co_await sleep_for(delay);
    if (fail) throw std::runtime_error{"simulated failure"};
    const std::uint32_t result = task_id * 10;
    // Breakpoint: `result`, perhaps on another thread than before the wait.
    trace(fmt::format("Task {} completed", task_id));
    co_return result;
}

/// Runs three tasks at the same time on `workers` and waits for all: 300 ms, as long as the slowest takes. Returns how
/// each ended, on the awaiting coroutine's executor; a task that throws stops neither the others nor the join.
asio::awaitable<std::array<task_outcome, 3>> join_tasks(asio::thread_pool::executor_type workers,
                                                        std::optional<std::uint32_t> failing_task) {
    // With `deferred`, co_spawn only describes what to do. The group then starts all three at once.
    const auto spawn = [&](std::uint32_t task_id) {
        return asio::co_spawn(workers, async_task(task_id, task_id == failing_task), asio::deferred);
    };
    // Cancelling the awaiting coroutine would reach into tasks that run on other threads: a data race. The empty slot
    // cuts that off, so a cancellation takes effect after the join.
    const auto [order, error1, result1, error2, result2, error3, result3] =
        co_await asio::experimental::make_parallel_group(spawn(1), spawn(2), spawn(3))
            .async_wait(asio::experimental::wait_for_all(),
                        asio::bind_cancellation_slot(asio::cancellation_slot{}, asio::use_awaitable));
    co_return std::array{task_outcome{1, result1, error1}, task_outcome{2, result2, error2},
                         task_outcome{3, result3, error3}};
}

/// Traces each failure and then the results of the tasks that succeeded. Returns whether all did.
bool report(const std::array<task_outcome, 3>& outcomes) {
    std::vector<std::uint32_t> results;
    for (const task_outcome& outcome : outcomes) {
        try {
            if (outcome.error) std::rethrow_exception(outcome.error);
            results.push_back(outcome.result);
        } catch (const std::exception& error) {
            trace(fmt::format("Task {} failed: {}", outcome.task_id, error.what()));
        }
    }
    const bool all_succeeded = results.size() == outcomes.size();
    const std::string list = fmt::format("{}", fmt::join(results, ", "));
    trace(all_succeeded
              ? fmt::format("Task results: {}", list)
              : fmt::format("Some tasks failed: {} of {} succeeded ({})", results.size(), outcomes.size(), list));
    return all_succeeded;
}

/// Waits 50 ms on the awaiting coroutine's executor. Throws what `trace` throws.
asio::awaitable<void> process_item(std::uint32_t item) {
    // Breakpoint: `item`, before the wait.
    trace(fmt::format("Processing item: {}", item));
    co_await sleep_for(50ms);
    // Breakpoint: `item`, after the wait.
    trace(fmt::format("Item {} processed", item));
}

constexpr auto usage =
    "Usage: async_example [--fail <task> | --help]\n"
    "  --fail <task>  make task 1, 2 or 3 throw after its delay\n"
    "  --help         print this text\n"
    "Exit status: 0 all succeeded, 1 a task failed or the output could not be written, 2 bad usage.\n";

/// Returns the task that is to fail, if one is. Throws std::invalid_argument.
std::optional<std::uint32_t> parse(const std::vector<std::string_view>& arguments) {
    if (arguments.empty()) return std::nullopt;
    if (arguments[0] != "--fail") throw std::invalid_argument{fmt::format("unknown argument {:?}", arguments[0])};
    if (arguments.size() == 1) throw std::invalid_argument{"--fail needs a task: 1, 2 or 3"};
    if (arguments.size() > 2) throw std::invalid_argument{fmt::format("surplus argument {:?}", arguments[2])};
    const std::string_view task = arguments[1];
    if (task == "1" || task == "2" || task == "3") return task[0] - '0';
    throw std::invalid_argument{fmt::format("--fail needs a task: 1, 2 or 3, not {:?}", task)};
}

int main(int argc, char* argv[]) {
    try {
        const std::vector<std::string_view> arguments{argv + 1, argv + argc};
        if (arguments.size() == 1 && arguments[0] == "--help") {
            print(usage);
            return EXIT_SUCCESS;
        }
        const std::optional<std::uint32_t> failing_task = parse(arguments);

        // Only the main thread runs main_context; the pool has threads of its own.
        asio::io_context main_context{1};
        asio::thread_pool workers{3};
        auto status = asio::co_spawn(main_context, async_main(workers.get_executor(), failing_task), asio::use_future);
        main_context.run();   // Returns when nothing is left to do: async_main is done.
        return status.get();  // Throws what async_main threw.
    } catch (const std::invalid_argument& error) {
        std::fputs(fmt::format("async_example: {}\n{}", error.what(), usage).c_str(), stderr);
        return 2;
    } catch (const std::exception& error) {
        std::fputs(fmt::format("async_example: {}\n", error.what()).c_str(), stderr);
        return EXIT_FAILURE;
    }
}
