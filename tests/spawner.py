"""Runs ``dagger-actors`` in processes of its own that begin where the interpreter and all imports are done.

``python -m dagger_actors`` takes a third of a second before it does anything, ten times as long as most commands, and the
tests run more than a thousand. So a process that has loaded the package, and opened nothing, is forked for each: that has its
own folder, environment and streams, and ends as any process does. What this cannot show, tests/e2e/test_cli_start_up.py
does with processes from scratch: that the module of each command loads by itself, and how long it takes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

READ_BY_THE_INTERPRETER = ("PYTHON", "LC_", "LANG")
"""Variables that mean something only when it starts."""

ORDER_BYTES = 200_000


class Spawner:
    """The process that is forked, as seen from the tests; it is started when it is first needed."""

    def __init__(self, repository: Path) -> None:
        self.environment = {**os.environ, "PYTHONPATH": str(repository), "PYTHONUNBUFFERED": "1"}
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def fits(self, environment: dict[str, str]) -> bool:
        """Tell whether a fork can have all that this environment asks for."""
        mine, theirs = (
            {name: value for name, value in one.items() if name.startswith(READ_BY_THE_INTERPRETER)}
            for one in (self.environment, environment)
        )
        return mine == theirs

    def run(
        self, *words: str, folder: Path, environment: dict[str, str], keys: str, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, with ``keys`` typed; else as ``subprocess.run`` does."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps({"words": words, "folder": str(folder), "environment": environment}).encode()
        with mine, tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            typed.write(keys.encode())
            typed.seek(0)
            with theirs:
                fds = [one.fileno() for one in (theirs, typed, out, err)]
                socket.send_fds(self._started(), [order], fds)
            mine.settimeout(timeout_s)
            pid = int(mine.recv(32))
            try:
                status = int(mine.recv(32))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, timeout_s, text(out), text(err)) from None
            return subprocess.CompletedProcess(words, status, text(out), text(err))

    def close(self) -> None:
        if self._server is not None and self._control is not None:
            self._control.close()
            self._server.wait()

    def _started(self) -> socket.socket:
        if self._control is None:
            self._control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with its:
                command = [sys.executable, __file__, str(its.fileno())]
                self._server = subprocess.Popen(command, env=self.environment, pass_fds=[its.fileno()])
        return self._control


def text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def serve(control: socket.socket) -> None:
    """Fork once for each order; returns in the fork, which then is the command."""
    while True:
        order, fds, _, _ = socket.recv_fds(control, ORDER_BYTES, 4)
        if not order:
            sys.exit()
        if os.fork() == 0:
            control.close()
            begin(json.loads(order), fds)
            return
        for fd in fds:
            os.close(fd)
        reap()


def begin(order: dict[str, object], fds: list[int]) -> None:
    """Fork once more: the one waits, and tells the end; the other goes on as the command."""
    reply, *streams = fds
    child = os.fork()
    if child:
        os.write(reply, str(child).encode())
        _, ended = os.waitpid(child, 0)
        os.write(reply, str(os.waitstatus_to_exitcode(ended)).encode())
        os._exit(0)
    os.close(reply)
    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    sys.path[0] = order["folder"]
    sys.argv[1:] = order["words"]


def reap() -> None:
    """Let go of those who waited for commands that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


if __name__ == "__main__":
    import dagger_actors

    for module in pkgutil.walk_packages(dagger_actors.__path__, "dagger_actors."):
        if not module.name.startswith("dagger_actors.testing") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    # Else each fork copies the pages of all that was imported, to look for garbage there, and looks once more at its exit.
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("dagger_actors", run_name="__main__", alter_sys=True)
