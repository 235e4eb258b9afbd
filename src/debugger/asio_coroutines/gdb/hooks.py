"""Hooks: what GDB runs before or after one of its own commands. They live beside those of the user. Knows GDB only:
what the hooks do is given to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import gdb

from ..messages import unexpected
from .lends import execute

COMMAND = "maintenance async-hook"  # is in no list that a user sees


class Hooks(gdb.Command):
    """Runs a hook of the helpers: maintenance async-hook NAME."""

    def __init__(self, actions: Mapping[str, Callable[[], None]]) -> None:
        """`actions` are the hooks by their names: "hook-next", "hookpost-next"."""
        super().__init__(COMMAND, gdb.COMMAND_OBSCURE)
        self._actions = dict(actions)
        self._said: set[str] = set()
        self.keep()
        gdb.events.before_prompt.connect(self.keep)

    def keep(self) -> None:
        """Defines the hooks, where they are not. GDB has one hook of a kind for each command: one that the user has
        defined becomes a part of ours."""
        for name in self._actions:
            ours = f"{COMMAND} {name}"
            users: list[str] = []
            with contextlib.suppress(gdb.error):  # where there is none
                lines = execute(f"show user {name}").splitlines()[1:]
                users = [line for line in lines if line.strip()]
            if not any(line.strip() == ours for line in users):
                gdb.execute("\n".join([f"define {name}", ours, *users, "end"]))

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """An exception here would end the user's own command: so what goes wrong is said, once."""
        try:
            self._actions[argument]()
        except Exception as error:
            sentence = f"{unexpected(error)}\n"
            if sentence not in self._said:
                self._said.add(sentence)
                gdb.write(sentence)
