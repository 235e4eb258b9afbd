"""GDB for Boost.Asio's C++20 coroutines, in any program that uses asio::awaitable and is built with -O0 -g.

    gdb -x src/debugger/asio_gdb.py build/async_example

`bt` shows the logical stack, `next` steps over a co_await, async-tasks lists all coroutines: see README.md, and help
async-tasks, async-in, async-next, async-step, async-catch, async-break. GDB 13 or newer.
"""


def _load_asio_coroutines():
    """Loads the package beside this file, and leaves no name in the user's __main__."""
    import os
    import sys

    sys.path.insert(0, os.path.dirname(os.path.abspath(os.path.expanduser(__file__))))
    try:
        from asio_coroutines.gdb import install
    finally:
        del sys.path[0]
    install()


_load_asio_coroutines()
del _load_asio_coroutines
