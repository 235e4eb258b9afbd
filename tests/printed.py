"""What the debuggers print, as small classes: rows of a backtrace, the tree of async-tasks, where a program stops.

    rows("#1  fetch_data (id=1) at src/main.cpp:50")    # [Row("fetch_data", "id=1", "co_await sleep_for(100ms);")]
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from common import LINES, SOURCE, statement


@dataclass(frozen=True)
class Row:
    """A row of a backtrace."""

    function: str
    arguments: str = ""
    statement: str = ""  # the text of its line; of code that is not ours, empty
    file: str = field(default="", compare=False)  # as it is printed
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Listed:
    """A row of async-tasks."""

    number: int
    depth: int
    function: str
    arguments: str
    remarks: list[str]  # what stands in brackets
    text: str  # behind a colon
    file: str
    line: int

    @property
    def call(self) -> str:
        """The function and its arguments."""
        return f"{self.function}({self.arguments})"


@dataclass(frozen=True, order=True)
class Node:
    """A coroutine in the tree of async-tasks, and those below it."""

    function: str
    arguments: str
    text: str  # its state, or the text of its line
    below: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Stop:
    """Where a step or a breakpoint has stopped the program."""

    line: int
    statement: str


@dataclass(frozen=True)
class Said:
    """What a debugger has said in a session: to each command its output. A command that fails may end the session."""

    commands: list[str]
    outputs: list[str]

    def __getitem__(self, command: str) -> str:
        """Of a command that was given once."""
        (output,) = self.each(command)
        return output

    def each(self, command: str) -> list[str]:
        """Each time that the command was given."""
        return [output for given, output in zip(self.commands, self.outputs) if given == command]

    def last(self, number: int) -> list[str]:
        """Of the last commands that were given."""
        return self.outputs[len(self.commands) - number :]


# Values too long to be compared: those of the standard library's types, as either debugger shows them.
LONG_VALUE = re.compile(r"std::(chrono::duration|vector of length \d+, capacity \d+) = \{[^}]*\}|size=\d")
ROW = re.compile(
    r"(?: *(?:frame )?#\d+:? +|    +)"  # "#1  ", "    frame #1: "; four blanks in LLDB's list of who awaits
    r"(?:0x\w+ in )?"
    r"(?P<function>.+?) ?"
    r"\((?P<arguments>[^()]*(?:\([^()]*\)[^()]*)*)\)"  # with parentheses in them, one level deep
    r"(?: (?:at|from) (?P<file>\S+?)(?::(?P<line>\d+))?)?$"
)
LISTED = re.compile(
    r" *(?P<number>\d+)  (?P<indent>(?:  )*)(?P<function>\S.*?)\((?P<arguments>.*?)\)"
    r" at (?P<file>[^\s:]+):(?P<line>\d+)(?P<remarks>(?: \[[^]]*\])*)(?:: (?P<text>.*))?$"
)


def text_of(file: str, line: int) -> str:
    """The statement in that line of one of our files; of others, nothing."""
    lines = LINES.get(os.path.basename(file), [])
    return statement(lines[line - 1]) if 0 < line <= len(lines) else ""


def rows(backtrace: str) -> list[Row]:
    """What bt or async-bt shows."""
    found = []
    for text in LONG_VALUE.sub("...", backtrace.replace(f"{SOURCE.parent}/", "")).splitlines():
        row = ROW.match(text)
        assert row or not re.match(r"#\d+ ", text), f"no row of a backtrace: {text!r}"
        if row:
            file, line = row["file"] or "", int(row["line"] or 0)
            found.append(Row(row["function"], row["arguments"], text_of(file, line), file, line))
    return found


def functions(backtrace: str) -> list[str]:
    """Their names only."""
    return [row.function for row in rows(backtrace)]


def plain(values: str) -> str:
    """Without what only one compiler or debugger adds to them, and without addresses."""
    return re.sub(r"#\d|\b\d+ (?='.')|this=0x\w+(, )?", "", values.replace('"', "'"))


@dataclass
class _Branch:
    """A coroutine while the tree is read."""

    function: str
    arguments: str
    text: str
    below: list[_Branch] = field(default_factory=list)

    def node(self) -> Node:
        return Node(self.function, self.arguments, self.text, in_order(self.below))


def in_order(branches: list[_Branch]) -> tuple[Node, ...]:
    """Those at the same level in an order that does not depend on addresses."""
    return tuple(sorted(branch.node() for branch in branches))


def listed(listing: str) -> list[Listed]:
    """What async-tasks shows, row by row."""
    found = []
    for text in listing.splitlines():
        row = LISTED.match(text)
        assert row or not re.match(r" *\d+  ", text), f"no row of async-tasks: {text!r}"
        if row:
            remarks = re.findall(r"\[(.*?)\]", row["remarks"])
            found.append(Listed(int(row["number"]), len(row["indent"]) // 2, row["function"], row["arguments"], remarks,
                                row["text"] or "", row["file"], int(row["line"])))  # fmt: skip
    return found


def tree(listing: str) -> list[Node]:
    """What async-tasks shows: what stands at the top level, each with what is below it."""
    root = _Branch("", "", "")
    last = {-1: root}  # of each depth
    for row in listed(listing):
        state = ", ".join(remark for remark in row.remarks if not remark.startswith("on "))
        shown = state or statement(row.text) or text_of(row.file, row.line)
        last[row.depth] = _Branch(row.function, plain(row.arguments), shown)
        last[row.depth - 1].below.append(last[row.depth])
    return list(root.node().below)


STOP_OF_GDB = re.compile(r"^(\d+)\t(.*)", re.M)  # "51\t    co_await sleep_for(100ms);"
STOP_OF_LLDB = re.compile(r" at (\w+\.cpp):(\d+)")  # "... frame #0: 0x... demo`fetch_data(id=1) at main.cpp:51:5"


def stops_of_gdb(output: str) -> list[Stop]:
    """Where GDB says that the program has stopped."""
    return [Stop(int(stop[1]), statement(stop[2])) for stop in STOP_OF_GDB.finditer(output)]


def stops_of_lldb(output: str) -> list[Stop]:
    """Where LLDB says that the program has stopped, in one of our files."""
    found = [(int(stop[2]), text_of(stop[1], int(stop[2]))) for stop in STOP_OF_LLDB.finditer(output)]
    return [Stop(line, text) for line, text in found if text]
