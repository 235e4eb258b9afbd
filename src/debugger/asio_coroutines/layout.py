"""Asio's structures in memory: the names and offsets of what the model reads. The same from Boost 1.81 to 1.92, and in
standalone Asio. From asio/impl/awaitable.hpp and co_spawn.hpp:

    template <typename Executor> class awaitable_frame_base {     // the promise of each coroutine begins with this
        coroutine_handle<void> coro_;                             //  0: the coroutine frame
        awaitable_thread<Executor>* attached_thread_;             //  8: null unless it runs
        awaitable_frame_base<Executor>* caller_;                  // 16: the promise of the coroutine that awaits it
        void resume();                                            // calls coro_.resume()
        void push_frame(awaitable_frame_base* caller);            // `this` is now awaited by `caller`
    };
    template <> class awaitable_frame<awaitable_thread_entry_point> : awaitable_frame_base {
        awaitable_frame_base<Executor>* top_of_stack_;            // the innermost coroutine of this chain
    };
    template <typename Executor> class awaitable_thread {         // a part of the handler of a task that is waited for
        awaitable<awaitable_thread_entry_point, Executor> bottom_of_stack_;   // the waiting coroutine's entry point
    };
    template <typename T> class awaitable { awaitable_frame<T>* frame_; };    // null once it has been moved from
    awaitable<awaitable_thread_entry_point> co_spawn_entry_point(..., f, handler);   // f makes the task's coroutine
"""

from __future__ import annotations

import re

ATTACHED_THREAD = 8  # bytes, in the promise
CALLER = 16
# So far behind the beginning of its coroutine frame is a promise. Where the result has a larger alignment, it is
# farther: such a coroutine is read where a chain leads to it, but the search for promises does not find it.
PROMISE = 16
MOST_BEFORE_PROMISE = 256

TOP_OF_STACK = "top_of_stack_"
ENTRY_POINT = "co_spawn_entry_point"
# With ASIO_ENABLE_VERSION_NAMESPACE there is a namespace more: asio::v103802::detail.
_ASIO = r"(?:boost::)?asio::(?:\w+::)*?"
AWAITABLE = re.compile(_ASIO + r"awaitable<(?!" + _ASIO + "detail::awaitable_thread_entry_point)")  # of a task
AWAITABLE_THREAD = re.compile(_ASIO + r"detail::awaitable_thread<")
# What cannot have an awaitable_thread as a part, and need not be looked through.
NO_HANDLER = re.compile(
    r"::(awaitable|any_\w*executor|\w+_(system_executor|executor_type|context)|thread_pool|strand|scheduler)$"
)

# Calls of a completion handler, by the function's plain name. The handlers of a task's completion are such functions.
HANDLER_CALL = re.compile(r"^" + _ASIO + r"\w*handler::operator\(\)$")
RESUME = re.compile(r"\b" + _ASIO + r"detail::awaitable_frame_base<.*>::resume\b")
BODY_CALLER = re.compile(r"\bcoroutine_handle<.*>::resume\b")  # of the standard library; RESUME calls it
