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
        if layout.HANDLER_CALL.search(names.plain_name(frame.name)):
            if waiter := _waiter_in_handler(snapshot, frame):
                return waiter
    return 0


def _waiter_in_handler(snapshot: Snapshot, frame: Frame) -> int:
    debugger = snapshot.debugger
    types = [debugger.pointee(symbol.type) for symbol in debugger.symbols_at(frame.pc) if symbol.name == "this"]
    address = debugger.parameter(frame, "this")
    if not address or not types or types[0] is None:
        return 0
    ways = search(debugger, [(0, types[0])], layout.AWAITABLE_THREAD, layout.NO_HANDLER, MOST_POINTERS)
    for entry_point in words_at(snapshot, address, [*ways.wanted, *ways.unknown]):
        try:
            coroutine = Coroutine(snapshot, entry_point)
            if coroutine.function.is_entry_point:
                return coroutine.top_of_stack()
        except (NoCoroutine, NoMemory):  # what was found is not alive: there may be another one
            continue
    return 0
