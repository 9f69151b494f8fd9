"""The worker processes of one system, seen from the parent."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.bodies.capture import Capture
from dagger_actors.bodies.processes.frames import READ_BYTES, Begin, End, Frames, Setup, ToParent, send
from dagger_actors.core.messages import Outcome
from dagger_actors.errors import SystemClosed, WorkerDied

__all__ = ["Worker", "WorkerPool"]

LINGERING = 32
"""Threads beyond one a process: for attempts that are over and whose worker is just being killed."""

TAIL_BYTES = 400

DYING_S = 1.0
"""How long a process whose connection is gone is given to end: its descriptors go first, and the machine may be busy."""

_message = msgspec.msgpack.Decoder(ToParent)
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1])['path']; "
    "from dagger_actors.bodies.processes.child import main; main(sys.argv[1])"
)


class Worker:
    """One worker process; used by one thread at a time, killed by any."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket, sentinel: int) -> None:
        self.attempts = 0
        self._process = process
        self._connection = connection
        self._sentinel = sentinel
        self._frames = Frames()
        self._lock = threading.Lock()
        assert process.stdout is not None
        self._output = process.stdout.fileno()
        os.set_blocking(self._output, False)
        self._pidfd = os.pidfd_open(process.pid)
        self._poll = select.poll()
        for descriptor in (connection.fileno(), self._output, self._pidfd):
            self._poll.register(descriptor, select.POLLIN)

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self._process.pid

    def run(self, begin: Begin, capture: Capture, on_message: Callable[[ToParent], msgspec.Struct | None]) -> Outcome:
        """Run one attempt; blocks until it has ended.

        Args:
            begin: What to run.
            capture: Takes what it prints.
            on_message: Takes what it says meanwhile; what it returns is sent back.

        Raises:
            WorkerDied: The process ended first, or was killed.
        """
        self.attempts += 1
        try:
            send(self._connection, begin)
            while True:
                ready = {descriptor for descriptor, _ in self._poll.poll()}
                if self._output in ready:
                    self._drain(capture, at_most=16)
                if self._connection.fileno() in ready:
                    data = self._connection.recv(READ_BYTES)
                    if not data:
                        break
                    for frame in self._frames.feed(data):
                        message = _message.decode(frame)
                        # What was printed before it was said comes first.
                        self._drain(capture)
                        if isinstance(message, End):
                            return message.outcome
                        answer = on_message(message)
                        if answer is not None:
                            send(self._connection, answer)
                elif self._pidfd in ready:
                    break
        except (OSError, ValueError, msgspec.DecodeError):
            pass  # its end of the connection is gone, or no longer its own
        how = self._how_it_ended()
        self._drain(capture)
        raise WorkerDied(how, capture.last(TAIL_BYTES))

    def kill(self) -> None:
        """Kill its whole process group; any thread, also when it is dead already."""
        with self._lock:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, and give its descriptors back."""
        self.kill()
        self._reap()
        self._connection.close()
        for descriptor in (self._sentinel, self._pidfd):
            os.close(descriptor)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _reap(self) -> None:
        self._wait_for_end()  # a killed process ends; waiting for it needs no lock
        with self._lock:
            self._process.wait()

    def _wait_for_end(self, timeout_s: float | None = None) -> bool:
        poll = select.poll()  # ``select`` itself refuses descriptors from 1,024 on
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1e3))

    def _drain(self, capture: Capture, at_most: int = 64) -> None:
        """Take what it has printed; bounded, for it may never stop printing."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(at_most):
                data = os.read(self._output, READ_BYTES)
                if not data:
                    with contextlib.suppress(KeyError):
                        self._poll.unregister(self._output)
                    return
                capture.add(data)

    def _how_it_ended(self) -> str:
        is_dead = self._wait_for_end(DYING_S)
        self.kill()
        self._reap()
        if not is_dead:
            return "it closed its connection to the system"
        status = self._process.returncode
        if status >= 0:
            return f"exit status {status}"
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"


class WorkerPool:
    """Keeps the workers that are idle, and spawns more when they are wanted.

    Args:
        processes: Attempts in worker processes at once; 1 or more.
        attempts: After so many attempts a worker is replaced: what leaks in it is given back.
        memory_bytes: Address space of a worker at most; None = no limit.
        database: Where artifacts lie beside.
        artifact_threshold: Size in bytes from which an artifact is a file.
    """

    def __init__(
        self, *, processes: int, attempts: int, memory_bytes: int | None, database: Path, artifact_threshold: int
    ) -> None:
        self.dispatcher = ThreadDispatcher("dagger-processes", processes + LINGERING)
        self._attempts = attempts
        self._memory_bytes = memory_bytes
        self._database = database
        self._artifact_threshold = artifact_threshold
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._is_closed = False
        # The kernel sends a child its death signal when the *thread* that made it ends, so one thread makes them all.
        self._orders: queue.SimpleQueue[queue.SimpleQueue[Worker | BaseException] | None] = queue.SimpleQueue()
        self._spawner: threading.Thread | None = None

    def take(self) -> Worker:
        """An idle worker, or a new one.

        Raises:
            SystemClosed: The pool is closed.
            OSError: The machine has no process to give.
        """
        with self._lock:
            if self._is_closed:
                raise SystemClosed
            if self._idle:
                return self._idle.pop()
            if self._spawner is None:
                self._spawner = threading.Thread(target=self._spawn_all, name="dagger-spawner", daemon=True)
                self._spawner.start()
        order: queue.SimpleQueue[Worker | BaseException] = queue.SimpleQueue()
        self._orders.put(order)
        made = order.get()
        if isinstance(made, BaseException):
            raise made
        return made

    def give_back(self, worker: Worker, *, is_usable: bool) -> None:
        """Keep a worker for the next attempt, or do away with it."""
        with self._lock:
            if is_usable and not self._is_closed and worker.attempts < self._attempts:
                self._idle.append(worker)
                return
            self._all.discard(worker)
        worker.close()

    def close(self, timeout_s: float) -> None:
        """Kill all workers and end the threads."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = [worker for worker in self._all if worker not in idle]
            self._all -= set(idle)
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.close()
        self.dispatcher.close(timeout_s)
        self._orders.put(None)
        if self._spawner is not None:
            self._spawner.join(timeout_s)

    def _spawn_all(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                worker = self._spawn()
            except BaseException as error:  # noqa: BLE001 - the attempt that wanted it fails, the pool goes on
                order.put(error)
                continue
            with self._lock:
                self._all.add(worker)
                is_closed = self._is_closed
            if is_closed:
                worker.kill()
            order.put(worker)

    def _spawn(self) -> Worker:
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        try:
            setup = Setup(
                tuple(entry for entry in sys.path if isinstance(entry, str)),
                os.getpid(),
                theirs.fileno(),
                reader,
                self._memory_bytes,
                str(self._database.absolute()),
                self._artifact_threshold,
            )
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-c", _BOOT, msgspec.json.encode(setup).decode()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=(theirs.fileno(), reader),
                start_new_session=True,
            )
            return Worker(process, ours, writer)
        except BaseException:
            ours.close()
            os.close(writer)
            raise
        finally:
            theirs.close()
            os.close(reader)
