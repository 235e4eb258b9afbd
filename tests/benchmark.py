"""Measures what the program costs beyond its waits: cmake --build build --target benchmark

    python3 benchmark.py <folder to build in> [<runs>]

Builds the program in Release and in Debug and a C program that only sleeps as long, runs them by turns, and prints for
each the median wall time of the whole process beyond 550 ms, and its peak memory. No test: it depends on the machine.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 15

SLEEPER = """
#include <time.h>
int main(void) {
    const int milliseconds[] = {100, 300, 50, 50, 50};
    for (int i = 0; i < 5; ++i) nanosleep(&(struct timespec){0, milliseconds[i] * 1000000L}, NULL);
}
"""
# What Python starts is charged with Python's own memory at first: so a small program starts the others.
RUNNER = """
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char *argv[]) {
    struct timespec start, end;
    struct rusage usage;
    int status = argc;
    clock_gettime(CLOCK_MONOTONIC, &start);
    const pid_t child = fork();
    if (child == 0) _exit(freopen("/dev/null", "w", stdout) ? execv(argv[1], argv + 1) : 1);
    wait4(child, &status, 0, &usage);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%f %ld\\n", (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6, usage.ru_maxrss);
    return status != 0;
}
"""


def compile_c(source, path):
    compiler = "cc" if shutil.which("cc") else os.environ.get("CXX", "c++")
    subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-x", "c", "-", "-o", path], input=source, text=True, check=True)
    return path


def build(build_type, folder):
    options = [f"-DCMAKE_BUILD_TYPE={build_type}", "-DBUILD_TESTING=OFF"]
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, *options], stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["cmake", "--build", folder, "--target", "async_example"], stdout=subprocess.DEVNULL, check=True)
    return folder / "async_example"


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    runner = compile_c(RUNNER, folder / "runner")
    programs = {
        "C program that only sleeps": compile_c(SLEEPER, folder / "sleeper"),
        "async_example, Release": build("Release", folder / "release"),
        "async_example, Debug": build("Debug", folder / "debug"),
    }
    measured: dict[str, list[list[float]]] = {name: [] for name in programs}
    for _ in range(RUNS):
        for name, program in programs.items():
            output = subprocess.run([runner, program], stdout=subprocess.PIPE, text=True, check=True).stdout
            measured[name].append([float(value) for value in output.split()])
    print(f"{'medians of ' + str(RUNS) + ' runs':<28} beyond 550 ms   peak memory")
    for name, values in measured.items():
        milliseconds, kilobytes = (statistics.median(column) for column in zip(*values))
        print(f"{name:<28} {milliseconds - 550:10.1f} ms {kilobytes / 1024:10.1f} MB")


main()
