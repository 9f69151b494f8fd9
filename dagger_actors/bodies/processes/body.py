"""The body actor of an attempt in a worker process."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable

import msgspec

from dagger_actors.actors.gate import Gate
from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.capture import Capture
from dagger_actors.bodies.isolation import home_of
from dagger_actors.bodies.made_functions import not_loaded
from dagger_actors.bodies.processes.frames import Answer, Ask, Begin, Logged, Step, ToParent
from dagger_actors.bodies.processes.pool import Worker, WorkerPool
from dagger_actors.bodies.processes.remote import Questions
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.thread_body import ThreadBody
from dagger_actors.core.messages import Outcome, Progressed, StartAttempt, Succeeded, encode
from dagger_actors.errors import InputError

__all__ = ["ProcessBody"]


class ProcessBody(ThreadBody):
    """Runs one attempt in a worker process; its turn is a thread of the pool's, which looks after the worker."""

    def __init__(
        self, services: BodyServices, gate: Gate, tell: Callable[[bytes], None], timeout_us: int | None
    ) -> None:
        super().__init__(services, gate, tell, timeout_us)
        self._kill_lock = threading.Lock()
        self._worker: Worker | None = None
        self._output = self._capture = Capture()

    def cancel(self) -> None:
        """Kill the worker."""
        with self._kill_lock:
            super().cancel()
            if self._worker is not None:
                self._worker.kill()

    def on_receive(self, message: bytes) -> None:
        """Run the attempt."""
        start = self._opened(message)
        outcome: Outcome
        try:
            self._refuse_late()
            action, begin = self._begin(start)
            pool = self._services.pool
            assert pool is not None
            found = None if start.cache is None else self._from_cache(action, start)
            outcome = found or self._run(pool.get(), begin)
            if found is None and isinstance(outcome, Succeeded):
                outcome = Succeeded(outcome.output, self._noted(outcome.turn))
        except BaseException as error:  # noqa: BLE001 - whatever went wrong is the attempt's outcome
            outcome = self._raised(error)
        self._report(outcome)

    def _begin(self, start: StartAttempt) -> tuple[Action, Begin]:
        action = self._services.actions.get(start.action)
        if action is None:
            raise LookupError(not_loaded(start.action))
        if start.problem:
            raise InputError(start.action, start.lacking, start.problem)
        home = home_of(action.source)
        if home is None:
            raise LookupError(f"the action {start.action!r} cannot be imported by another process")
        if start.has_secrets:
            self._open_secrets(start)
        arguments = tuple((name, *self._content(start.action, name, value)) for name, value in start.inputs)
        secrets = tuple((name, held.variable, held.reveal()) for name, held in self._secrets.items())
        path = tuple(entry for entry in sys.path if isinstance(entry, str))
        trace = () if self._span is None else self._span.carrier
        context = home_of(self._services.context)
        assert context is not None, "a class of contexts stands at the top of a module"
        bare = msgspec.structs.replace(start, inputs=())
        return action, Begin(bare, home, context, arguments, path, secrets, trace)

    def _run(self, pool: WorkerPool, begin: Begin) -> Outcome:
        worker = pool.take()
        is_usable = False
        try:
            with self._kill_lock:
                self._refuse_late()
                self._worker = worker
            self._gate.begin(self.ticket)
            outcome = worker.run(begin, self._output, lambda message: self._heard(begin.start, message))
            is_usable = True
            return outcome
        finally:
            with self._kill_lock:
                self._worker = None
                is_usable = is_usable and not self._is_cancelled
            pool.give_back(worker, is_usable=is_usable)

    def _heard(self, start: StartAttempt, message: ToParent) -> Answer | None:
        match message:
            case Step(done=done, total=total):
                self._tell(encode(Progressed(start.run_key, start.node, start.item, done, total)))
            case Logged(level=level, text=text):
                self._log(start, level, text)
                return Answer()
            case Ask(name=name, arguments=arguments):
                return self._answer(name, arguments)
            case _:
                pass
        return None

    def _answer(self, name: str, arguments: bytes) -> Answer:
        services = self._services
        try:
            return Answer(Questions(services.backends, services.artifacts).answer(name, arguments))
        except Exception as error:  # noqa: BLE001 - it is for the body to hear
            return Answer(error=pickle.dumps(error))
