"""Sessions of a debugger with the helper loaded: commands in, what it prints to each of them out.

    gdb("break main", "run", "bt")     # ["Breakpoint 1 at ...", "Breakpoint 1, main () ...", "#0  main () ..."]
    with terminal("gdb", "-q", PROGRAM) as type_line:
        type_line("run", r"\\(gdb\\) $")
"""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Callable, Iterator

from common import GDB, LLDB, PROGRAM, SOURCE, TIMEOUT

ENVIRONMENT = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
GDB_HELPER = str(SOURCE / "debugger" / "asio_gdb.py")
GDB_OPTIONS = ["-nx", "-x", GDB_HELPER]
GDB_SETTINGS = ["set width 0", "set confirm off", "set style enabled off", "set debuginfod enabled off"]
LLDB_HELPER = f'command script import "{SOURCE / "debugger" / "asio_lldb.py"}"'
CTRL_C = "\x03"
MARK = "<<<"  # stands between the outputs of two commands


def run(command: list[str]) -> str:
    """What the command prints. It may take long, but not be silent for long."""
    said = b""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT
    ) as process:
        assert process.stdout
        while select.select([process.stdout], [], [], TIMEOUT)[0]:
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                return said.decode()
            said += part
        process.kill()
    raise TimeoutError(f"nothing for {TIMEOUT} s after {said.decode()[-2000:]}")


def gdb(*commands: str, arguments: str = "", program: str | None = None) -> list[str]:
    """Runs a session with the helper loaded. Returns the output of each command."""
    options = [f"--eval-command={command}" for command in [*GDB_SETTINGS, f"set args {arguments} >/dev/null"]]
    for command in commands:
        options += [rf"--eval-command=echo {MARK}\n", f"--eval-command={command}"]
    output = run([GDB, "-batch", *GDB_OPTIONS, *options, program or PROGRAM])
    assert "Python Exception" not in output and "Traceback" not in output, output
    return output.split(f"{MARK}\n")[1:]


def lldb(*commands: str, arguments: str = "", program: str | None = None) -> list[str]:
    """Runs a session with the helper loaded. Returns the output of each command."""
    options = []
    launch = f"process launch -o /dev/null -- {arguments}"
    for command in [LLDB_HELPER, *commands]:
        options += ["-o", f"script print('{MARK}')", "-o", launch if command == "run" else command]
    output = run([LLDB, "--no-lldbinit", "-b", *options, program or PROGRAM])
    assert "Traceback" not in output, output
    # What LLDB has to say of GCC's debug information comes at any time.
    output = re.sub(r"^(error|warning): .*0x\w{8}: DW_.*\n+", "", output, flags=re.M)
    # LLDB repeats each command before its output.
    parts = re.split(rf"^(?:\(lldb\) script .*\n)?{MARK}\n", output, flags=re.M)
    return [part.split("\n", 1)[-1] for part in parts[2:]]


@contextlib.contextmanager
def terminal(*command: str) -> Iterator[Callable[[str, str], str]]:
    """A debugger on a terminal of its own. Yields a function that types a line, or Ctrl-C, and returns what the
    debugger says until that matches a pattern."""
    pid, keyboard = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, ENVIRONMENT | {"TERM": "dumb"})

    def type_line(line: str, pattern: str) -> str:
        os.write(keyboard, line.encode() if line == CTRL_C else f"{line}\n".encode())
        said = ""
        while not re.search(pattern, said):
            ready, _, _ = select.select([keyboard], [], [], TIMEOUT)
            assert ready, f"after {line!r} no {pattern!r} in {said!r}"
            said += os.read(keyboard, 1 << 16).decode(errors="replace")
        return said

    try:
        yield type_line
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(keyboard)
