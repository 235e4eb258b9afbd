"""The parts of an object that are of some type: where they are in it. Knows types, no memory."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .debugger import Debugger, Type

MOST_TYPES = 3_000  # that are looked at, in one search
NAMELESS = re.compile(r"lambda|\$_\d|unnamed|anonymous|^$")

# The way from an object to a part of it: offsets in bytes, between which a pointer is followed.
# (8, 16) is: the pointer at offset 8, and in what that points to, offset 16.
Path = tuple[int, ...]


def paths(
    debugger: Debugger, start: Sequence[tuple[int, Type]], wanted: re.Pattern[str], skipped: re.Pattern[str], pointers: int
) -> list[Path]:
    """The ways to those parts whose type's name begins as `wanted`, the shortest first.

    `start` has the offset and the type of each object to look through; `skipped` matches the names, without template
    arguments, of types that are not looked through; `pointers` is how many pointers a way may follow."""
    found: list[Path] = []
    queue: list[tuple[Path, Type]] = [((offset,), type_) for offset, type_ in start]
    seen: set[str] = set()
    for count, (path, type_) in enumerate(queue):  # which grows
        if count > MOST_TYPES:
            break
        target = debugger.pointee(type_)
        name = debugger.type_name(type_)
        if target is not None:
            if len(path) <= pointers:
                queue.append((path + (0,), target))
        elif wanted.match(name):
            found.append(path)
        elif not skipped.search(name.partition("<")[0]) and name not in seen:
            if not NAMELESS.search(name):  # two lambdas may share a name: each is looked through
                seen.add(name)
            for member in debugger.members(type_):
                queue.append((path[:-1] + (path[-1] + member.offset,), member.type))
    return found
