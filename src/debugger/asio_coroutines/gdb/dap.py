"""GDB's DAP server, where GDB is one: what its client is told, and what not. Knows GDB only, and of that also some of
its own modules."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import gdb

EVENTS, BREAKPOINTS = "gdb.dap.events", "gdb.dap.breakpoint"  # loaded where GDB is a DAP server


def is_dap() -> bool:
    """Whether GDB is a DAP server."""
    return EVENTS in sys.modules


def unseen_by_dap() -> contextlib.AbstractContextManager[Any]:
    """DAP clients are not told of breakpoints that come and go within this."""
    dap = sys.modules.get(BREAKPOINTS)
    unseen: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if dap:
        unseen = dap.suppress_new_breakpoint_event()
    return unseen


def tell_dap(reason: str) -> None:
    """GDB's DAP server is to tell of the next stop as one for this reason, which is one of the protocol's."""
    dap = sys.modules.get(EVENTS)
    if dap and hasattr(dap, "expect_stop"):
        dap.expect_stop(reason)


@contextlib.contextmanager
def untold_to_dap(is_hidden: Callable[[], bool]) -> Iterator[None]:
    """Within this, DAP clients are not told of stops that are hidden when they come: the program runs on at once."""
    tell: Any = getattr(sys.modules.get(EVENTS), "_on_stop", None)
    if not tell:
        yield
        return

    def tell_unless_hidden(event: gdb.StopEvent) -> None:
        if not is_hidden():
            tell(event)

    gdb.events.stop.disconnect(tell)
    gdb.events.stop.connect(tell_unless_hidden)
    try:
        yield
    finally:
        gdb.events.stop.disconnect(tell_unless_hidden)
        gdb.events.stop.connect(tell)
