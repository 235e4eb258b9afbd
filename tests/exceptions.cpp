// Exceptions that come out of a co_await, in each way that Asio has: for test_exceptions.py, which takes its markers.

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

asio::awaitable<void> stored(asio::steady_timer& timer) {
    timer.cancel();
    co_await timer.async_wait(asio::use_awaitable);  // stored: Asio keeps the error, and raises it here
}

asio::awaitable<void> thrown(asio::steady_timer& timer) {
    timer.cancel();
    co_await timer.async_wait(asio::deferred);  // thrown: on the coroutine's own stack
}

int number(const std::string& text) {
    return std::stoi(text);
}

asio::awaitable<int> parse(const std::string& text) {
    const int parsed = number(text);  // parse: no co_await
    co_return parsed;
}

asio::awaitable<int> careful() {
    int result = 0;
    try {
        result = number("none");
    } catch (const std::exception&) {
        std::puts("no exception comes out of careful");
    }
    co_return result;
}

asio::awaitable<void> between(asio::steady_timer& timer) {
    co_await stored(timer);  // between: the same exception once more
}

template <typename Awaitable> asio::awaitable<void> attempt(const char* what, Awaitable awaited) {
    try {
        co_await std::move(awaited);  // attempt: the same, or the first that an exception comes out of
        std::printf("%s: no exception\n", what);
    } catch (const std::exception& error) {
        std::printf("%s: %s\n", what, error.what());  // handler
    }
}

asio::awaitable<void> cancelled() {
    asio::steady_timer timer{co_await asio::this_coro::executor, 1h};
    for (int round = 0; round < 3; ++round) {
        try {
            timer.expires_after(1h);
            asio::post(timer.get_executor(), [&timer] { timer.cancel(); });
            co_await timer.async_wait(asio::use_awaitable);  // rounds: each round has an exception of its own
        } catch (const std::exception&) {
            std::printf("round %d\n", round);
        }
    }
}

asio::awaitable<void> all() {
    asio::steady_timer timer{co_await asio::this_coro::executor, 1h};
    const auto cancel_soon = [&timer] {
        timer.expires_after(1h);
        asio::post(timer.get_executor(), [&timer] { timer.cancel(); });
    };
    cancel_soon();
    co_await attempt("stored", between(timer));
    cancel_soon();
    co_await attempt("thrown", thrown(timer));
    co_await attempt("parsed", parse("none"));
    co_await attempt("careful", careful());
    cancel_soon();
    co_await attempt("group", stored(timer) && careful());
    cancel_soon();
    co_await attempt("task", asio::co_spawn(timer.get_executor(), stored(timer), asio::use_awaitable));
    co_await cancelled();
    std::puts("done");
}

}  // namespace

int main() {
    asio::io_context context{1};
    asio::co_spawn(context, all(), asio::detached);
    context.run();
}
