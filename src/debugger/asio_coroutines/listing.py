"""A forest of tasks -> numbered lines. Thousands of tasks take few: those of the same shape are one entry."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from . import text
from .coroutine import Coroutine
from .debugger import BUILD, Mapping
from .tasks import Forest, Task, all_in

SCREEN = 40  # rows: so many are shown as they are

# The shape of a task: a number, the same for those that have the same names and places all the way down.
Shape = int


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants to see."""

    everything: bool = False  # each task, not one for each shape
    pattern: re.Pattern[str] | None = None  # only tasks in which this is found, and those above them


@dataclass(frozen=True, slots=True)
class Listing:
    """What async-tasks shows."""

    lines: list[str]
    coroutines: list[Coroutine]  # by their numbers, the first of which is 1


@dataclass(slots=True)
class Entry:
    """A task that stands for all that are like it."""

    task: Task
    count: int
    children: list[Entry]


def listing(forest: Forest, request: Request) -> Listing:
    """The forest's rows. Raises what reading a coroutine raises."""
    roots = _matching(forest.roots, request.pattern) if request.pattern else forest.roots
    tasks = list(all_in(roots))
    rows = sum(len(task.coroutines) for task in tasks)
    grouped = rows > SCREEN and not request.everything
    entries = _groups(roots, _shapes(roots)) if grouped else [_single(root) for root in roots]
    lines, coroutines = _lines(_in_order(entries))
    if not lines:
        lines.append(_nothing(forest, request))
    elif grouped and len(coroutines) < rows:
        lines.append(f"({len(tasks)} tasks. async-tasks -all shows each, async-tasks WORD those with a word.)")
    if forest.remark and forest.roots:  # where there are none, what is said is enough
        lines.append(f"({forest.remark})")
    if forest.left_out:
        lines.append(_left_out(forest.left_out))
    return Listing(lines, coroutines)


def _matching(roots: list[Task], pattern: re.Pattern[str]) -> list[Task]:
    """Copies of the tasks in which the pattern is found, and of those above them."""
    kept: dict[int, Task] = {}
    for task in reversed(list(all_in(roots))):  # each after those below it
        children = [kept[id(child)] for child in task.children if id(child) in kept]
        if children or any(pattern.search(row) for row in _rows(task)):
            kept[id(task)] = dataclasses.replace(task, children=children)
    return [kept[id(root)] for root in roots if id(root) in kept]


def _shapes(roots: list[Task]) -> dict[int, Shape]:
    """The shape of each task, by its id()."""
    shapes: dict[int, Shape] = {}
    known: dict[object, Shape] = {}
    for task in reversed(list(all_in(roots))):
        places = tuple((coroutine.function.start, task.line(coroutine)) for coroutine in task.coroutines)
        state = re.sub(r"\d+", "", task.state)  # on whichever thread
        below = frozenset(Counter(shapes[id(child)] for child in task.children).items())
        said = state, *_remarks(task)
        shapes[id(task)] = known.setdefault((places, said, below), len(known))
    return shapes


def _groups(tasks: list[Task], shapes: dict[int, Shape]) -> list[Entry]:
    """An entry for each shape among these tasks, and so on below them."""
    top: list[Entry] = []
    pending = [(tasks, top)]
    while pending:
        siblings, entries = pending.pop()
        by_shape: dict[Shape, Entry] = {}
        for task in siblings:
            if entry := by_shape.get(shapes[id(task)]):
                entry.count += 1
            else:
                by_shape[shapes[id(task)]] = entry = Entry(task, 1, [])
                entries.append(entry)
                pending.append((task.children, entry.children))
    return top


def _single(task: Task) -> Entry:
    """An entry for each task."""
    top = Entry(task, 1, [])
    pending = [top]
    while pending:
        entry = pending.pop()
        entry.children = [Entry(child, 1, []) for child in entry.task.children]
        pending.extend(entry.children)
    return top


def _in_order(entries: list[Entry]) -> list[Entry]:
    """Rare ones first; those that are equally frequent as a reader orders them: task 2 before task 10."""

    def key(entry: Entry) -> tuple[int, list[tuple[bool, int, str]]]:
        first = entry.task.coroutines[0]
        parts = re.split(r"(\d+)", text.call_and_place(first, entry.task.line(first)))
        return entry.count, [_as_ordered(part) for part in parts]

    return sorted(entries, key=key)


def _as_ordered(part: str) -> tuple[bool, int, str]:
    """What orders the parts of a text: words as they are, numbers by their values."""
    return part.isdecimal(), int(part) if part.isdecimal() else 0, part


def _lines(entries: list[Entry]) -> tuple[list[str], list[Coroutine]]:
    """The numbered lines of these entries and all below them, and their coroutines."""
    lines: list[str] = []
    coroutines: list[Coroutine] = []
    pending = [(0, entry) for entry in reversed(entries)]
    while pending:
        depth, entry = pending.pop()
        for row, coroutine in zip(_rows(entry.task), entry.task.coroutines):
            coroutines.append(coroutine)
            has_count = entry.count > 1 and coroutine is entry.task.coroutines[0]
            count = f"{entry.count} x " if has_count else ""
            lines.append(f"{len(coroutines):>3}  {'  ' * depth}{count}{row}")
            depth += 1
        pending.extend((depth, child) for child in reversed(_in_order(entry.children)))
    return lines, coroutines


def _rows(task: Task) -> Iterator[str]:
    """The text of each of a task's coroutines. The innermost, if it waits for no task, has the statement it waits
    at."""
    for coroutine in task.coroutines:
        line = task.line(coroutine)
        row = text.call_and_place(coroutine, line)
        if coroutine is task.coroutines[0]:
            row += "".join(f" [{remark}]" for remark in _remarks(task))
        if coroutine is task.coroutines[-1]:
            if task.state:
                row += f" [{task.state}]"
            elif not task.children:
                statement = text.statement(coroutine, line)
                row += f": {statement}" if statement else ""
        yield row


def _remarks(task: Task) -> list[str]:
    """What is to be said of the task as a whole, besides its state."""
    remarks: list[str] = []
    if task.has_own_executor:
        remarks.append(f"on {task.executor}")
    if task.is_cancelled:
        remarks.append("cancelled")
    if task.problem:
        remarks.append(task.problem)
    return remarks


def _nothing(forest: Forest, request: Request) -> str:
    if request.pattern and forest.roots:
        return f"No coroutine matches {request.pattern.pattern}."
    return f"No coroutines of asio::awaitable here ({BUILD})."


def _left_out(mappings: list[Mapping]) -> str:
    kib = sum(mapping.end - mapping.start for mapping in mappings) // (1 << 10)
    first = mappings[0].start
    return f"({kib:,} KiB of memory, from 0x{first:x} on, were not searched: too large, or not to be read.)"
