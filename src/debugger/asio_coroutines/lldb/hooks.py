"""What LLDB calls when the program stops. An exception here would be shown as a traceback: what goes wrong is said in a
sentence, once, and the step is LLDB's own. Finds the session, which decides."""

from __future__ import annotations

from typing import Any

from ..messages import unexpected
from .session import session_of

_said: set[tuple[int, str]] = set()  # what has been said of which process


def _say_once(process: Any, sentence: str, stream: Any = None) -> None:
    """Says this of an SBProcess, if it is not said already: where LLDB gives an SBStream for it, there."""
    key = process.GetUniqueID(), sentence
    if key in _said:
        return
    _said.add(key)
    if stream:
        stream.Print(f"{sentence}\n")
    else:
        print(sentence)


class StopHook:
    """LLDB makes one for each target, and asks it at each stop."""

    def __init__(self, _target: Any, _arguments: Any, _internal: Any) -> None:
        pass

    def handle_stop(self, context: Any, stream: Any) -> bool:
        """Whether the program shall remain stopped. Called for each thread that has a reason to stop."""
        process = context.process
        try:
            session = session_of(process)
            remains = session.stepper.at_stop()
            if remains:
                session.catcher.at_stop(process, process.GetStopID())
            if session.stepper.remark:
                _say_once(process, session.stepper.remark, stream)
            return remains
        except Exception as error:
            _say_once(process, unexpected(error), stream)
            return True


def on_hit(frame: Any, _location: Any, _arguments: Any, _internal: Any) -> bool:
    """Whether to stop in this SBFrame, where a step may end."""
    thread = frame.thread
    process = thread.process
    try:
        return session_of(process).stepper.is_at_end(thread)
    except Exception as error:
        _say_once(process, unexpected(error))
        return True


def on_exception(frame: Any, _location: Any, _arguments: Any, _internal: Any) -> bool:
    """Whether to stop in this SBFrame, where an exception begins its way up, or ends."""
    thread = frame.thread
    process = thread.process
    try:
        return session_of(process).catcher.is_to_stop(thread)
    except Exception as error:
        _say_once(process, unexpected(error))
        return False
