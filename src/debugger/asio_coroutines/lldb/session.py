"""What the helpers keep for one process, and for one debugger: what LLDB calls finds it here. Puts the parts together;
decides nothing."""

from __future__ import annotations

from typing import Any

from ..program import Program
from ..requests import Numbers
from .catching import Catcher
from .lends import LLDB
from .stepping import Settings, Stepper

_settings: dict[int, Settings] = {}  # by the SBDebuggers' ids
_sessions: dict[int, Session] = {}  # by the SBProcesses' unique ids


class Session:
    """One process."""

    def __init__(self, process: Any) -> None:
        self.lends = LLDB(process)
        self.program = Program(self.lends)
        self.catcher = Catcher(self.program)
        self.stepper = Stepper(self.program, self.lends, self.catcher, settings_of(process.target.debugger))
        self.numbers = Numbers()
        self._modules = 0

    def refresh(self) -> None:
        """Forgets what was known of the code if more of it has been loaded, or less."""
        modules = self.lends.target.GetNumModules()
        if modules != self._modules:
            self._modules = modules
            self.lends.forget()
            self.program.forget()


def settings_of(debugger: Any, module: str = "") -> Settings:
    """The settings of this SBDebugger, made at first for the loading file with this name."""
    return _settings.setdefault(debugger.GetID(), Settings(module))


def session_of(process: Any) -> Session:
    """The session of this SBProcess, made when it is first asked for."""
    number = process.GetUniqueID()
    if number not in _sessions:
        for other in [other for other, session in _sessions.items() if not session.lends.process.is_alive]:
            del _sessions[other]
        _sessions[number] = Session(process)
    session = _sessions[number]
    session.refresh()
    return session
