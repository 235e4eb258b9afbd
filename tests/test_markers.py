"""Tests the markers in main.cpp, in GDB and in LLDB: where a breakpoint stops, and which values are there to be seen.

    ASYNC_EXAMPLE=<path> GDB=<path> python3 test_markers.py GDBTest

LLDB does not find all locals in a program that GCC has built with -O0 -g: it is only for Clang's.
"""

import ast
import re
import unittest
from dataclasses import dataclass

from cases import DebuggerTest, InGDB, InLLDB
from common import MAIN, line_of, marked_lines

TASKS = [1, 2, 3]
OUTCOMES = r"(?s)result = 10\b.*?result = 20\b.*?result = 30\b"
SCREEN = 50  # lines
ROUNDS = 25  # more than there are stops: in the last ones the program has ended

# The statement before each marker, and what its comment speaks of: the values in all stops there, in any order.
MARKERS: dict[str, dict[str, str | list[int]]] = {
    'trace("Fetched data': {"data": '"Data_1"'},
    "const bool all_succeeded = report(": {"outcomes": OUTCOMES},
    'co_return fmt::format("Data_{}"': {"id": [1]},
    'trace("Task {} starting"': {"task_id": TASKS},
    'trace("Task {} {}", task_id': {"task_id": TASKS},
    'trace("Item {} processed"': {"item": TASKS},
}
NAMES = sorted({name for names in MARKERS.values() for name in names})


@dataclass
class MarkerStop:
    """A stop at a marker, with what the variables are there."""

    line: int
    values: dict[str, str]


class MarkerTest(DebuggerTest):
    """Markers hold."""

    def stops_at_markers(self) -> list[MarkerStop]:
        """All stops of a run with a breakpoint on each marker."""
        raise NotImplementedError

    def test_every_marker_is_tested(self):
        self.assertEqual(marked_lines(), sorted(line_of(text) for text in MARKERS))
        for line in marked_lines():
            # Nor behind it, where a reader may take the marker to stand before its statement.
            self.assertNotIn("co_await", MAIN[line - 1] + MAIN[line])

    def test_markers(self):
        stops = self.stops_at_markers()
        for text, variables in MARKERS.items():
            found = [stop.values for stop in stops if stop.line == line_of(text)]
            for name, expected in variables.items():
                with self.subTest(text=text, name=name):
                    values = [value[name] for value in found]
                    if isinstance(expected, str):
                        self.assertEqual(len(values), 1)
                        self.assertRegex(values[0], expected)
                    else:
                        last_number = [int(re.findall(r"\d+", value)[-1]) for value in values]
                        self.assertEqual(sorted(last_number), expected, values)


class GDBTest(InGDB, MarkerTest):
    """In GDB."""

    def stops_at_markers(self):
        breaks = [f"break main.cpp:{line}" for line in marked_lines()]
        look = ["frame", "info locals", *(f"print {name}" for name in NAMES), "continue"]
        said = self.session(*breaks, "run", *(ROUNDS * look))
        values = [said.each(f"print {name}") for name in NAMES]
        stops = []
        for frame, variables, *shown in zip(said.each("frame"), said.each("info locals"), *values):
            if line := re.search(r"main\.cpp:(\d+)", frame):
                stops.append(MarkerStop(int(line[1]), dict(zip(NAMES, shown))))
                self.assertLess(variables.count("\n"), SCREEN, variables)
        return stops


class LLDBTest(InLLDB, MarkerTest):
    """In LLDB."""

    def stops_at_markers(self):
        breaks = [f"breakpoint set -f main.cpp -l {line}" for line in marked_lines()]
        # LLDB stops once where several threads have come to a breakpoint at the same time: ask each thread.
        look = (
            "script print([(str(f), [(v.name, str(v)) for v in f.GetVariables(True, True, False, True)]) for f in "
            "[t.frame[0] for t in lldb.process if t.GetStopReason() == lldb.eStopReasonBreakpoint]])"
        )
        stops = []
        for stopped in self.session(*breaks, "run", *(ROUNDS * [look, "continue"])).each(look):
            threads = re.search(r"^\[\(.*", stopped, re.M)
            for frame, variables in ast.literal_eval(threads[0]) if threads else ():
                line = re.search(r"at main\.cpp:(\d+)", frame)
                assert line, frame
                stops.append(MarkerStop(int(line[1]), dict(variables)))
        self.assertTrue(all(name in {name for stop in stops for name in stop.values} for name in NAMES))
        return stops


if __name__ == "__main__":
    unittest.main(verbosity=2)
