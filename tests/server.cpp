// A server of 5,000 sessions, of which one hangs: what src/debugger/README.md shows of thousands of coroutines.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstdio>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<void> idle(std::chrono::seconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::deferred);
}

asio::awaitable<void> flush(int bytes) {
    asio::steady_timer never{co_await asio::this_coro::executor, 1000h};
    if (bytes > 0) co_await never.async_wait(asio::deferred);
}

asio::awaitable<void> session(int id, std::string peer) {
    co_await flush(id == 1234 ? 99 : 0);
    for (;;) {
        co_await idle(100s);
        std::puts(peer.c_str());
    }
}

void all_wait() {
    std::puts("all wait");
}

int main() {
    asio::io_context context;
    for (int id = 0; id < 5000; ++id) {
        asio::co_spawn(context, session(id, "peer-" + std::to_string(id)), asio::detached);
    }
    context.poll();
    all_wait();
}
