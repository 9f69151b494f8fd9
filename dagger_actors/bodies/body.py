"""Body actors: one fresh actor an attempt, which runs the user's function and tells its owner how it ended.

What all of them share: ``thread_body`` runs a plain function in the turn of a thread, ``loop_body`` a coroutine function on
the event loop, ``processes.body`` either in a worker process. Whatever user code raises is an outcome, ``SystemExit`` and
``KeyboardInterrupt`` included: it must neither end the thread nor restart anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.gate import Gate
from dagger_actors.actors.telemetry import AttemptSpan
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.arguments import arguments_of, content_of
from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.capture import KEPT_BYTES, Capture
from dagger_actors.bodies.context import BodyContext, Surroundings
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.bodies.made_functions import not_loaded
from dagger_actors.bodies.outputs import to_output
from dagger_actors.bodies.secret import NO_MASK, GuardedArtifacts, Mask, Secret
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.suspend import is_suspension, refuse_swallowed
from dagger_actors.bodies.trace_headers import in_trace
from dagger_actors.core.messages import (
    AttemptEnded,
    Failed,
    Inline,
    Outcome,
    SecretName,
    StartAttempt,
    Succeeded,
    Suspended,
    Turn,
    Value,
    decode_start,
    encode,
)
from dagger_actors.core.protocols import Runnable
from dagger_actors.errors import ArtifactError, InputError, StoreError

__all__ = ["FOR_LOOP", "FOR_THREADS", "BodyActor"]

NO_TURN = Turn()
UNCACHED = "not cached: it executes statements, puts values, adds nodes, or publishes"


class Unscheduled:
    """Stands in for the dispatcher: a body actor has one message, and the gate gives it its one turn."""

    def __init__(self, *, is_loop: bool) -> None:
        self.is_loop = is_loop

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        """Leave it to the gate."""


FOR_THREADS = Unscheduled(is_loop=False)
FOR_LOOP = Unscheduled(is_loop=True)


class BodyActor(Actor):
    """Runs one attempt.

    Args:
        services: What body actors share.
        gate: Where its place is given back.
        tell: Takes encoded messages to whoever ordered the attempt.
        timeout_us: How long its attempt may take; None = as long as it likes.

    Attributes:
        ticket: Its way through the gate; given right after it is made.
    """

    ticket: Ticket

    # On the class until an attempt has something of its own: most have nothing, and there are thousands at any moment.
    _context: BodyContext | None = None
    _turn: Turn | None = None
    _capture: Capture | None = None
    _is_cancelled = False
    _span: AttemptSpan | None = None
    _mask = NO_MASK
    _secrets: Mapping[str, Secret] = MappingProxyType({})

    def __init__(
        self, services: BodyServices, gate: Gate, tell: Callable[[bytes], None], timeout_us: int | None
    ) -> None:
        super().__init__()
        self.timeout_us = timeout_us
        self._services = services
        self._gate = gate
        self._tell = tell
        self._artifacts: ArtifactSource = services.artifacts

    def captured(self) -> tuple[str, int] | None:
        """What the attempt has logged by now, and how many bytes of it were dropped; None = nothing; any thread."""
        if self._capture is None or self._capture.is_empty:
            return None
        text, dropped = self._capture.read()
        return self._mask.text(text), dropped

    def _log(self, start: StartAttempt, level: int, text: str) -> None:
        if self._capture is None:
            self._capture = Capture()
        # Cut before it is encoded: one line may be as long as memory.
        self._capture.add(f"{text[-KEPT_BYTES:]}\n".encode("utf-8", "backslashreplace"))
        self._services.context.write_log(start, level, text)

    def cancel(self) -> None:
        """The attempt is over, whatever the body does now; any thread may call this."""
        self._is_cancelled = True
        if self._context is not None:
            self._context.cancel()

    def _opened(self, message: bytes) -> StartAttempt:
        """Read what is to be done; first of all that, and ``_report`` last, in one context of variables."""
        start = decode_start(message)
        self._enter(start)
        return start

    def _enter(self, start: StartAttempt) -> None:
        if self._services.telemetry is not None:
            self._span = self._services.telemetry.attempt(start)

    def _prepare(self, start: StartAttempt) -> tuple[Action, dict[str, Any]]:
        # In this order: what was abandoned before its beginning was written down does not begin, so that the record
        # tells for certain which bodies have.
        self._gate.begin(self.ticket)
        self._refuse_late()
        return self._arranged(start)

    def _arranged(self, start: StartAttempt) -> tuple[Action, dict[str, Any]]:
        action = self._services.actions.get(start.action)
        if action is None:
            raise LookupError(not_loaded(start.action))
        if start.problem:
            raise InputError(start.action, start.lacking, start.problem)
        if start.has_secrets:
            self._open_secrets(start)
        arguments = arguments_of(action, start.inputs, self._secrets, self._services.artifacts.load)
        if action.context_parameter is not None:
            self._context = arguments[action.context_parameter] = self._new_context(start)
        return action, arguments

    def _open_secrets(self, start: StartAttempt) -> None:
        """First of all, so that nothing that fails afterwards can tell one."""
        names = [(name, value) for name, value in start.inputs if isinstance(value, SecretName)]
        self._secrets = {name: Secret.env(value.variable).resolved() for name, value in names}
        self._mask = Mask(tuple(self._secrets.values()))
        self._artifacts = GuardedArtifacts(self._services.artifacts, self._mask)

    def _refuse_late(self) -> None:
        if self._is_cancelled or self.ticket.state == "abandoned":
            raise asyncio.CancelledError("the attempt was over before its body began")

    def _new_context(self, start: StartAttempt) -> BodyContext:
        around = Surroundings(
            artifacts=self._artifacts,
            mask=self._mask,
            clock=self._services.clock,
            report=lambda message: self._tell(encode(message)),
            backends=self._services.backends,
            write=lambda level, text: self._log(start, level, text),
        )
        context = self._services.context(start, around)
        if self._is_cancelled:
            context.cancel()
        return context

    def _content(self, action: str, name: str, value: Value) -> tuple[bool, bytes]:
        return content_of((action, name), value, self._secrets.get(name), self._services.artifacts.load)

    def _from_cache(self, action: Action, start: StartAttempt) -> Succeeded | None:
        """The end of the attempt without its body, when the cache has its output; else how its own is to be stored."""
        assert start.cache is not None
        assert self._services.cache is not None
        lookup = self._services.cache.look(action, start, start.cache)
        self._turn = lookup.turn
        return lookup.found

    def _noted(self, turn: Turn) -> Turn:
        """Add what the cache has to do with a computed output."""
        if self._turn is None:
            return turn
        # A later hit would give the output without what else the attempt did.
        has_effects = bool(turn.statements or turn.values or turn.published or turn.shared or turn.growth)
        reason = UNCACHED if has_effects else self._turn.reason
        return msgspec.structs.replace(turn, cache=None if has_effects else self._turn.cache, reason=reason)

    def _success(self, start: StartAttempt, action: Action, result: Any) -> Succeeded:
        output, artifacts = to_output(result, start.outputs, self._artifacts)
        if action.check_result is not None:
            # A mapping is stored as it is; anything else may have been given a name.
            action.check_result(result, output.json if type(result) is dict and type(output) is Inline else None)
        if self._mask is not NO_MASK and isinstance(output, Inline):
            self._mask.refuse(output.json)
        if self._context is None and self._turn is None and not artifacts:
            return Succeeded(output)
        turn = Turn(artifacts) if self._context is None else self._context.turn(artifacts)
        refuse_swallowed(turn)
        if self._turn is not None:
            turn = self._noted(turn)
        return Succeeded(output) if turn == NO_TURN else Succeeded(output, turn)

    def _raised(self, error: BaseException) -> Failed | Suspended:
        """The outcome of what was raised."""
        if self._services.context.may_suspend and is_suspension(error):
            return Suspended(NO_TURN if self._context is None else self._context.turn(()))
        if isinstance(error, ArtifactError) and not error.node_id:
            # Else its reader would be told to look for the maker; a disk that cannot tell it changes nothing.
            with contextlib.suppress(StoreError):
                error = self._services.with_maker(error, self.ticket.run_key).with_traceback(error.__traceback__)
        return Failed(detail_of(error, self._mask))

    def _report(self, outcome: Outcome) -> None:
        ticket = self.ticket
        key = (ticket.run_key, ticket.node, ticket.item, ticket.attempt)
        payload, outcome, now_us = self._encoded(key, ticket.started_us, outcome)
        # First the slot file and the hold, then the message: whoever hears of a failure finds the gate held.
        self._gate.end(ticket, payload, success=not isinstance(outcome, Failed), now_us=now_us)
        self._leave(outcome)
        self._tell(payload)

    def _encoded(self, key: tuple[int, int, int, int], started_us: int, outcome: Outcome) -> tuple[bytes, Outcome, int]:
        """Encode an end; gives that, the outcome that it tells, and the wall time."""
        if (
            self._span is not None
            and not isinstance(outcome, Failed)
            and (outcome.turn.spawned or outcome.turn.published)
        ):
            outcome = msgspec.structs.replace(outcome, turn=_traced(outcome.turn, self._span))
        now_us = self._services.clock.now().wall_us
        finished_us = max(now_us, started_us)
        try:
            payload = encode(AttemptEnded(*key, started_us, finished_us, outcome))
        except Exception as error:  # noqa: BLE001 - whatever user code left in it, its end must be told
            outcome = Failed(detail_of(error, self._mask))
            payload = encode(AttemptEnded(*key, started_us, finished_us, outcome))
        return payload, outcome, now_us

    def _leave(self, outcome: Outcome) -> None:
        if self._context is not None:
            self._context.close()
        if self._span is not None:
            self._span.end(outcome.error if isinstance(outcome, Failed) else None)


def _traced(turn: Turn, span: AttemptSpan) -> Turn:
    """What a body spawns and publishes is part of its trace."""
    trace, replace = span.text, msgspec.structs.replace
    return replace(
        turn,
        spawned=tuple(replace(one, trace=trace) for one in turn.spawned),
        published=tuple(replace(one, headers=in_trace(one.headers, trace)) for one in turn.published),
    )
