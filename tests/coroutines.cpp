// What the debugger helpers must cope with beyond src/main.cpp. It takes part in no build of the demo: the debugger
// tests compile it, stop at the lines that are marked in the comments, and step.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdio>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace net {

template <typename Duration>
asio::awaitable<int> pause_for(Duration duration, const std::string& reason) {
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
    co_await attempt(2);    // chain: listen
    std::puts("listened");  // chain: after
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

int main() {
    asio::thread_pool pool{3};
    net::session session{7};
    asio::co_spawn(asio::make_strand(pool), listen(session), asio::detached);
    pool.join();

    asio::thread_pool walkers{3};
    for (int walker = 0; walker < 8; ++walker) {
        asio::co_spawn(walkers, start(walker), asio::detached);
    }
    walkers.join();
}
