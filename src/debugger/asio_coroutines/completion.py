"""A task that has ended, and calls its completion handler: whom that resumes. Its entry point does not have the handler
any more, but a function of the handler's, on the call stack, has it:

    parallel_group_op_handler<0, ...>::operator()   `this` has a pointer to the group's state, and that the group's
    handler,
                                                    of which an awaitable_thread is a part, that of the waiter
    co_spawn_entry_point()                          has moved the handler out of its frame
"""

from __future__ import annotations

from collections.abc import Iterable

from . import layout, names
from .coroutine import Coroutine, words_at
from .debugger import Frame, NoCoroutine, NoMemory
from .function import MOST_POINTERS
from .parts import search
from .program import Snapshot


def waiter_of_completion(snapshot: Snapshot, frames: Iterable[Frame]) -> int:
    """The promise of the coroutine that a completion handler in one of these frames resumes, or 0. The first frame that
    has one counts."""
    for frame in frames:
        is_call = layout.HANDLER_CALL.search(names.plain_name(frame.name)) is not None
        waiter = _waiter_in_handler(snapshot, frame) if is_call else 0
        if waiter:
            return waiter
    return 0


def _waiter_in_handler(snapshot: Snapshot, frame: Frame) -> int:
    """The same for the handler that is the object of this frame's function."""
    debugger = snapshot.debugger
    this = next((symbol for symbol in debugger.symbols_at(frame.pc) if symbol.name == "this"), None)
    handler = debugger.pointee(this.type) if this else None
    address = debugger.parameter(frame, "this")
    if not address or handler is None:
        return 0
    ways = search(debugger, [(0, handler)], layout.AWAITABLE_THREAD, layout.NO_HANDLER, MOST_POINTERS)
    for entry_point in words_at(snapshot, address, [*ways.wanted, *ways.unknown]):
        try:
            coroutine = Coroutine(snapshot, entry_point)
            if coroutine.function.is_entry_point:
                return coroutine.top_of_stack()
        except (NoCoroutine, NoMemory):  # what was found is not alive: there may be another one
            continue
    return 0
