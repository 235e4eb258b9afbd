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
        union u { Executor executor_; } u_;                       // of the task, where has_executor_
        awaitable_frame_base<Executor>* top_of_stack_;            // the innermost coroutine of this chain
        cancellation_state cancellation_state_;
        bool has_executor_;
    };
    class cancellation_state {
        struct impl_base { cancellation_signal signal_; cancellation_type_t cancelled_; };
        impl_base* impl_;                                         // null if nobody can cancel it
    };
    template <typename Executor> class awaitable_thread {         // a part of the handler of a task that is waited for
        awaitable<awaitable_thread_entry_point, Executor> bottom_of_stack_;   // the waiting coroutine's entry point
    };
    template <typename T> class awaitable { awaitable_frame<T>* frame_; };    // null once it has been moved from
    awaitable<awaitable_thread_entry_point> co_spawn_entry_point(..., f, handler);   // f makes the task's coroutine

From asio/execution/any_executor.hpp:

    class any_executor_base {                                     // any_io_executor begins with this
        aligned_storage<...>::type object_;                       //  0: three words
        const object_fns* object_fns_;
        void* target_;                                            // 32: the executor that it holds
        const target_fns* target_fns_;                            // 40: one of the two below; null if it is empty
        template <typename Ex> static const target_fns* target_fns_table(...) {
            static const target_fns fns_with_execute, fns_with_blocking_execute;
        }
    };
    template <typename Executor> class strand { Executor executor_; ... };

From asio/basic_socket.hpp and detail/, on systems other than Windows, without io_uring:

    class basic_socket { io_object_impl<reactive_socket_service<...>> impl_; };   // streams and acceptors begin so
    class io_object_impl { implementation_type implementation_; };
    class base_implementation_type { int socket_; };              // descriptor_ in reactive_descriptor_service
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
EXECUTOR = "u_", "executor_"
HAS_EXECUTOR = "has_executor_"
CANCELLATION = "cancellation_state_", "impl_"
CANCELLED = "cancelled_"
# Of cancellation_type: terminal, partial and total, and any of these together; all.
CANCELLATION_TYPES = frozenset([*range(1, 8), 0xFFFFFFFF])
CANCELLATION_SIZE = 4  # bytes
ENTRY_POINT = "co_spawn_entry_point"
# With ASIO_ENABLE_VERSION_NAMESPACE there is a namespace more: asio::v103802::detail.
_ASIO = r"(?:boost::)?asio::(?:\w+::)*?"
AWAITABLE = re.compile(_ASIO + r"awaitable<(?!" + _ASIO + "detail::awaitable_thread_entry_point)")  # of a task
AWAITABLE_THREAD = re.compile(_ASIO + r"detail::awaitable_thread<")
# What cannot have an awaitable_thread as a part, and need not be looked through.
NO_HANDLER = re.compile(
    r"::(awaitable|any_\w*executor|\w+_(system_executor|executor_type|context)|thread_pool|strand|scheduler)$"
)

AWAITABLE_FRAME = "frame_"  # in an awaitable
TARGET = 32  # bytes, in an any_executor_base
TARGET_FUNCTIONS = 40
TARGET_NAMES = "target_fns_", "target_"
TARGET_TABLE = re.compile(r"\bexecution::detail::any_executor_base::target_fns_table(?=<)")
ANY_EXECUTOR = re.compile(_ASIO + r"(any_\w*executor$|execution::any_executor<)")
STRAND = re.compile(_ASIO + r"strand(?=<)")
CONTEXT_EXECUTOR = re.compile(_ASIO + r"(\w+)::basic_executor_type<")  # of an io_context or a thread_pool
OTHER_EXECUTOR = re.compile(_ASIO + r"(?:basic_)?(system_executor|inline_executor)\b")

SOCKET = re.compile(_ASIO + r"(basic_(\w+_)?socket(_acceptor)?|posix::basic_(stream_)?descriptor)<")
SOCKET_NUMBER = re.compile("impl_$"), re.compile("implementation_$"), re.compile("(socket|descriptor)_$")

# What runs handlers: nothing of the program is in the machine frames of these, between a handler and its call of run().
SCHEDULER = re.compile(
    _ASIO + r"(io_context::(run|poll)(_one)?(_for|_until)?|detail::scheduler::((run|poll|wait)(_one)?|do_\w+)"
    r"|detail::scheduler_operation::complete)\b"
)

# Calls of a completion handler, by the function's plain name. The handlers of a task's completion are such functions.
HANDLER_CALL = re.compile(r"^" + _ASIO + r"\w*handler::operator\(\)$")
RESUME = re.compile(r"\b" + _ASIO + r"detail::awaitable_frame_base<.*>::resume\b")
PUSH_FRAME, PUSH_FRAME_CALLER = "push_frame", "caller"  # a function of the same class; its parameter
BODY_CALLER = re.compile(r"\bcoroutine_handle<.*>::resume\b")  # of the standard library; RESUME calls it
