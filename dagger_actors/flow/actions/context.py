"""What an action of a flow may ask of the attempt it runs in."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.context import Surroundings
from dagger_actors.bodies.publications import PublishingContext
from dagger_actors.bodies.shared import AskedShared
from dagger_actors.bodies.turn_shared import TurnShared
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import ArtifactRecord, StartAttempt, Turn
from dagger_actors.flow.actions.additions import Additions
from dagger_actors.flow.actions.run_cache import RunCache

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
        shared: The shared state of all runs, tasks and programs of the database: ``get``, ``read``, ``put``, ``delete``,
            ``increment``, each with a scope and a key; what only this run is to see has ``ctx.run_id`` as its scope. Changes
            are committed with this attempt's success.
        idempotency_key: The same for every attempt of this invocation: hand it to services that understand one.
    """

    def __init__(self, start: StartAttempt, around: Surroundings) -> None:
        super().__init__(start, around)
        self.run_id = start.run_id
        self.node_id = start.node_id
        self.invocation_key = start.invocation_key
        self.cache = RunCache(start.run_key, around.backends.owner, around.mask, self._end)
        self._additions = Additions(start, around.backends.owner, around.mask, self._end)

    @functools.cached_property
    def shared(self) -> TurnShared:
        """The shared state, as of the last commit and with what this attempt has changed."""
        return TurnShared(AskedShared(self._backends.owner), _no_mark, self._mask, self._end)

    @property
    def idempotency_key(self) -> str:
        """Run, node and invocation; unchanged by retries."""
        return _idempotency_key(self._start)

    def add_nodes(self, nodes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Add nodes to this run, all of them or none, in the very transaction that records this attempt's success.

        They may depend on any node of the run, this one included, ended or not, and on each other. An attempt that fails
        adds nothing. Nodes that nodes added have added are a further iteration; ``config.max_iterations`` bounds those.

        Args:
            nodes: Each as under ``nodes`` of a flow file: ``{"id": "search_2", "action": "search", "inputs": {...}}``. What
                an item of a mapped node adds needs ids that differ by item.

        Returns:
            Their ids.

        Raises:
            GrowthRefused: They cannot be added; names every problem. So it does when this attempt ends, if another one
                has added a node of the same id meanwhile.
            AttemptOver: The attempt is over.
        """
        return self._additions.add(nodes)

    def turn(self, artifacts: tuple[ArtifactRecord, ...]) -> Turn:
        """What every body's turn has, what it changes of the run's namespace and the shared state, and nodes that it adds."""
        turn = super().turn(artifacts)
        growth = self._additions.encoded
        shared = self.__dict__.get("shared")  # not made for who never asked
        changes = () if shared is None else tuple(shared.changes)
        if not self.cache.written and not growth and not changes:
            return turn
        return msgspec.structs.replace(turn, values=tuple(self.cache.written), growth=growth, shared=changes)

    @staticmethod
    def write_log(start: StartAttempt, level: int, message: str) -> None:
        """Write what an attempt logged to the logger ``dagger_actors.run``."""
        fields = LogFields(
            run_id=start.run_id, node_id=start.node_id, invocation_key=start.invocation_key, attempt=start.attempt
        )
        logger.log(level, "%s: %s", _idempotency_key(start), message, extra=fields)


def _no_mark() -> None:
    """An attempt of a flow never suspends, so nothing of an earlier one is committed."""


def _idempotency_key(start: StartAttempt) -> str:
    key = f"{start.run_id}/{start.node_id}"
    return f"{key}/{start.invocation_key}" if start.invocation_key else key
