// What the debugger helpers say of values: test_values.py looks at it where everything waits, in standing_still().
// What dangles here is only ever looked at by the debugger.
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;
using std::chrono::steady_clock;
using std::chrono::system_clock;

asio::awaitable<void> nap(std::chrono::milliseconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> numbers(int number, unsigned short small, bool yes, double fraction, void* nowhere) {
    co_await nap(1h);
    std::printf("%d %d %d %g %p\n", number, small, yes, fraction, nowhere);
}

asio::awaitable<void> texts(const char* characters, std::string_view view, std::string text, std::string longer) {
    co_await nap(1h);
    std::printf("%s %zu %s %s\n", characters, view.size(), text.c_str(), longer.c_str());
}

asio::awaitable<void> times(std::chrono::seconds seconds, std::chrono::duration<double> fraction,
                            system_clock::time_point date, steady_clock::time_point point) {
    std::chrono::minutes local{2};
    co_await nap(1h);
    std::printf("%g %d %d\n", fraction.count() + static_cast<double>((seconds + local).count()),
                date.time_since_epoch().count() > 0, point.time_since_epoch().count() > 0);
}

using strand_of_any = asio::strand<asio::any_io_executor>;

asio::awaitable<void> executors(asio::any_io_executor any, asio::any_io_executor none,
                                asio::thread_pool::executor_type pool, strand_of_any strand, asio::system_executor) {
    co_await nap(1h);
    std::printf("%d %d %d %d\n", any == none, any == none, pool.running_in_this_thread(),
                strand.running_in_this_thread());
}

asio::awaitable<int> job(int id) {
    co_await nap(1h);
    co_return id;
}

asio::awaitable<void> hold(asio::awaitable<int> one, asio::awaitable<int> none) {
    co_await nap(1h);
    if (none.valid()) none = std::move(one);
}

struct session {
    std::string user;

    asio::awaitable<void> read(const int& times) {
        co_await nap(1h);
        std::printf("%s %d\n", user.c_str(), times);
    }
};

asio::awaitable<void> refer(const std::string& name, const int& number) {
    co_await nap(1h);
    std::printf("%s %d\n", name.c_str(), number);
}

asio::awaitable<void> own() {  // refers to what is in this coroutine
    const std::string name = "own";
    const int number = 4;
    co_await refer(name, number);
}

void start(asio::io_context& context, int number) {
    const std::string name = "a name that is gone";
    session gone{name};
    const auto lambda = [name, number]() -> asio::awaitable<void> {
        co_await nap(1h);
        std::printf("%s %d\n", name.c_str(), number);
    };
    asio::co_spawn(context, refer(name, number), asio::detached);
    asio::co_spawn(context, gone.read(number), asio::detached);
    asio::co_spawn(context, lambda(), asio::detached);
}

asio::awaitable<void> deaf() {  // is cancelled, but does not end
    co_await asio::this_coro::reset_cancellation_state(
        asio::enable_total_cancellation(), [](asio::cancellation_type) { return asio::cancellation_type::none; });
    co_await nap(1h);
}

asio::awaitable<void> either() {
    co_await (deaf() || nap(1ms));
}

asio::awaitable<void> elsewhere(asio::any_io_executor executor) {
    co_await asio::co_spawn(executor, nap(2h), asio::use_awaitable);
}

void standing_still() {
    std::puts("standing still");
}

asio::awaitable<void> running(std::chrono::milliseconds time, asio::awaitable<int> held,
                              asio::any_io_executor executor) {
    co_await nap(time);
    standing_still();
    if (executor && held.valid()) std::puts("running");
}

int main() {
    asio::io_context context{1};
    asio::thread_pool pool{1};
    const int alive = 3;
    const std::string name = "alive";
    session ann{"ann"};
    const auto lambda = [&alive, name, twice = 2 * alive, owner = std::make_unique<int>(1)]() -> asio::awaitable<void> {
        co_await nap(1h);
        std::printf("%d %s %d %d\n", alive, name.c_str(), twice, *owner);
    };

    start(context, 7);
    asio::co_spawn(context, numbers(-5, 65535, true, 0.5, nullptr), asio::detached);
    asio::co_spawn(context, texts("a \"b\"\n", "view", "text", std::string(50, 'x')), asio::detached);
    asio::co_spawn(context,
                   times(3s, std::chrono::duration<double>{1.5}, system_clock::from_time_t(1'700'000'000),
                         steady_clock::time_point{1500ms}),
                   asio::detached);
    asio::co_spawn(context,
                   executors(asio::make_strand(context), {}, pool.get_executor(),
                             asio::make_strand(asio::any_io_executor{pool.get_executor()}), {}),
                   asio::detached);
    asio::co_spawn(context, hold(job(4), {}), asio::detached);
    asio::co_spawn(context, ann.read(alive), asio::detached);
    asio::co_spawn(context, lambda(), asio::detached);
    asio::co_spawn(context, own(), asio::detached);
    asio::co_spawn(context, refer(name, alive), asio::detached);
    asio::co_spawn(context, either(), asio::detached);
    asio::co_spawn(context, elsewhere(pool.get_executor()), asio::detached);
    asio::co_spawn(context, running(100ms, job(5), context.get_executor()), asio::detached);
    context.run();
}
