"""Tests that the READMEs are true: their samples are what the program prints, their code compiles, their sessions are
what the debuggers show.

    ASYNC_EXAMPLE=<path> GDB=<path> LLDB=<path> python3 test_readme.py    (or, of its test cases, only LLDBSessionTest)

The program is built with -O0 -g; for LLDB, by Clang.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ["ASYNC_EXAMPLE"]
MAIN = (ROOT / "src" / "main.cpp").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
MANUAL = (ROOT / "src" / "debugger" / "README.md").read_text("utf-8")
COPIED = (ROOT / "tests" / "copied.cpp").read_text("utf-8")
WIDEST = 100  # columns of a sample: more would scroll sideways
ELLIPSIS = "…"  # stands for what is left out, or differs from run to run


def blocks(text, language):
    """The samples in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def run(*command):
    """What the command prints."""
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", timeout=300, check=False).stdout  # fmt: skip


def events(trace):
    """The events without time and thread."""
    return re.findall(r"^\[ *[\d.]+ ms\] \[(?:main    |worker \d)\] (.*)$", trace, re.M)


def statements(code):
    """The lines of C++ without comments and indentation."""
    lines = (re.sub(r"\s*//.*", "", line).strip() for line in code.splitlines())
    return [line for line in lines if line]


class Sample(unittest.TestCase):
    """Compares what is shown with what is printed."""

    maxDiff = None

    def check_in_order(self, shown, printed, what):
        """Each line that is shown is one that was printed, in this order."""
        rest = iter(printed.splitlines())
        for line in shown.splitlines():
            pattern = ".*".join(re.escape(part) for part in line.split(ELLIPSIS))
            found = any(re.search(f"^{pattern}", candidate) for candidate in rest)
            self.assertTrue(found, f"{what}: no {line!r} in:\n{printed}")


class ReadmeTest(Sample):
    def test_lengths(self):
        for text, most in (README, 190), (MANUAL, 260):
            self.assertLessEqual(text.count("\n"), most)
            for sample in re.findall(r"^```\w+\n(.*?)^```$", text, re.M | re.S):
                self.assertEqual([line for line in sample.splitlines() if len(line) > WIDEST], [])

    def test_traces(self):
        first, _tree, whole, _picture, failing = blocks(README, "text")
        printed, printed_failing = events(run(PROGRAM)), events(run(PROGRAM, "--fail", "2"))
        self.assertTrue(set(events(first)) <= set(printed), first)
        self.assertEqual([event for event in printed if event in events(whole)], events(whole))
        self.assertTrue(set(events(failing)) <= set(printed_failing), failing)
        self.assertEqual([len(events(each)) for each in (first, whole, failing)], [4, 6, 3])

    def test_code(self):
        """The code of README is code of main.cpp, or is compiled by the next test."""
        phase_2, group = blocks(README, "cpp")
        self.assertEqual([line for line in statements(MAIN) if line in statements(phase_2)], statements(phase_2))
        self.assertIn(re.sub(r"\s", "", group), re.sub(r"\s", "", COPIED))
        table = README[README.index("| Tokio ") : README.index("## Debug it")].replace(r"\|", "|")
        code = [span for span in re.findall(r"`([^`]*)`", table) if re.search(r"asio::\w+[(:<]|co_await |\.emit", span)]
        self.assertGreater(len(code), 8)
        for span in code:
            self.assertTrue(span in COPIED or span in MAIN, span)

    def test_copied(self):
        """The functions of main.cpp, as they are, make up a program with the code of README."""
        functions = MAIN[: MAIN.index("/// The message of the exception")]
        functions += MAIN[MAIN.index("/// Waits 50 ms") : MAIN.index("/// The three phases")]
        includes = ["memory", "thread", *(f"boost/asio/{name}.hpp" for name in (
            "detached", "experimental/awaitable_operators", "post", "strand", "use_awaitable"))]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            source, program = pathlib.Path(folder, "copied.cpp"), pathlib.Path(folder, "copied")
            source.write_text("".join(f"#include <{name}>\n" for name in includes) + functions + COPIED, "utf-8")
            include = f"-I{os.environ.get('BOOST', '/usr/include')}"
            options = "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-pthread"
            said = run(os.environ.get("CXX", "c++"), *options, include, source, "-o", program, "-DFMT_HEADER_ONLY")
            self.assertTrue(program.exists(), said)
            printed = [line for line in run(program).splitlines() if not line.startswith("[")]
        self.assertEqual(sorted(printed), [
            "10 0 30 joined", "10 0 30 joined", "11 came first", "11 on a worker, then here", "3 Data_1 20 true",
            "Data_1 10", "aborted", "cancelled"])  # fmt: skip

    def test_commands(self):
        """Two commands for each system, which differ only in the packages' names; CI runs the second."""
        newer_run, newer_test, debian_12_run, debian_12_test = blocks(README, "sh")
        self.assertEqual(newer_run.replace("libboost-dev", "libboost1.81-dev"), debian_12_run)
        newer_test_12 = newer_test.replace("libboost-dev", "libboost1.81-dev").replace("clang lldb", "clang-19 lldb-19")
        self.assertEqual(newer_test_12, debian_12_test)
        self.assertTrue(newer_run.endswith("./build/async_example\n"))
        self.assertTrue(newer_test.endswith("ctest --test-dir build -j2 --output-on-failure\n"))
        self.assertIn("README.md", (ROOT / ".ci" / "run").read_text("utf-8"))

    def test_launch_json(self):
        (text,) = blocks(MANUAL, "json")
        builds = {"lldb": "build-clang", "cppdbg": "build"}
        commands = []
        for launch in json.loads(text)["configurations"]:
            self.assertEqual(launch["program"], f"${{workspaceFolder}}/{builds[launch['type']]}/async_example")
            commands += launch.get("initCommands", []) + [each["text"] for each in launch.get("setupCommands", [])]
        # Folders may have spaces in their names. LLDB takes quotes, GDB the rest of the line.
        self.assertIn('command script import "${workspaceFolder}/src/debugger/asio_lldb.py"', commands)
        self.assertIn("source ${workspaceFolder}/src/debugger/asio_gdb.py", commands)

    def test_paths(self):
        for text in README, MANUAL:
            paths = re.findall(r"\bsrc/[\w/]+\.(?:py|cpp|md)", text)
            self.assertGreater(len(paths), 2)
            for path in paths:
                self.assertTrue((ROOT / path).exists(), path)

    def test_benchmark(self):
        """It runs. What it measures is for those who start it by hand."""
        with tempfile.TemporaryDirectory() as folder:
            output = run(sys.executable, "-B", "tests/benchmark.py", folder, "1")
        rows = re.findall(r"^(.+?) +-?[\d.]+ ms +[\d.]+ MB$", output, re.M)
        self.assertEqual(rows, ["C program that only sleeps", "async_example, Release", "async_example, Debug"], output)
        self.assertIn("add_custom_target(benchmark", (ROOT / "tests" / "CMakeLists.txt").read_text("utf-8"))
        self.assertIn("--target benchmark", README)


class SessionTest(Sample):
    """The sessions with one debugger: mixed into a test case that runs commands in it."""

    def check_sessions(self, sessions, prompt, debug):
        """Gives the debugger the commands of each session. It prints the lines of the session, in their order."""
        for session in sessions:
            steps = re.split(rf"^{re.escape(prompt)} ", session, flags=re.M)[1:]
            commands, shown = zip(*(step.split("\n", 1) for step in steps))
            outputs = debug(commands)
            self.assertEqual(len(outputs), len(commands), outputs)
            for command, lines, printed in zip(commands, shown, outputs):
                self.check_in_order(lines, printed, f"after {command!r}")

    def check_commands(self, debug, known):
        """What the tables call commands, the debugger has."""
        names = sorted({f"async-{name}" for name in re.findall(r"`async-(\w+)", README + MANUAL)} - known)
        for name, printed in zip(names, debug([f"help {name}" for name in names])):
            self.assertNotRegex(printed, "Undefined|not a known|no help", name)


def gdb(commands, program=PROGRAM):
    """What GDB prints for each command, with the helpers loaded."""
    options = ["--eval-command=set width 0", "--eval-command=set debuginfod enabled off"]
    for command in commands:
        options += [r"--eval-command=echo <<<\n", f"--eval-command={command}"]
    helper = ["-x", "src/debugger/asio_gdb.py"]
    return run(os.environ["GDB"], "-nx", "-batch", *helper, *options, program).split("<<<\n")[1:]


@unittest.skipUnless(os.environ.get("GDB"), "no GDB")
class GDBSessionTest(SessionTest):
    def test_sessions(self):
        self.check_sessions(blocks(MANUAL, "gdb"), "(gdb)", gdb)

    def test_first_screen(self):
        """The tree on the first screen of README."""
        tree = blocks(README, "text")[1]
        line = re.search(r"main\.cpp:(\d+) .*\[running", tree)
        assert line, tree
        *_, printed = gdb([f"break main.cpp:{line[1]}", "run", "async-tasks"])
        self.check_in_order(tree.partition("\n")[2], printed, "async-tasks")

    def test_many_sessions(self):
        """What the manual shows of a server."""
        (shown,) = blocks(MANUAL, "text")
        server = pathlib.Path(os.environ["COROUTINES"]).with_name("server")
        *_, printed = gdb(["break all_wait", "run", "async-tasks"], server)
        self.check_in_order(shown, printed, "async-tasks")

    def test_commands(self):
        self.check_commands(gdb, {"async-bt"})


@unittest.skipUnless(os.environ.get("LLDB"), "no LLDB")
class LLDBSessionTest(SessionTest):
    def debug(self, commands):
        options = ["--no-lldbinit", "-b"]
        for command in commands:
            options += ["-o", command]
        output = run(os.environ["LLDB"], *options, PROGRAM)
        return re.split(r"^\(lldb\) (?!target create|settings set)\S.*\n", output, flags=re.M)[1:]

    def test_sessions(self):
        self.check_sessions(blocks(MANUAL, "lldb"), "(lldb)", self.debug)

    def test_commands(self):
        load = "command script import src/debugger/asio_lldb.py"
        self.check_commands(lambda commands: self.debug([load, *commands])[1:], set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
