"""The package as a whole: its first lines list all rooms, and each uses only those above it."""

from __future__ import annotations

import ast
import os
import re

from made_up import ModelTest

import asio_coroutines

FOLDER = os.path.dirname(asio_coroutines.__file__)
ROOMS = re.findall(r"^    (\w+)\.py ", asio_coroutines.__doc__ or "", re.M)


def imported_by(room: str) -> set[str]:
    """The modules of the package, and others, that a room imports."""
    with open(os.path.join(FOLDER, f"{room}.py"), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update([node.module] if node.module else [each.name for each in node.names])
    return found


class Rooms(ModelTest):
    """The order of the rooms."""

    def test_all_are_listed_once(self) -> None:
        files = {name[:-3] for name in os.listdir(FOLDER) if name.endswith(".py")} - {"__init__"}
        self.assertEqual(sorted(ROOMS), sorted(files))

    def test_each_uses_only_those_above_it(self) -> None:
        for number, room in enumerate(ROOMS):
            with self.subTest(room):
                self.assertEqual(imported_by(room) & set(ROOMS[number:]), set())

    def test_none_uses_a_debugger(self) -> None:
        for room in ROOMS:
            with self.subTest(room):
                self.assertEqual(imported_by(room) & {"gdb", "lldb"}, set())

    def test_each_says_what_is_in_it(self) -> None:
        for room in ROOMS:
            with self.subTest(room), open(os.path.join(FOLDER, f"{room}.py"), encoding="utf-8") as file:
                self.assertRegex(file.read(), r'^"""[A-Z].')
