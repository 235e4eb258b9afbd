"""Tests that README.md is true: its samples are what the program prints, its sessions what the debuggers show.

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

# What "Copy from it" promises: results that can only be moved, none lost when a task throws, a cancel that waits.
COPIED = """
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/strand.hpp>

asio::awaitable<std::unique_ptr<int>> task(int number) {
    co_await sleep_for(number * 50ms);
    if (number == 2) throw std::runtime_error{"failed"};
    co_return std::make_unique<int>(number * 10);
}

asio::awaitable<void> joins(asio::any_io_executor workers) {
    std::vector<asio::awaitable<std::unique_ptr<int>>> tasks;
    for (int number = 1; number <= 3; ++number) tasks.push_back(task(number));
    const auto outcomes = co_await join_tasks(workers, std::move(tasks));
    for (const auto& each : outcomes) std::cout << (each.error ? 0 : *each.result) << " ";
    std::cout << "joined" << std::endl;
}

asio::awaitable<int> work(bool fails = false) {
    if (fails) throw std::runtime_error{"failed"};
    co_await sleep_for(1h);
    co_return 1;
}

const auto main_thread = std::this_thread::get_id();

asio::awaitable<bool> blocking() {
    std::this_thread::sleep_for(1ms);
    co_return std::this_thread::get_id() != main_thread;
}

asio::awaitable<void> aborted() {
    try {
        co_await work();
    } catch (const std::exception&) {
        std::cout << "aborted" << std::endl;
    }
}

asio::awaitable<void> awaits(asio::any_io_executor workers, asio::cancellation_signal& cancel_this) {
    using namespace asio::experimental::awaitable_operators;
    const auto executor = co_await asio::this_coro::executor;
    const auto first = co_await (work() || sleep_for(50ms));
    const auto second = co_await (work(true) || sleep_for(50ms));
    std::cout << first.index() << second.index() << " came first" << std::endl;
    const bool on_worker = co_await asio::co_spawn(workers, blocking(), asio::use_awaitable);
    std::cout << on_worker << (std::this_thread::get_id() == main_thread) << " on a worker, then here" << std::endl;
    co_await joins(executor);
    asio::cancellation_signal cancel;
    const auto strand = asio::make_strand(workers);
    asio::co_spawn(strand, aborted(), asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    asio::post(strand, [&] { cancel.emit(asio::cancellation_type::terminal); });
    asio::post(executor, [&] { cancel_this.emit(asio::cancellation_type::terminal); });
    co_await joins(workers);
    co_await sleep_for(1h);
}

int main() {
    asio::io_context context;
    asio::cancellation_signal cancel;
    asio::thread_pool workers{3};
    asio::co_spawn(asio::make_strand(context), awaits(workers.get_executor(), cancel),
                   asio::bind_cancellation_slot(cancel.slot(), [](std::exception_ptr error) {
                       std::cout << (error ? "cancelled" : "not cancelled") << std::endl;
                   }));
    context.run();
}
"""

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ["ASYNC_EXAMPLE"]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def run(*command):
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", timeout=300, check=False).stdout  # fmt: skip


def events(trace):
    """The events without time and thread, in an order that does not vary."""
    return sorted(re.findall(r"^\[ *[\d.]+ ms\] \[(?:main    |worker \d)\] (.*)$", trace, re.M))


class ReadmeTest(unittest.TestCase):
    def test_samples(self):
        trace, _picture, failure, usage = blocks("text")
        self.assertEqual(events(trace), events(run(PROGRAM)))
        self.assertEqual(len(events(trace)), trace.count("\n"))
        self.assertTrue(set(events(failure)) <= set(events(run(PROGRAM, "--fail", "2"))), failure)
        self.assertEqual(len(events(failure)), 4)
        self.assertEqual(usage, run(PROGRAM, "--help"))

    def test_launch_json(self):
        (text,) = blocks("json")
        builds = {"lldb": "build-clang", "cppdbg": "build"}
        commands = []
        for launch in json.loads(text)["configurations"]:
            self.assertEqual(launch["program"], f"${{workspaceFolder}}/{builds[launch['type']]}/async_example")
            commands += launch.get("initCommands", []) + [each["text"] for each in launch.get("setupCommands", [])]
        # Folders may have spaces in their names. LLDB takes quotes, GDB the rest of the line.
        self.assertIn('command script import "${workspaceFolder}/src/debugger/asio_lldb.py"', commands)
        self.assertIn("source ${workspaceFolder}/src/debugger/asio_gdb.py", commands)
        paths = re.findall(r"src/debugger/\w+\.py", README)
        self.assertGreater(len(paths), 4)
        for path in paths:
            self.assertTrue((ROOT / path).exists(), path)

    def test_commands(self):
        """Two commands for each system, which differ only in the packages' names; CI runs the second."""
        newer_run, newer_test, debian_12_run, debian_12_test = blocks("sh")
        self.assertEqual(newer_run.replace("libboost-dev", "libboost1.81-dev"), debian_12_run)
        newer_test_12 = newer_test.replace("libboost-dev", "libboost1.81-dev").replace("clang lldb", "clang-19 lldb-19")
        self.assertEqual(newer_test_12, debian_12_test)
        self.assertTrue(newer_run.endswith("./build/async_example\n"))
        self.assertTrue(newer_test.endswith("ctest --test-dir build -j2 --output-on-failure\n"))
        self.assertIn("README.md)", (ROOT / ".ci" / "run").read_text("utf-8"))

    def test_copied(self):
        """sleep_for, outcome and join_tasks, as they are, make up a program with the code above."""
        main = (ROOT / "src" / "main.cpp").read_text("utf-8")
        includes, sleep_for, join = (
            main[main.index(start) : main.index(end)] for start, end in
            [("#include <boost", "const auto program_start"), ("/// Waits `duration`", "/// Waits 100 ms"),
             ("/// How a task ended", "/// What the exception")])  # fmt: skip
        for code in ("co_await (work() || sleep_for(50ms))", "bind_cancellation_slot(cancel.slot(), asio::detached)",
                     "cancel.emit(asio::cancellation_type::terminal)", "asio::make_strand(workers)",
                     "co_await asio::co_spawn(workers, blocking(), asio::use_awaitable)"):  # fmt: skip
            self.assertIn(f"{code}`", README)
            self.assertIn(code, COPIED)
        with tempfile.TemporaryDirectory() as folder:
            source, program = pathlib.Path(folder, "copied.cpp"), pathlib.Path(folder, "copied")
            source.write_text("#include <memory>\n#include <thread>\n" + includes + sleep_for + join + COPIED, "utf-8")
            include = f"-I{os.environ.get('BOOST', '/usr/include')}"
            options = "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-pthread"
            said = run(os.environ.get("CXX", "c++"), *options, include, source, "-o", program)
            self.assertTrue(program.exists(), said)
            self.assertEqual(sorted(run(program).splitlines()), [
                "10 0 30 joined", "10 0 30 joined", "11 came first", "11 on a worker, then here", "aborted", "cancelled"])  # fmt: skip

    def test_benchmark(self):
        """It runs. What it measures is for those who start it by hand."""
        with tempfile.TemporaryDirectory() as folder:
            output = run(sys.executable, "-B", "tests/benchmark.py", folder, "1")
        rows = re.findall(r"^(.+?) +-?[\d.]+ ms +[\d.]+ MB$", output, re.M)
        self.assertEqual(rows, ["C program that only sleeps", "async_example, Release", "async_example, Debug"], output)
        self.assertIn("add_custom_target(benchmark", (ROOT / "tests" / "CMakeLists.txt").read_text("utf-8"))
        self.assertIn("--target benchmark", README)


class SessionTest(unittest.TestCase):
    """The README's session with a debugger."""

    def check_session(self, session, prompt, debug):
        """Gives the debugger the commands of a session. Its output must have the lines of the session, in order."""
        steps = re.split(rf"^{re.escape(prompt)} ", session, flags=re.M)[1:]
        commands, expected = zip(*(step.split("\n", 1) for step in steps))
        outputs = debug(commands)
        self.assertEqual(len(outputs), len(commands), outputs)
        for command, lines, output in zip(commands, expected, outputs):
            rest = iter(output.splitlines())
            for line in lines.splitlines():
                pattern = ".*".join(re.escape(part) for part in line.split("…"))
                found = any(re.search(f"^{pattern}", candidate) for candidate in rest)
                self.assertTrue(found, f"after {command!r}: no {line!r} in:\n{output}")


@unittest.skipUnless(os.environ.get("GDB"), "no GDB")
class GDBSessionTest(SessionTest):
    def test_session(self):
        def debug(commands):
            options = ["--eval-command=set width 0", "--eval-command=set debuginfod enabled off"]
            for command in commands:
                options += [r"--eval-command=echo <<<\n", f"--eval-command={command}"]
            helper = ["-x", "src/debugger/asio_gdb.py"]
            return run(os.environ["GDB"], "-nx", "-batch", *helper, *options, PROGRAM).split("<<<\n")[1:]

        (session,) = blocks("gdb")
        self.check_session(session, "(gdb)", debug)


@unittest.skipUnless(os.environ.get("LLDB"), "no LLDB")
class LLDBSessionTest(SessionTest):
    def test_session(self):
        def debug(commands):
            options = ["--no-lldbinit", "-b"]
            for command in commands:
                options += ["-o", command]
            output = run(os.environ["LLDB"], *options, PROGRAM)
            return re.split(r"^\(lldb\) (?!target create|settings set)\S.*\n", output, flags=re.M)[1:]

        (session,) = blocks("lldb")
        self.check_session(session, "(lldb)", debug)


if __name__ == "__main__":
    unittest.main(verbosity=2)
