"""What LLDB calls when the program stops. An exception here would be shown as a traceback: what goes wrong is said in a
sentence, once, and the step is LLDB's own."""

from __future__ import annotations

from typing import Any

from .session import session_of


class StopHook:
    """LLDB makes one for each target, and asks it at each stop."""

    def __init__(self, _target: Any, _arguments: Any, _internal: Any) -> None:
        pass

    def handle_stop(self, context: Any, stream: Any) -> bool:
        """Whether the program shall remain stopped. Called for each thread that has a reason to stop."""
        session = session_of(context.process)
        try:
            remains = session.stepper.at_stop()
            if remains:
                session.catcher.at_stop(context.process, session.lends.process.GetStopID())
            return remains
        except Exception as error:
            if sentence := session.unsaid(error):
                stream.Print(f"{sentence}\n")
            return True


def on_hit(frame: Any, _location: Any, _arguments: Any, _internal: Any) -> bool:
    """Whether to stop in this SBFrame, where a step may end."""
    process = frame.thread.process
    try:
        return session_of(process).stepper.is_at_end(frame)
    except Exception as error:
        print(session_of(process).unsaid(error))
        return True


def on_exception(frame: Any, _location: Any, _arguments: Any, _internal: Any) -> bool:
    """Whether to stop in this SBFrame, where an exception begins its way up, or ends."""
    process = frame.thread.process
    try:
        return session_of(process).catcher.is_to_stop(frame)
    except Exception as error:
        print(session_of(process).unsaid(error))
        return False
