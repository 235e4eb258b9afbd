// What compilers make of some co_awaits, and stacks that are unlike others: for test_awaits.py, which takes its
// markers.

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstdio>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

int pick(int number) {
    return number + 1;  // pick
}

asio::awaitable<int> doze(int number) {
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::milliseconds{number}};
    co_await timer.async_wait(asio::deferred);
    co_return number;
}

asio::awaitable<void> operands() {
    const int first = pick(1);                      // operands: no co_await
    co_await doze(pick(2));                         // operands: first
    const int second = co_await doze(pick(first));  // operands: second
    std::printf("%d\n", second);
}

asio::awaitable<void> several_lines() {
    const std::string what = "several lines";  // several: before
    co_await doze(                             // several: co_await
        static_cast<int>(what.size()));
    std::puts("over");  // several: over
}

asio::awaitable<void> loop() {
    int rounds = 0;
    for (;;) {
        co_await doze(1);  // loop: co_await
        ++rounds;          // loop: rounds
        if (rounds == 3) co_return;
    }
}

// Completes at once: a coroutine that awaits it is resumed on top of itself.
template <typename Token> auto at_once(int key, Token&& token) {
    return asio::async_initiate<Token, void(int)>([key](auto handler) { handler(key); }, token);
}

asio::awaitable<int> sum(int keys) {
    int total = 0;
    for (int key = 0; key < keys; ++key) total += co_await at_once(key, asio::use_awaitable);
    co_return pick(total);
}

asio::awaitable<void> deep() {
    std::printf("%d\n", co_await sum(1000));
}

asio::awaitable<void> lambdas() {
    const auto outside = [](int number) -> asio::awaitable<int> {
        const int inside = number;
        co_return pick(inside);
    };
    co_await outside(7);
}

struct noisy {  // what a task returns: its destructor runs in the completion of the task
    int id = 0;
    ~noisy() {
        if (id) pick(id);
    }
};

asio::awaitable<noisy> finished(int id) {
    co_await asio::post(co_await asio::this_coro::executor, asio::deferred);
    co_return noisy{id};
}

asio::awaitable<void> completion(int id) {
    using namespace asio::experimental::awaitable_operators;
    co_await (finished(id) && doze(1));  // completion
}

asio::awaitable<void> all() {
    co_await operands();
    co_await several_lines();
    co_await loop();
    co_await deep();
    co_await lambdas();
    co_await completion(5);
}

int main() {
    asio::io_context context{1};
    asio::co_spawn(context, all(), asio::detached);
    context.run();
}
