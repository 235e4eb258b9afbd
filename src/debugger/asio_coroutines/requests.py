"""What a user asks for: the words that the commands take. Knows text only; each debugger names its own commands."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

from .debugger import UserMistake
from .listing import Request

ON_OFF = {"on": True, "off": False}


def on_or_off(words: str, command: str) -> bool:
    """For "on" and "off". Raises UserMistake."""
    if words.strip() not in ON_OFF:
        raise UserMistake(f"{command} takes on or off")
    return ON_OFF[words.strip()]


def tasks_request(words: str) -> Request:
    """For "[-all] [WORD]". Raises UserMistake."""
    everything, pattern = False, words.strip()
    if first := re.match(r"-all(\s+|$)", pattern):
        everything, pattern = True, pattern[first.end() :]
    elif pattern.startswith("-"):
        raise UserMistake(f"async-tasks has no option {pattern.split()[0]}: it takes -all and a word")
    try:
        return Request(everything, re.compile(pattern) if pattern else None)
    except re.error as error:
        raise UserMistake(f"{pattern} is no regular expression: {error}") from error


@dataclass(frozen=True, slots=True)
class Look:
    """For "N COMMAND": a look into one coroutine."""

    number: int
    command: str  # may be empty


def look(words: str) -> Look:
    """For "N [COMMAND]". Raises UserMistake."""
    number, _, command = words.strip().partition(" ")
    if not number.isdecimal():
        raise UserMistake("async-in takes a number of async-tasks and a command that looks, such as: 3 print x")
    return Look(int(number), command.strip())


def allowed(command: str, abbreviations: Mapping[str, str], alone: Collection[str] = ()) -> str | None:
    """The full name of the command if it is one of those allowed: {name: its shortest abbreviation}. Those in `alone`
    are allowed only without arguments.

    >>> allowed("p/x value", {"print": "p"}), allowed("frame apply 1 next", {"frame": "f"}, alone=["frame"])
    ('print', None)
    """
    words = command.strip()
    word = re.match(r"[\w-]*", words)
    first = word[0] if word else ""
    for name, shortest in abbreviations.items():
        if name.startswith(first) and first.startswith(shortest):
            return name if first == words or name not in alone else None
    return None


def thread_number(words: str, command: str) -> int | None:
    """For "[THREAD]", None if it is not given. Raises UserMistake."""
    if not words.strip():
        return None
    if not words.strip().isdecimal():
        raise UserMistake(f"{command} takes nothing, or the number of a thread")
    return int(words)


class Numbers:
    """The numbers that async-tasks has given to coroutines, by their promises. They hold for one stop of one
    program."""

    def __init__(self) -> None:
        self._promises: list[int] = []
        self._stop: Hashable = None

    def give(self, promises: list[int], stop: Hashable) -> None:
        """Numbers these, from 1 on, in place of those before."""
        self._promises, self._stop = promises, stop

    def promise(self, number: int, stop: Hashable) -> int:
        """The promise with this number. Raises UserMistake."""
        if stop != self._stop or not 1 <= number <= len(self._promises):
            raise UserMistake(f"async-tasks has shown no number {number} at this stop")
        return self._promises[number - 1]
