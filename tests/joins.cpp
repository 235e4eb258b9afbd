// Awaits join_tasks of src/main.cpp in every place where a program may, with tasks of every kind; meant for sanitizers.
//
//     joins [<rounds>]
//
// Prints what has passed. A wrong outcome ends it with one line on stderr and status 1.
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <memory>
#include <thread>
#include <type_traits>

#define main main_of_the_program
#include "../src/main.cpp"
#undef main

/// Two orders that ThreadSanitizer cannot see: Asio deletes what an any_io_executor shares, like a strand, behind a
/// fence; and libstdc++, which counts the references to an exception, is not instrumented.
extern "C" const char* __tsan_default_suppressions() {
    return "race:boost::asio::execution::detail::shared_target_executor::~shared_target_executor\n"
           "race:std::runtime_error::~runtime_error\n"
           "race:std::__exception_ptr::exception_ptr::_M_release\n";
}

namespace {

/// Where a join is awaited, and where its tasks run.
struct place {
    const char* name;
    asio::any_io_executor awaiting, workers;
};

enum class kind { ends_at_once, dispatches, posts, throws, sleeps, sleeps_and_throws };
constexpr std::pair<kind, const char*> kinds[] = {
    {kind::ends_at_once, "end at once"}, {kind::dispatches, "dispatch"}, {kind::posts, "post"},
    {kind::throws, "throw at once"},     {kind::sleeps, "sleep"},        {kind::sleeps_and_throws, "sleep and throw"}};

void check(bool holds, const std::string& what) {
    if (holds) return;
    std::cerr << "joins: wrong: " << what << std::endl;
    std::_Exit(1);
}

void passed(const place& at, const std::string& what) {
    std::cout << at.name << ": " << what << std::endl;
}

/// The result of task `number`, in each of three types: a number, a text, and one that can only be moved.
template <typename T> T make(std::uint32_t number) {
    if constexpr (std::is_same_v<T, std::unique_ptr<std::uint32_t>>) {
        return std::make_unique<std::uint32_t>(number);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return std::string(100, 'x') + std::to_string(number);
    } else {
        return number;
    }
}

template <typename T> bool equal(const T& left, const T& right) {
    return left == right;
}
template <typename T> bool equal(const std::unique_ptr<T>& left, const std::unique_ptr<T>& right) {
    return left && right && *left == *right;
}

/// Every second one of the tasks that throw does.
bool throws(kind does, std::uint32_t number) {
    return (does == kind::throws || does == kind::sleeps_and_throws) && number % 2 == 1;
}

template <typename T> asio::awaitable<T> task(kind does, std::uint32_t number) {
    const auto executor = co_await asio::this_coro::executor;
    if (does == kind::dispatches) co_await asio::dispatch(executor, asio::deferred);
    if (does == kind::posts) co_await asio::post(executor, asio::deferred);
    if (does == kind::sleeps || does == kind::sleeps_and_throws)
        co_await sleep_for(std::chrono::milliseconds{number % 3});
    if (throws(does, number)) throw std::runtime_error{std::to_string(number)};
    co_return make<T>(number);
}

template <typename T> asio::awaitable<void> join(asio::any_io_executor workers, kind does, std::uint32_t count) {
    std::vector<asio::awaitable<T>> tasks;
    for (std::uint32_t number = 0; number < count; ++number) tasks.push_back(task<T>(does, number));
    const std::vector<outcome<T>> outcomes = co_await join_tasks(workers, std::move(tasks));
    check(outcomes.size() == count, "the number of outcomes");
    for (std::uint32_t number = 0; number < outcomes.size(); ++number) {
        const auto& [result, error] = outcomes[number];
        check(throws(does, number) == (error != nullptr), "whether a task has thrown");
        check(error ? message_of(error) == std::to_string(number) : equal(result, make<T>(number)), "an outcome");
    }
}

/// Joins one after another, so that threads lie in wait for the tasks; those that sleep at the same time.
template <typename T> void join_often(const place& at, kind does, std::uint32_t rounds) {
    std::vector<std::future<void>> joins;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        joins.push_back(asio::co_spawn(at.awaiting, join<T>(at.workers, does, 1 + round % 8), asio::use_future));
        if (does != kind::sleeps && does != kind::sleeps_and_throws) joins.back().wait();
    }
    for (auto& each : joins) each.get();
}

void join_all_kinds(const place& at, std::uint32_t rounds) {
    for (const auto& [does, name] : kinds) {
        join_often<std::uint32_t>(at, does, rounds);
        join_often<std::string>(at, does, rounds);
        join_often<std::unique_ptr<std::uint32_t>>(at, does, rounds);
        passed(at, std::string{"tasks that "} + name);
    }
}

asio::awaitable<void> join_none(asio::any_io_executor workers) {
    std::vector<asio::awaitable<std::string>> none;
    check((co_await join_tasks(workers, std::move(none))).empty(), "outcomes without tasks");
}

/// Blocks its thread until three have come, which takes three threads.
asio::awaitable<bool> meet(std::atomic<int>& arrived) {
    ++arrived;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (arrived < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    co_return arrived >= 3;
}

asio::awaitable<void> join_blocking(asio::any_io_executor workers) {
    std::atomic<int> arrived = 0;
    std::vector<asio::awaitable<bool>> tasks;
    for (int number = 0; number < 3; ++number) tasks.push_back(meet(arrived));
    for (const auto& [met, error] : co_await join_tasks(workers, std::move(tasks))) {
        check(met && !error, "tasks that block run one after another");
    }
}

/// Is cancelled while its tasks run.
asio::awaitable<void> join_cancelled(asio::any_io_executor workers, asio::cancellation_signal& cancel) {
    const auto executor = co_await asio::this_coro::executor;
    std::vector<asio::awaitable<std::uint32_t>> tasks;
    for (std::uint32_t number = 0; number < 8; ++number) tasks.push_back(task<std::uint32_t>(kind::sleeps, number));
    asio::post(executor, [&] { cancel.emit(asio::cancellation_type::terminal); });
    const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks(workers, std::move(tasks));
    for (std::uint32_t number = 0; number < 8; ++number) {
        check(!outcomes[number].error && outcomes[number].result == number, "the cancellation has reached a task");
    }
    co_await sleep_for(1h);
}

asio::awaitable<void> cancel_join(asio::any_io_executor workers) {
    asio::cancellation_signal cancel;
    try {
        co_await asio::co_spawn(co_await asio::this_coro::executor, join_cancelled(workers, cancel),
                                asio::bind_cancellation_slot(cancel.slot(), asio::use_awaitable));
    } catch (const boost::system::system_error& error) {
        check(error.code() == asio::error::operation_aborted, error.what());
    }
}

}  // namespace

int main(int argc, char* argv[]) {
    const auto rounds = static_cast<std::uint32_t>(argc > 1 ? std::atoi(argv[1]) : 100);
    asio::io_context loop{1};
    auto work = asio::make_work_guard(loop);
    std::thread thread{[&] { loop.run(); }};
    asio::thread_pool pool{3};
    const auto one = loop.get_executor();
    const auto many = pool.get_executor();
    const auto strand = asio::make_strand(pool);

    const place serial[] = {{"One thread, the tasks on a pool", one, many},
                            {"One thread, the tasks there, too", one, one},
                            {"A strand of one thread, the tasks on a pool", asio::make_strand(loop), many},
                            {"A strand of one thread, the tasks on that thread", asio::make_strand(loop), one},
                            {"A strand of the tasks' pool", strand, many},
                            {"A strand of a pool, the tasks on that strand, too", strand, strand},
                            {"A strand of a pool, the tasks on another", strand, asio::make_strand(pool)},
                            {"A strand of a pool, the tasks on one thread", strand, one}};
    const place parallel[] = {{"A pool, the tasks there, too", many, many},
                              {"A pool, the tasks on a strand of it", many, strand},
                              {"A pool, the tasks on one thread", many, one}};
    for (const place& at : serial) {
        join_all_kinds(at, rounds);
        for (std::uint32_t round = 0; round < rounds; ++round)
            asio::co_spawn(at.awaiting, cancel_join(at.workers), asio::use_future).get();
        passed(at, "cancelled");
    }
    for (const place& at : parallel) join_all_kinds(at, rounds);
    for (const place& at : {serial[0], serial[2], serial[4], parallel[0]}) {
        for (std::uint32_t round = 0; round < rounds; ++round) {
            asio::co_spawn(at.awaiting, join_blocking(at.workers), asio::use_future).get();
            asio::co_spawn(at.awaiting, join_none(at.workers), asio::use_future).get();
        }
        passed(at, "tasks that block, and no tasks");
    }
    work.reset();
    thread.join();
}
