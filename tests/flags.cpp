// Compiled with flags that leave debuggers less to read: optimised, and with AddressSanitizer.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <utility>

namespace asio = boost::asio;

[[gnu::noinline]] void stop(int number) {
    std::printf("%d\n", number);  // flags: stop
}

asio::awaitable<int> inner(int number) {
    stop(number);
    co_return number;
}

asio::awaitable<void> outer() {
    const int number = co_await inner(1);
    stop(number);
}

// Each is allocated from a call stack of its own, which AddressSanitizer writes before it.
template <int Number> asio::awaitable<void> session() {
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::hours{1}};
    co_await timer.async_wait(asio::use_awaitable);
}

template <int... Numbers> void spawn_all(asio::io_context& context, std::integer_sequence<int, Numbers...>) {
    (asio::co_spawn(context, session<Numbers>(), asio::detached), ...);
}

int main() {
    asio::io_context context;
    asio::co_spawn(context, outer(), asio::detached);
    context.run();
    context.restart();
    spawn_all(context, std::make_integer_sequence<int, 16>{});
    context.poll();
    stop(2);
}
