// A coroutine that forks, which changes one of its variables in the child. For test_circumstances.py: see its markers.

#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> fork_process(asio::io_context& context) {
    asio::steady_timer timer{context, 1ms};
    int who = 0;
    co_await timer.async_wait(asio::use_awaitable);
    context.notify_fork(asio::execution_context::fork_prepare);  // before the fork
    const pid_t child = ::fork();
    who = child == 0 ? 2 : 1;
    context.notify_fork(child == 0 ? asio::execution_context::fork_child : asio::execution_context::fork_parent);
    std::printf("%d\n", who);  // after the fork
    if (child > 0) {
        ::waitpid(child, nullptr, 0);
    }
}

}  // namespace

int main() {
    asio::io_context context{1};
    asio::co_spawn(context, fork_process(context), asio::detached);
    context.run();
}
