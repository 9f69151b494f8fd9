"""What an action of a flow may ask of the attempt it runs in."""

from __future__ import annotations

import logging

import msgspec

from dagger_actors.bodies.context import Surroundings
from dagger_actors.bodies.publications import PublishingContext
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import ArtifactRecord, StartAttempt, Turn
from dagger_actors.flow.run_cache import RunCache

__all__ = ["Context"]

logger = logging.getLogger("dagger_actors.run")


class Context(PublishingContext):
    """Given to an action that declares a parameter of this type.

    Attributes:
        run_id: The run's id.
        node_id: The node's id.
        invocation_key: The map item's key; empty when the node is not mapped.
        attempt: Which attempt this is, from 1; repeats after a crash count.
        cache: The namespace that the nodes of the run share: ``get``, ``put``, ``append``.
        idempotency_key: The same for every attempt of this invocation: hand it to services that understand one.
    """

    def __init__(self, start: StartAttempt, around: Surroundings) -> None:
        super().__init__(start, around)
        self.run_id = start.run_id
        self.node_id = start.node_id
        self.invocation_key = start.invocation_key
        self.cache = RunCache(start.run_key, around.backends.owner, around.mask)

    @property
    def idempotency_key(self) -> str:
        """Run, node and invocation; unchanged by retries."""
        return _idempotency_key(self._start)

    def turn(self, artifacts: tuple[ArtifactRecord, ...]) -> Turn:
        """What every body's turn has, and the values put into the run's namespace."""
        turn = super().turn(artifacts)
        return msgspec.structs.replace(turn, values=tuple(self.cache.written)) if self.cache.written else turn

    @staticmethod
    def write_log(start: StartAttempt, level: int, message: str) -> None:
        """Write what an attempt logged to the logger ``dagger_actors.run``."""
        fields = LogFields(
            run_id=start.run_id, node_id=start.node_id, invocation_key=start.invocation_key, attempt=start.attempt
        )
        logger.log(level, "%s: %s", _idempotency_key(start), message, extra=fields)


def _idempotency_key(start: StartAttempt) -> str:
    key = f"{start.run_id}/{start.node_id}"
    return f"{key}/{start.invocation_key}" if start.invocation_key else key
