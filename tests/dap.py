"""A small client of the debug adapter protocol: drives lldb-dap or "gdb -i=dap" as an editor does.

    with Client(["lldb-dap-19"]) as dap:
        dap.launch(PROGRAM, breakpoints={SOURCE: [67]}, commands=["command script import asio_lldb.py"])
        print(dap.variables(dap.stack(dap.wait_stopped()["threadId"])[0]))
"""

import collections
import contextlib
import json
import queue
import subprocess
import threading
import time
from functools import partialmethod


class Client(contextlib.AbstractContextManager):
    """An adapter and the program that it debugs. `events` has every event, `output` what adapter and program said."""

    def __init__(self, adapter, timeout=60):
        self.adapter = subprocess.Popen(
            adapter, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        assert self.adapter.stdin and self.adapter.stdout
        self.sent, self.received = self.adapter.stdin, self.adapter.stdout
        self.timeout = timeout  # seconds, for each wait
        self.requests, self.responses, self.events, self.output = 0, {}, [], ""
        self.unseen: collections.deque[dict] = collections.deque()
        self.messages: queue.Queue[dict | None] = queue.Queue()  # filled by a thread, because a pipe has no timeout
        threading.Thread(target=self.read, daemon=True).start()
        self.request("initialize", adapterID="test", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)

    def __exit__(self, *error):
        with self.adapter:  # closes its pipes
            if self.adapter.poll() is None:
                self.disconnect()

    def read(self):
        with contextlib.suppress(ValueError):  # where the adapter dies in the middle of one
            for header in self.received:  # each message: "Content-Length: N", an empty line, N bytes of JSON
                self.received.readline()
                self.messages.put(json.loads(self.received.read(int(header.split(b":")[1]))))
        self.messages.put(None)

    def wait(self, wanted, what):  # takes in messages until wanted() returns something
        deadline = time.monotonic() + self.timeout
        while not (found := wanted()):
            try:
                message = self.messages.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"no {what} in {self.timeout} s; last events: {self.events[-5:]}") from None
            if not message:
                raise EOFError(f"the adapter ended before {what}: {self.output[-500:]}")
            if message["type"] == "response":
                self.responses[message["request_seq"]] = message
            elif message["type"] == "event":
                self.events.append(message)
                self.unseen.append(message)
                self.output += message["body"]["output"] if message["event"] == "output" else ""
        return found

    def send(self, command, **arguments):
        self.requests += 1
        text = json.dumps(dict(seq=self.requests, type="request", command=command, arguments=arguments)).encode()
        self.sent.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.sent.flush()
        return self.requests

    def response(self, number):
        message = self.wait(lambda: self.responses.pop(number, None), f"response to request {number}")
        if not message["success"]:
            raise RuntimeError(f"{message['command']}: {message.get('message')} {message.get('body', '')}")
        return message.get("body", {})

    def request(self, command, **arguments):
        return self.response(self.send(command, **arguments))

    def wait_event(self, *names):
        """The next event with one of these names, after the one returned last."""
        while (event := self.wait(lambda: self.unseen and self.unseen.popleft(), str(names)))["event"] not in names:
            pass
        return event

    def wait_stopped(self):
        """What the adapter tells of the next stop; None if the program ends instead."""
        event = self.wait_event("stopped", "terminated")
        return event["body"] if event["event"] == "stopped" else None

    def launch(self, program, *args, breakpoints={}, commands=()):  # The commands are for LLDB; GDB takes -x.
        launched = self.send("launch", program=str(program), args=args, initCommands=commands)
        self.wait_event("initialized")  # LLDB sends it after it got this request, GDB already before ...
        for file, lines in breakpoints.items():
            self.set_breakpoints(file, lines)
        self.request("configurationDone")
        self.response(launched)  # ... and GDB responds only now.

    def set_breakpoints(self, file, lines):
        self.request("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line} for line in lines])

    def stack(self, thread):
        return self.request("stackTrace", threadId=thread, startFrame=0, levels=100)["stackFrames"]

    def variables(self, frame, scopes=("Arguments", "Locals")):
        found = [scope for scope in self.request("scopes", frameId=frame["id"])["scopes"] if scope["name"] in scopes]
        parts = [self.request("variables", variablesReference=scope["variablesReference"]) for scope in found]
        return {variable["name"]: variable["value"] for part in parts for variable in part["variables"]}

    def evaluate(self, expression, frame, context="watch"):  # "repl": a command of the debugger
        return self.request("evaluate", expression=expression, context=context, frameId=frame["id"])["result"]

    def go(self, request, thread):
        self.unseen.clear()  # Where several threads stop at once, lldb-dap sends an event for each.
        self.request(request, threadId=thread)
        return self.wait_stopped()

    next, continue_, pause = partialmethod(go, "next"), partialmethod(go, "continue"), partialmethod(go, "pause")

    def disconnect(self):
        try:  # Only killed, lldb-dap would leave the program running. (Version 19 ends with SIGABRT in any case.)
            self.request("disconnect", terminateDebuggee=True)
            self.adapter.wait(self.timeout)
        finally:
            self.adapter.kill()
