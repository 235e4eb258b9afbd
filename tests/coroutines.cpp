// What the debugger helpers must cope with beyond src/main.cpp. It takes part in no build of the demo: the debugger
// tests compile it, stop at the lines that are marked in the comments, and step.
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace net {

template <typename Duration> asio::awaitable<int> pause_for(Duration duration, const std::string& reason) {
    asio::steady_timer timer{co_await asio::this_coro::executor, duration};
    co_await timer.async_wait(asio::deferred);
    std::puts(reason.c_str());  // chain: innermost
    co_return 1;
}

struct session {
    int port;

    asio::awaitable<int> serve(int rounds) {
        int served = 0;
        while (served < rounds) {
            served += co_await pause_for(10ms, "served");  // chain: serve
        }
        co_return served;
    }
};

}  // namespace net

asio::awaitable<void> listen(net::session& session) {
    const auto attempt = [&session](int rounds) -> asio::awaitable<int> {
        const int served = co_await session.serve(rounds);  // chain: lambda
        co_return served;
    };
    std::puts("listening");  // chain: start
    co_await attempt(2);     // chain: listen
    std::puts("listened");   // chain: after
}

// Eight of these run at once, on three threads.
asio::awaitable<int> walk(int walker) {
    asio::steady_timer timer{co_await asio::this_coro::executor};
    int steps = 0;  // walk: start
    for (int round = 0; round < 3; ++round) {
        timer.expires_after(std::chrono::milliseconds{1 + walker % 3});  // walk: loop
        co_await timer.async_wait(asio::deferred);                       // walk: wait
        steps += co_await net::pause_for(1ms, "step");                   // walk: pause
    }
    co_return steps;  // walk: end
}

asio::awaitable<void> start(int walker) {
    const int steps = co_await walk(walker);
    std::printf("walker %d: %d steps\n", walker, steps);  // walk: over
}

// One after the other: Asio gives the next one the memory of the last.
asio::awaitable<void> visit(int visitor) {
    co_await net::pause_for(1ms, "visit");
    std::printf("visitor %d leaves\n", visitor);  // visit: end
}

asio::awaitable<int> risky(int limit) {
    const int value = co_await net::pause_for(1ms, "risky");
    if (value > limit) throw std::runtime_error{"over the limit"};  // risky: throw
    co_return value;
}

asio::awaitable<void> cautious() {
    try {
        co_await risky(0);  // cautious: await
    } catch (const std::exception& error) {
        std::puts(error.what());  // cautious: caught
    }
    std::puts("went on");  // cautious: after
}

// GCC has no code for this loop but that of its one statement.
asio::awaitable<void> repeat() {
    int limit = 3;
    try {
        for (;;) {                           // loop: head
            limit -= co_await risky(limit);  // loop: body
        }
    } catch (const std::exception&) {
        std::puts("no more");  // loop: end
    }
}

// An operation, which Asio starts when the coroutine that awaits it has suspended itself. It runs a callback at once.
template <typename Handler> void begin(Handler handler) {
    const auto executor = asio::get_associated_executor(handler);
    asio::dispatch(executor, [] {
        std::puts("called back");  // operation: callback
    });                            // operation: dispatch
    asio::post(executor, std::move(handler));
}

template <typename Token> auto operate(Token&& token) {
    return asio::async_initiate<Token, void()>([](auto handler) { begin(std::move(handler)); }, token);
}

// Each awaits the one above it: names that are hard to read, and arguments that have no names of their own.
template <typename... Rest> asio::awaitable<void> pack(int first, Rest... rest) {
    std::printf("%d\n", (first + ... + static_cast<int>(rest)));
    co_await operate(asio::use_awaitable);
}

namespace {

asio::awaitable<void> hidden(int depth) {
    co_await pack(depth, 2L, 3.5, 'c');
}

}  // namespace

struct functor {
    asio::awaitable<void> operator()(int depth) {
        co_await hidden(depth + 1);
    }

    template <typename Value> asio::awaitable<void> on_lvalue(Value value) & {
        co_await (*this)(value + 1);
    }
};

asio::awaitable<void> nested() {
    const auto generic = [](auto value) -> asio::awaitable<void> {
        functor object;
        co_await object.on_lvalue(static_cast<int>(value));
    };
    std::puts("nested");  // nested: start
    co_await generic(1.5);
}

// Starts where the coroutine that waits for it, on the same machine stack, has suspended itself.
asio::awaitable<int> raced(int number) {
    std::puts("raced");  // raced: start
    co_return number;
}

asio::awaitable<void> race() {
    using namespace asio::experimental::awaitable_operators;
    co_await (raced(1) || net::pause_for(1h, "race"));
}

// Compiled without debug information: it awaits debugged().
asio::awaitable<int> undebugged(int number);

asio::awaitable<int> debugged(int number) {
    number += 1;       // mixed: start
    co_return number;  // mixed: end
}

asio::awaitable<void> mixed() {
    const int number = co_await undebugged(1);
    std::printf("%d\n", number);  // mixed: over
}

asio::awaitable<int> recurse(int depth) {
    int below = 0;                                                 // recursion: start
    if (depth > 0) below = co_await recurse(depth - 1);            // recursion: down
    if (depth == 0) below = co_await net::pause_for(1ms, "deep");  // recursion: bottom
    co_return below + 1;                                           // recursion: up
}

asio::awaitable<void> deep() {
    co_await recurse(50);
    co_await recurse(50);
}

int add(int left, int right) {
    const int sum = left + right;
    return sum;  // steps: callee
}

// Braces as they are in Asio's examples.
// clang-format off
asio::awaitable<int> one_line() { co_return co_await net::pause_for(1ms, "one line"); }

asio::awaitable<void> steps()
{
    int sum = 0;  // steps: start
    sum = add(co_await net::pause_for(1ms, "steps"), 4);
    std::printf("%d\n", sum);  // steps: called
    std::puts("called");
    co_await one_line();  // steps: create
    std::puts("stepped");  // steps: created
}
// clang-format on

// On one line each: a plain function in what is awaited, a task that was made before, a spawn.
asio::awaitable<void> arguments() {
    const auto executor = co_await asio::this_coro::executor;
    int number = 0;  // arguments: start
    number += co_await raced(add(1, 2));
    asio::awaitable<int> task = raced(4);
    number += co_await std::move(task);
    number += co_await asio::co_spawn(executor, raced(number), asio::use_awaitable);
    std::printf("%d\n", number);  // arguments: end
}

// What waits when the program stands still: a tree of tasks, below coroutines that wait for groups of them.
asio::awaitable<int> member(int number) {
    co_await net::pause_for(1h, "member");  // tree: member
    co_return number;
}

asio::awaitable<int> group(int first) {
    const auto executor = co_await asio::this_coro::executor;
    const int last = first + 1;
    auto members = asio::experimental::make_parallel_group(asio::co_spawn(executor, member(first), asio::deferred),
                                                           asio::co_spawn(executor, member(last), asio::deferred));
    co_await members.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);  // tree: group
    co_return last;
}

asio::awaitable<void> both() {
    using namespace asio::experimental::awaitable_operators;
    co_await (group(1) && group(3));  // tree: both
}

asio::awaitable<void> on_strand(asio::any_io_executor façade) {
    co_await asio::co_spawn(façade, member(5), asio::use_awaitable);  // tree: on_strand
}

template <typename... Numbers> asio::awaitable<void> shadow(int value, Numbers... numbers) {
    const std::string same = "outer";
    const int sum = (value + ... + numbers);
    if (sum > 0) {
        const double same = 0.5;
        co_await net::pause_for(1h, "shadow");  // tree: shadow
        std::printf("%f\n", same);
    }
}

void standing_still() {
    std::puts("standing still");
}

void run(asio::io_context& context, asio::awaitable<void> coroutine) {
    asio::co_spawn(context, std::move(coroutine), asio::detached);
    context.run();
    context.restart();
}

// With an argument it waits for ever in the end.
int main(int argc, char**) {
    asio::thread_pool pool{3};
    net::session session{7};
    asio::co_spawn(asio::make_strand(pool), listen(session), asio::detached);
    pool.join();

    asio::thread_pool walkers{3};
    for (int walker = 0; walker < 8; ++walker) {
        asio::co_spawn(walkers, start(walker), asio::detached);
    }
    walkers.join();

    asio::io_context context;
    for (int visitor = 1; visitor <= 3; ++visitor) run(context, visit(visitor));
    run(context, cautious());
    run(context, repeat());
    run(context, nested());
    run(context, race());
    run(context, mixed());
    run(context, steps());
    run(context, arguments());
    run(context, deep());

    {
        asio::io_context doomed;
        for (int number = 100; number < 150; ++number) asio::co_spawn(doomed, member(number), asio::detached);
        doomed.poll();
    }
    const asio::awaitable<int> never_started = member(6);
    asio::co_spawn(context, both(), asio::detached);
    asio::co_spawn(context, on_strand(asio::make_strand(context)), asio::detached);
    asio::co_spawn(context, shadow(1, 2L, 3), asio::detached);
    context.poll();
    standing_still();
    if (argc > 1) context.run();
}
