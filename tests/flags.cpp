// Compiled with flags that leave debuggers less to read: optimised, and with AddressSanitizer.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>

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

int main() {
    asio::io_context context;
    asio::co_spawn(context, outer(), asio::detached);
    context.run();
}
