"""Inside a worker process: runs attempts one after the other, and nothing else; started by ``pool``."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import logging
import os
import pickle
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.actors.timers import MonotonicClock
from dagger_actors.bodies.actions import Action, action_of
from dagger_actors.bodies.arguments import decoded
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.context import BodyContext, Surroundings
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.bodies.isolation import Home
from dagger_actors.bodies.outputs import to_output
from dagger_actors.bodies.processes import guard
from dagger_actors.bodies.processes.frames import READ_BYTES, Answer, Ask, Begin, End, Frames, Logged, Setup, Step, send
from dagger_actors.bodies.processes.remote import remote_backends
from dagger_actors.bodies.secret import NO_MASK, GuardedArtifacts, Mask, Secret
from dagger_actors.bodies.suspend import is_suspension, refuse_swallowed
from dagger_actors.core.messages import Failed, Inline, Outcome, Progressed, Succeeded, Suspended
from dagger_actors.core.wording import BESIDE
from dagger_actors.errors import AttemptOver
from dagger_actors.reading.importing import FILE_MODULE, Wanted, import_file
from dagger_actors.reading.neighbours import import_again
from dagger_actors.store.artifacts import ArtifactStore

__all__ = ["main"]

PR_SET_PDEATHSIG = 1
THE_FUNCTION = Wanted(noun="function", outcome="its attempt was not run")
_begin = msgspec.msgpack.Decoder(Begin | Answer)


class Worker:
    """One worker process.

    Args:
        setup: What it was given at birth.
    """

    def __init__(self, setup: Setup) -> None:
        self._connection = socket.socket(fileno=setup.connection)
        self._frames = Frames()
        self._arrived: list[bytes] = []
        self._lock = threading.RLock()
        self._is_busy = False
        self._pid = os.getpid()
        self._folder = Path.cwd()
        self._clock = MonotonicClock()
        self._artifacts = RunArtifacts(ArtifactStore(setup.database, setup.artifact_threshold), self._load)
        self._backends = remote_backends(self.ask)
        self._actions: dict[tuple[Home, str], Action] = {}
        self._contexts: dict[Home, type[BodyContext]] = {}

    def run(self) -> None:
        """Take attempts until the parent is gone."""
        while True:
            message = self._receive()
            if not isinstance(message, Begin):
                continue
            self._is_busy = True
            with _traced(message):
                outcome = self._attempt(message)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # whatever user code made of it
                    stream.flush()
            with self._lock:  # whoever has asked for something has the answer by now
                self._is_busy = False
                self._send(End(outcome))
            with contextlib.suppress(OSError):
                os.chdir(self._folder)

    def _attempt(self, begin: Begin) -> Outcome:
        start = begin.start
        secrets = {name: Secret(variable, text) for name, variable, text in begin.secrets}
        mask = Mask(tuple(secrets.values())) if secrets else NO_MASK
        artifacts_of = GuardedArtifacts(self._artifacts, mask) if secrets else self._artifacts
        context: BodyContext | None = None
        try:
            sys.path += [entry for entry in begin.path if entry not in sys.path]
            action = self._action(begin)
            arguments: dict[str, Any] = {name: held for name, held in secrets.items() if is_secret(action, name)}
            for name, is_bytes, content in begin.arguments:
                if name not in arguments:
                    arguments[name] = decoded(action.by_name.get(name), content, is_bytes=is_bytes)
            around = Surroundings(
                artifacts=artifacts_of,
                mask=mask,
                clock=self._clock,
                report=self._report,
                write=self._log,
                backends=self._backends,
            )
            context = self._context_type(begin.context)(start, around)
            if action.context_parameter is not None:
                arguments[action.context_parameter] = context
            result = action.function(**arguments)
            if action.is_async:
                result = asyncio.run(result)
            if os.getpid() != self._pid:
                os._exit(0)  # user code has forked, and this is the copy
            if action.check_result is not None:
                action.check_result(result, None)
            output, artifacts = to_output(result, start.outputs, artifacts_of)
            if isinstance(output, Inline):
                mask.refuse(output.json)
            turn = context.turn(artifacts)
            refuse_swallowed(turn)
            return Succeeded(output, turn)
        except BaseException as error:  # noqa: BLE001 - user code may raise anything; it is an outcome
            if context is not None and context.may_suspend and is_suspension(error):
                return Suspended(context.turn(()))
            return Failed(detail_of(error, mask))
        finally:
            if context is not None:
                context.close()

    def _action(self, begin: Begin) -> Action:
        home, name = begin.home, begin.start.action
        action = self._actions.get((home, name))
        if action is None:
            action = self._actions[home, name] = action_of(_found(home), name)
        return action

    def _context_type(self, home: Home) -> type[BodyContext]:
        kind = self._contexts.get(home)
        if kind is None:
            kind = self._contexts[home] = _found(home)
        return kind

    def _report(self, message: msgspec.Struct) -> None:
        assert isinstance(message, Progressed)
        with self._lock:
            if self._is_busy:
                self._send(Step(message.done, message.total))

    def _log(self, level: int, text: str) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the order of what is told is a kindness, not a duty
                stream.flush()
        # Acknowledged, so that what is printed from here on arrives behind it.
        self._await_answer(Logged(level, text))

    def _load(self, artifact_id: str) -> bytes:
        return msgspec.msgpack.decode(self.ask("load", msgspec.msgpack.encode(artifact_id)), type=bytes)

    def ask(self, name: str, arguments: bytes) -> bytes:
        """Ask the parent for something and wait for its answer; any thread of the body, until the attempt has ended.

        Raises:
            AttemptOver: It has, and its body has left a thread behind: that would take the beginning of the next one.
        """
        answer = self._await_answer(Ask(name, arguments))
        if answer.error:
            error: BaseException = pickle.loads(answer.error)  # noqa: S301 - from the process that made this one
            raise error
        return answer.result

    def _await_answer(self, message: msgspec.Struct) -> Answer:
        with self._lock:
            if not self._is_busy:
                raise AttemptOver("what is asked for", "answered")
            self._send(message)
            answer = self._receive()
        assert isinstance(answer, Answer)
        return answer

    def _send(self, message: msgspec.Struct) -> None:
        if os.getpid() != self._pid:
            os._exit(0)
        with self._lock:
            try:
                send(self._connection, message)
            except OSError:
                os._exit(1)  # nobody is there to hear it

    def _receive(self) -> Begin | Answer:
        while not self._arrived:
            try:
                data = self._connection.recv(READ_BYTES)
            except OSError:
                os._exit(1)
            if not data:
                os._exit(0)
            self._arrived += self._frames.feed(data)
        message: Begin | Answer = _begin.decode(self._arrived.pop(0))
        return message


def _traced(begin: Begin) -> contextlib.AbstractContextManager[object]:
    """While the attempt runs, what user code traces is part of its trace."""
    if not begin.trace:
        return contextlib.nullcontext()
    # An optional extra, and loaded by who needs it: the parent has it, or it would not trace.
    from dagger_actors.telemetry.carrier import carried  # noqa: PLC0415

    return carried(begin.trace)


def is_secret(action: Action, name: str) -> bool:
    """Tell whether a parameter takes the holder of a secret, not its text."""
    parameter = action.by_name.get(name)
    return parameter is not None and parameter.is_secret


def _found(home: Home) -> Any:
    found: Any = _module(home)
    for part in home.qualname.split("."):
        found = getattr(found, part)
    return found


def _module(home: Home) -> Any:
    if home.module.startswith(BESIDE):
        return import_again(home.module, home.file)
    if home.module and not home.module.startswith(FILE_MODULE):
        return importlib.import_module(home.module)
    return import_file(home.file, [Path.cwd()], THE_FUNCTION)


def _die_with(parent: int, sentinel: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died before we had asked to be told

    def watch() -> None:
        try:
            os.read(sentinel, 1)
        except OSError:
            return  # user code has closed it; the kernel still tells us
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main(setup_json: str) -> None:
    """Live as a worker."""
    setup = msgspec.json.decode(setup_json, type=Setup)
    guard.is_worker = True
    for descriptor in (setup.connection, setup.sentinel):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional-only
    _die_with(setup.parent, setup.sentinel)
    if setup.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (setup.memory_bytes, setup.memory_bytes))
    logging.getLogger("dagger_actors").addHandler(logging.NullHandler())
    Worker(setup).run()
