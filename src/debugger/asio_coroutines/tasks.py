"""All coroutines of a program -> its tasks -> a forest: below each task those that it waits for.

In this order: search the memory, keep what lives, make tasks of chains, put each below the one that waits for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from . import executors
from .coroutine import Coroutine, chain
from .debugger import Frame, Mapping, NoCoroutine, NoDebugInformation, NoMemory
from .heap import Life, has_glibc_heap, life
from .holders import Start, holders
from .memory import Search
from .program import Snapshot
from .stack import unused_parts, with_bodies

NOT_STARTED = "not started"  # a state of a task
MOST_FRAMES = 2_000  # of each thread's call stack, in which running coroutines are looked for
# Of the coroutines found in glibc's heap at least so many, in per cent, must be in chunks of it: see _living().
IN_CHUNKS = 20


@dataclass(slots=True, eq=False)
class Task:
    """A spawned coroutine with all that it awaits, the outermost first, or one that has not started."""

    coroutines: list[Coroutine]  # the program's own; there may be none: only Asio's, as those of && and ||
    state: str = ""  # "not started" or "running on thread 2"; empty if it waits
    running_line: int = 0  # where the innermost one runs
    waiter: int = 0  # the promise of the coroutine that waits for it
    children: list[Task] = field(default_factory=list)  # what its innermost coroutine waits for
    problem: str = ""  # why not all of it is shown
    executor: str = ""  # what its executor is; empty if unknown
    has_own_executor: bool = False  # that is another one than that of the task it belongs to
    is_cancelled: bool = False

    def line(self, coroutine: Coroutine) -> int:
        """Where this one of its coroutines runs or waits."""
        runs = self.running_line and coroutine is self.coroutines[-1]
        return self.running_line if runs else coroutine.waiting_line


@dataclass(slots=True)
class Forest:
    """All tasks of a program at one stop."""

    roots: list[Task]  # those that no task waits for
    left_out: list[Mapping]  # memory that was not read
    remark: str = ""  # what could not be read, and why


@dataclass(slots=True)
class Running:
    """A coroutine that a thread runs."""

    thread: str
    line: int


def find(snapshot: Snapshot) -> Forest:
    """All tasks that there are. Raises UnknownAsio."""
    stacks, running, starts = _threads(snapshot)
    search = Search(snapshot.debugger, stacks)
    found = _living(snapshot, search.promises())
    tasks, owners, remark = _tasks(snapshot, found, running)
    _give_to_holders(snapshot, tasks, found, starts)
    roots = _linked(tasks, owners)
    _compare_executors(roots)
    return Forest(roots, search.left_out, remark)


def running_frame(snapshot: Snapshot, promise: int) -> Frame | None:
    """The machine frame in which a thread runs this coroutine; None if none does. The thread is the current one
    then."""
    unused: list[range] = []
    snapshot.find_unused_stack = lambda: unused
    for thread in snapshot.debugger.threads():
        frames: list[Frame] = []
        for frame, body in with_bodies(snapshot, itertools.islice(thread.frames, MOST_FRAMES)):
            frames.append(frame)
            if body and body.promise == promise and not body.is_suspended:
                unused += unused_parts(snapshot, frames)
                return body.frame
        unused += unused_parts(snapshot, frames)
    return None


def _threads(snapshot: Snapshot) -> tuple[list[int], dict[int, Running], list[Start]]:
    """A place in each thread's call stack, the coroutines that threads run, by promise, and where others start what
    they wait for."""
    stacks: list[int] = []
    running: dict[int, Running] = {}
    unused: list[range] = []
    starts: list[Start] = []
    for thread in snapshot.debugger.threads():
        frames: list[Frame] = []
        begin = 0
        for frame, body in with_bodies(snapshot, itertools.islice(thread.frames, MOST_FRAMES)):
            if not frames:
                stacks.append(frame.sp)
                begin = frame.sp
            frames.append(frame)
            if body and body.is_suspended:
                starts.append(Start(begin, frame.sp, body.promise))
            elif body:
                running.setdefault(body.promise, Running(thread.name, frame.line))
            if body:
                begin = frame.sp
        unused += unused_parts(snapshot, frames)
    snapshot.find_unused_stack = lambda: unused
    return stacks, running, starts


def _living(snapshot: Snapshot, promises: Iterable[int]) -> dict[int, Coroutine]:
    """The coroutines among these that live, by promise; where that cannot be known, those that may live."""
    found: dict[int, Coroutine] = {}
    unknown: set[int] = set()
    is_glibc = has_glibc_heap(snapshot.debugger)
    for promise in promises:
        try:
            coroutine = Coroutine(snapshot, promise)
            known = life(coroutine, is_glibc)
        except (NoCoroutine, NoMemory):
            continue
        if known != Life.DESTROYED:
            found[promise] = coroutine
        if known == Life.UNKNOWN:
            unknown.add(promise)
    # In glibc's heap, what is no chunk any more has been given to something else. But if hardly any coroutine is in a
    # chunk, the program has an allocator of its own, and nothing can be told.
    if is_glibc and 100 * (len(found) - len(unknown)) > IN_CHUNKS * len(found):
        return {promise: coroutine for promise, coroutine in found.items() if promise not in unknown}
    return found


def _tasks(
    snapshot: Snapshot, found: dict[int, Coroutine], running: dict[int, Running]
) -> tuple[list[Task], dict[int, Task], str]:
    """The tasks, the task of each promise, and a remark on what cannot be read."""
    tasks: list[Task] = []
    owners: dict[int, Task] = {}
    remark = ""
    for entry_point in found.values():
        if not entry_point.function.is_entry_point:
            continue
        try:
            promises = list(chain(snapshot, entry_point.top_of_stack()))
            if promises[-1:] != [entry_point.promise]:
                continue  # no longer a chain: it has been destroyed
            task = _task(snapshot, entry_point, promises, found, running)
        except (NoCoroutine, NoMemory):
            continue
        except NoDebugInformation as failure:
            remark = f"not all tasks are shown: {failure}"
            continue
        tasks.append(task)
        owners.update(dict.fromkeys([*promises, entry_point.promise], task))
        owners.update((coroutine.promise, task) for coroutine in task.coroutines)
    for coroutine in found.values():
        if coroutine.promise not in owners and not coroutine.function.is_library and coroutine.has_not_started:
            task = Task([coroutine], NOT_STARTED)
            tasks.append(task)
            owners[coroutine.promise] = task
    return tasks, owners, remark


def _task(
    snapshot: Snapshot,
    entry_point: Coroutine,
    promises: list[int],
    found: dict[int, Coroutine],
    running: dict[int, Running],
) -> Task:
    """The task with this entry point and this chain."""
    members = [found.get(promise) or Coroutine(snapshot, promise) for promise in reversed(promises)]
    task = Task([member for member in members if not member.function.is_library], waiter=entry_point.waiter())
    task.is_cancelled = entry_point.is_cancelled()
    if executor := entry_point.executor():
        task.executor = executors.text(snapshot, entry_point.function.executor_type, executor)
    if runs := running.get(promises[0]):
        task.state = f"running on {runs.thread}"
        task.running_line = runs.line
    elif not task.coroutines:
        unstarted = entry_point.task()
        coroutine = Coroutine(snapshot, unstarted) if unstarted else None
        if coroutine and not coroutine.function.is_library:
            task.coroutines = [coroutine]
            task.state = NOT_STARTED
    return task


def _give_to_holders(
    snapshot: Snapshot, tasks: list[Task], found: dict[int, Coroutine], starts: list[Start]
) -> None:
    """Lets tasks that have not started, and that nobody waits for yet, wait for who is going to start them."""
    unstarted = {task.coroutines[0].promise: task for task in tasks if task.state == NOT_STARTED and not task.waiter}
    if not unstarted:
        return
    for promise, holder in holders(snapshot, set(unstarted), found.values(), starts).items():
        unstarted[promise].waiter = holder


def _linked(tasks: list[Task], owners: dict[int, Task]) -> list[Task]:
    """Puts each task below the one that waits for it, or, if that is only Asio's, below the one that waits for that.
    Returns those that are below none. A circle of tasks that wait for each other is cut open, and says so."""
    roots: list[Task] = []
    for task in tasks:
        if not task.coroutines:
            continue
        parent = _own_parent(task, owners)
        if parent is None:
            roots.append(task)
        else:
            parent.children.append(task)
    reached = {id(task) for task in all_in(roots)}
    for task in tasks:
        if task.coroutines and id(task) not in reached:  # only circles, and what hangs on them, are left
            in_circle = _cut_open(task, owners)
            roots.append(in_circle)
            reached.update(id(each) for each in all_in([in_circle]))
    return roots


def _own_parent(task: Task, owners: dict[int, Task]) -> Task | None:
    """The nearest task with coroutines of the program that waits for this one, directly or not."""
    seen = {id(task)}
    parent = owners.get(task.waiter)
    while parent and not parent.coroutines and id(parent) not in seen:
        seen.add(id(parent))
        parent = owners.get(parent.waiter)
    return parent if parent and parent.coroutines and parent is not task else None


def _cut_open(task: Task, owners: dict[int, Task]) -> Task:
    """Follows the tasks that wait, from this one on, into a circle, and takes one of it from below its parent."""
    seen = {id(task)}
    child, parent = task, _own_parent(task, owners)
    while parent and id(parent) not in seen:
        seen.add(id(parent))
        child, parent = parent, _own_parent(parent, owners)
    assert parent, "a task that is no root has a parent"
    parent.children.remove(child)
    child.problem = "waits in a circle"
    return child


def _compare_executors(roots: list[Task]) -> None:
    """Marks the tasks whose executors say something: where the roots' differ, these; below, those that are not as that
    of the task above."""
    differ = len({root.executor for root in roots if root.executor}) > 1
    for root in roots:
        root.has_own_executor = differ and bool(root.executor)
    for task in all_in(roots):
        for child in task.children:
            child.has_own_executor = bool(child.executor and task.executor) and child.executor != task.executor


def all_in(roots: Iterable[Task]) -> Iterator[Task]:
    """These tasks and all below them, each before those below it."""
    tasks = list(roots)
    while tasks:
        task = tasks.pop()
        yield task
        tasks.extend(task.children)
