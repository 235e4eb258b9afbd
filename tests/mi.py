"""A small client of GDB's machine interface (MI): drives GDB as cppdbg and Qt Creator do.

    with Client("gdb", "-x", "asio_gdb.py", PROGRAM) as gdb:
        gdb.command("-break-insert main.cpp:67")
        gdb.command("-exec-run")
        print(gdb.wait_stopped())    # {"reason": "breakpoint-hit", "func": ..., "line": "67", "thread-id": "1", ...}
"""

import contextlib
import queue
import re
import subprocess
import threading


def decoded(match):
    """Letters that are not ASCII, each byte of which MI gives as \\ooo."""
    return bytes(int(byte, 8) for byte in match[0].split("\\")[1:]).decode(errors="replace")


class Client(contextlib.AbstractContextManager):
    """A GDB. `records` has every line that it sent, what the program printed among them."""

    def __init__(self, gdb, *arguments, timeout=60):
        command = [gdb, "-nx", "-q", "--interpreter=mi3", *arguments]
        self.gdb = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
            start_new_session=True)  # fmt: skip
        assert self.gdb.stdin and self.gdb.stdout
        self.sent, self.received = self.gdb.stdin, self.gdb.stdout
        self.timeout = timeout  # seconds, for each record
        self.tokens, self.records, self.stops = 0, [], []
        self.lines: queue.Queue[str] = queue.Queue()  # filled by a thread, because a pipe has no timeout
        threading.Thread(target=self.read, daemon=True).start()

    def __exit__(self, *error):
        with self.gdb:  # closes its pipes
            self.gdb.kill()

    def read(self):
        with contextlib.suppress(ValueError):  # where the pipe is closed meanwhile
            for line in self.received:
                self.lines.put(line)

    def record(self):
        """The next record: "^..." answers a command, "*..." and "=..." tell what happened, "~..." is console text."""
        try:
            line = self.lines.get(timeout=self.timeout).rstrip("\n")
        except queue.Empty:
            raise TimeoutError(f"no record in {self.timeout} s; the last ones: {self.records[-5:]}") from None
        self.records.append(re.sub(r"(\\[23]\d\d)+", decoded, line))
        if self.records[-1].startswith("*stopped"):
            self.stops.append(self.records[-1])
        return self.records[-1]

    def command(self, command):
        """Runs a command, MI's own (-exec-next) or one of the command line (next). Returns its result as MI's text."""
        self.tokens += 1
        self.sent.write(f"{self.tokens}{command}\n")
        while not (record := self.record()).startswith(f"{self.tokens}^"):
            pass
        if "^error" in record:
            raise RuntimeError(f"{command}: {record}")
        return record.partition(",")[2]

    def wait_stopped(self):
        """What GDB tells of the next stop: its fields and those of its frame."""
        while not self.stops:
            self.record()
        return dict(re.findall(r'([\w-]+)="((?:[^"\\]|\\.)*)"', self.stops.pop(0)))
