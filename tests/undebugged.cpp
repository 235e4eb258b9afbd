// The part of coroutines.cpp that is compiled without debug information.
#include <boost/asio/awaitable.hpp>

namespace asio = boost::asio;

asio::awaitable<int> debugged(int number);

asio::awaitable<int> undebugged(int number) {
    co_return co_await debugged(number);
}
