// Three ways to run asynchronous work with C++20 coroutines and Boost.Asio, told by a timestamped trace:
//   phase 1, sequential await: fetch_data            100 ms            on the main thread
//   phase 2, parallel tasks:   async_task 1, 2, 3    100/200/300 ms    on a pool of three worker threads
//   phase 3, sequential loop:  process_item 1, 2, 3  50 ms each        on the main thread
// A function that returns asio::awaitable<T> and uses co_await or co_return is a coroutine. Calling it runs none of its
// body: that runs when another coroutine co_awaits it, or when co_spawn starts it on an executor, which decides on what
// thread. While a coroutine waits it is suspended: it blocks no thread, and its locals stay in a frame on the heap.

#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// How a task ended: `error` is what it threw; where that is null, `result` is what it returned.
struct outcome {
    std::uint32_t task_id, result;
    std::exception_ptr error;
};

const auto program_start = std::chrono::steady_clock::now();
/// Prints one event with the time and the thread, and flushes: what was traced is never lost. Any thread may call it.
void trace(const std::string& event) {
    static std::mutex mutex;
    static unsigned threads_seen = 0;
    // One lock for the time and the output: so the times never decrease down the trace.
    const std::lock_guard lock{mutex};
    // A thread gets its name when it first speaks, and main speaks first.
    thread_local const std::string thread = threads_seen++ == 0 ? "main" : fmt::format("worker {}", threads_seen - 1);
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - program_start;
    std::cout << fmt::format("[{:8.3f} ms] [{:<8}] {}\n", elapsed.count(), thread, event) << std::flush;
}

asio::awaitable<std::string> fetch_data(std::uint32_t id);
asio::awaitable<std::vector<outcome>> join_tasks(asio::thread_pool::executor_type workers, std::uint32_t failing_task);
bool report(const std::vector<outcome>& outcomes);
asio::awaitable<void> process_item(std::uint32_t item);

/// The whole example: 550 ms on the executor that it is spawned on, but for the tasks, which run on `workers`. The task
/// `failing_task` throws (0: none does). Returns whether all tasks succeeded.
asio::awaitable<bool> async_main(asio::thread_pool::executor_type workers, std::uint32_t failing_task) {
    trace("Starting async example");
    trace("== Phase 1: sequential await ==");
    const std::string data = co_await fetch_data(1);
    // Breakpoint: `data`, which fetch_data returned.
    trace(fmt::format("Fetched data: {}", data));

    trace("== Phase 2: parallel tasks ==");
    const std::vector<outcome> outcomes = co_await join_tasks(workers, failing_task);
    // Breakpoint: `outcomes`, one for each task: its `result`, or the `error` that it threw.
    const bool all_succeeded = report(outcomes);

    trace("== Phase 3: sequential loop ==");
    for (std::uint32_t item = 1; item <= 3; ++item) {
        // Breakpoint: `item`. This line only creates the coroutine; it begins to run when it is awaited.
        asio::awaitable<void> processing = process_item(item);
        co_await std::move(processing);
    }
    trace("Async example completed");
    co_return all_succeeded;
}

/// Suspends the awaiting coroutine for `duration`. Runs on its executor, and lets the thread do other work meanwhile.
asio::awaitable<void> sleep_for(std::chrono::milliseconds duration) {
    asio::steady_timer timer{co_await asio::this_coro::executor, duration};
    co_await timer.async_wait(asio::deferred);
}

/// Waits 100 ms on the awaiting coroutine's executor. Returns "Data_<id>".
asio::awaitable<std::string> fetch_data(std::uint32_t id) {
    // Breakpoint: `id`, before the wait.
    trace(fmt::format("Fetching data for id: {}", id));
    co_await sleep_for(100ms);
    // Breakpoint: `id`, after the wait: the same, though the stack that held the call is gone.
    co_return fmt::format("Data_{}", id);
}

/// Waits `task_id` * 100 ms on the executor it is spawned on. Returns `task_id` * 10; throws runtime_error if `fail`.
asio::awaitable<std::uint32_t> async_task(std::uint32_t task_id, bool fail = false) {
    trace(fmt::format("Task {} starting", task_id));
    const std::chrono::milliseconds delay = 100ms * task_id;
    // Breakpoint: `task_id` and `delay`, once for each task.
    asio::awaitable<void> waiting = sleep_for(delay);
    co_await std::move(waiting);
    if (fail) throw std::runtime_error{"simulated failure"};
    const std::uint32_t result = task_id * 10;
    trace(fmt::format("Task {} completed", task_id));
    // Breakpoint: `result`, perhaps on another thread than before the wait.
    co_return result;
}

/// Runs three tasks at the same time on `workers` and waits for all: 300 ms, as long as the slowest takes. Returns how
/// each ended, on the awaiting coroutine's executor; a task that throws stops neither the others nor the join.
asio::awaitable<std::vector<outcome>> join_tasks(asio::thread_pool::executor_type workers, std::uint32_t failing_task) {
    // With `deferred`, co_spawn only describes what to do. The group then starts all three at once.
    const auto spawn = [&](std::uint32_t task_id) {
        return asio::co_spawn(workers, async_task(task_id, task_id == failing_task), asio::deferred);
    };
    // Without the empty slot, cancelling the awaiting coroutine would reach into tasks on other threads: a data race.
    const auto [order, error1, result1, error2, result2, error3, result3] =
        co_await asio::experimental::make_parallel_group(spawn(1), spawn(2), spawn(3))
            .async_wait(asio::experimental::wait_for_all(),
                        asio::bind_cancellation_slot(asio::cancellation_slot{}, asio::use_awaitable));
    co_return std::vector<outcome>{{1, result1, error1}, {2, result2, error2}, {3, result3, error3}};
}

/// Traces each failure and then the results of the tasks that succeeded. Returns whether all did.
bool report(const std::vector<outcome>& outcomes) {
    std::string results;
    int succeeded = 0;
    for (const outcome& task : outcomes) {
        try {
            if (task.error) std::rethrow_exception(task.error);
            results += fmt::format("{}{}", succeeded++ == 0 ? "" : ", ", task.result);
        } catch (const std::exception& error) {
            trace(fmt::format("Task {} failed: {}", task.task_id, error.what()));
        }
    }
    trace(succeeded == 3 ? fmt::format("Task results: {}", results)
                         : fmt::format("Some tasks failed: {} of 3 succeeded ({})", succeeded, results));
    return succeeded == 3;
}

/// Waits 50 ms on the awaiting coroutine's executor.
asio::awaitable<void> process_item(std::uint32_t item) {
    // Breakpoint: `item`, before the wait.
    trace(fmt::format("Processing item: {}", item));
    co_await sleep_for(50ms);
    // Breakpoint: `item`, after the wait.
    trace(fmt::format("Item {} processed", item));
}

constexpr auto usage =
    "Usage: async_example [--fail <task> | --help]    (--fail makes task 1, 2 or 3 throw after its delay)\n"
    "Exit status: 0 all succeeded, 1 a task failed or the output could not be written, 2 bad usage\n";

/// Returns the task that the command line wants to fail, or 0. Throws std::invalid_argument.
std::uint32_t parse(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return 0;
    if (arguments.front() != "--fail")
        throw std::invalid_argument{fmt::format("unexpected argument {:?}", arguments.front())};
    const std::string task = arguments.size() == 2 ? arguments[1] : "";
    if (task != "1" && task != "2" && task != "3") throw std::invalid_argument{"--fail needs one task: 1, 2 or 3"};
    return static_cast<std::uint32_t>(task[0] - '0');
}

int main(int argc, char* argv[]) {
    try {
        const std::vector<std::string> arguments{argv + 1, argv + argc};
        bool all_succeeded = true;
        if (arguments == std::vector<std::string>{"--help"}) {
            std::cout << usage << std::flush;
        } else {
            const std::uint32_t failing_task = parse(arguments);
            asio::io_context main_context{1};  // Runs coroutines on the thread that calls run(): only on this one.
            asio::thread_pool workers{3};      // Runs them on three threads of its own.
            asio::co_spawn(main_context, async_main(workers.get_executor(), failing_task),
                           [&](std::exception_ptr error, bool succeeded) {
                               if (error) std::rethrow_exception(error);  // run() throws it then.
                               all_succeeded = succeeded;
                           });
            main_context.run();  // Returns when nothing is left to do: async_main is done.
        }
        if (!std::cout) throw std::runtime_error{"cannot write to stdout"};
        return all_succeeded ? 0 : 1;
    } catch (const std::invalid_argument& error) {
        std::cerr << fmt::format("async_example: {}\n{}", error.what(), usage);
        return 2;
    } catch (const std::exception& error) {
        std::cerr << fmt::format("async_example: {}\n", error.what());
        return 1;
    }
}
