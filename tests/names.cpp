// More of what the debugger helpers must cope with: names that are hard to read, what Asio leaves of its own, a deep
// recursion. It is compiled in a folder named boost/asio: whose code it is does not depend on the folder.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

struct server {
    int port = 80;

    asio::awaitable<void> serve() const {
        const auto attempt = [this](int number) -> asio::awaitable<void> {
            std::printf("%d %d\n", port, number);  // names: lambda
            co_return;
        };
        co_await attempt(1);
    }

    asio::awaitable<void> operator&&(int other) const {
        std::printf("%d\n", other);  // names: operator
        co_return;
    }
};

asio::awaitable<void> use(server server) {
    co_await server.serve();
    co_await (server && 2);
}

asio::awaitable<void> part() {
    asio::steady_timer timer{co_await asio::this_coro::executor, 1ms};
    co_await timer.async_wait(asio::use_awaitable);
}

// Goes on in the stack of the part that ends last, which is over then.
asio::awaitable<void> whole() {
    co_await (part() && part());
    std::puts("joined");    // rows: joined
    std::puts("and over");  // rows: over
}

asio::awaitable<void> caller() {
    co_await whole();
}

asio::awaitable<int> instant() {
    co_return 1;
}

// Is told of what it has spawned only after that has ended.
asio::awaitable<void> waits() {
    co_await asio::co_spawn(co_await asio::this_coro::executor, instant(), asio::use_awaitable);
}

// In a heap that is not glibc's: its frame fills a size class, so that the word before the next one is in use.
asio::awaitable<void> session(asio::steady_timer& timer) {
    long counts[7] = {};
    bool busy = true;
    co_await timer.async_wait(asio::use_awaitable);
    std::printf("%ld %d\n", counts[0], busy);
}

int recurse(int depth) {
    if (depth > 0) return recurse(depth - 1) + 1;
    return 0;  // frames: innermost
}

void look(const char* at) {
    std::puts(at);
}

int main() {
    asio::io_context context;
    asio::co_spawn(context, use(server{}), asio::detached);
    context.run();
    context.restart();
    asio::co_spawn(context, caller(), asio::detached);
    context.run();
    context.restart();

    asio::co_spawn(context, waits(), asio::detached);
    look("spawned");
    while (context.run_one() > 0) look("goes on");
    context.restart();

    asio::steady_timer timer{context, 1h};
    for (int number = 0; number < 20; ++number) asio::co_spawn(context, session(timer), asio::detached);
    context.poll();
    look("all wait");
    return recurse(50'000) - 50'000;
}
