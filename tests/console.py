"""A debugger on a terminal of its own, as on a command line: what is typed, and what it says.

    with Console(["gdb", PROGRAM], r"\\(gdb\\) $") as gdb:
        print(gdb.type("break main"))
"""

import contextlib
import os
import pty
import re
import select
import signal
import time


class Console(contextlib.AbstractContextManager):
    """A debugger. `said` has everything that it has said."""

    def __init__(self, command, prompt, timeout=60):
        self.prompt, self.timeout, self.said = prompt, timeout, ""
        self.child, self.keyboard = pty.fork()
        if self.child == 0:
            environment = os.environ | {"TERM": "dumb", "PYTHONDONTWRITEBYTECODE": "1"}
            os.execvpe(command[0], list(map(str, command)), environment)
        self.read(prompt)

    def __exit__(self, *error):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.keyboard)

    def read(self, pattern):
        """What it says until that matches the pattern."""
        said, deadline = "", time.monotonic() + self.timeout
        while not re.search(pattern, said):
            if not select.select([self.keyboard], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"no {pattern!r} in {said[-2000:]!r}")
            said += os.read(self.keyboard, 1 << 16).decode(errors="replace").replace("\r", "")
        self.said += said
        return said

    def send(self, line):
        os.write(self.keyboard, f"{line}\n".encode())

    def type(self, line, pattern=None):
        """Types a line. What is said until the next prompt, or until it matches the pattern."""
        self.send(line)
        return self.read(pattern or self.prompt)
