"""What an attempt is started with: the inputs of its invocation, put together from what the run has stored."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import CacheWish, StartAttempt, Value
from dagger_actors.errors import StoreError
from dagger_actors.flow.definition import FromInput, NodeDefinition
from dagger_actors.flow.definition.values import Values
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.stored.lists import Lists

__all__ = ["Starts"]

logger = logging.getLogger("dagger_actors.flow")


class Starts:
    """Makes the starts of one run's attempts.

    Args:
        work: The run's invocations; its outputs are read here.
        inputs: The run's inputs as JSON text by name.
        load: Reads an artifact's content.

    Attributes:
        lists: What its mapped nodes go over.
    """

    def __init__(self, work: Invocations, inputs: dict[str, bytes], load: Callable[[str], bytes]) -> None:
        self._work = work
        declared = work.definition.inputs or {}
        self._secret = frozenset(name for name, spec in declared.items() if spec.secret)
        self._values = Values(work.definition, inputs, work.nodes, work.output)
        self.lists = Lists(work, self._values, load)

    def start(self, position: int, item: int, attempt: int) -> StartAttempt:
        """Make the start of an attempt; item -1 is the node itself."""
        identity, node = self._work.identity, self._work.nodes[position]
        problem = lacking = ""
        inputs: list[tuple[str, Value]] = []
        try:
            for lacking, reference in node.inputs:
                inputs.append((lacking, self._values.resolve(reference)))
            if node.map is not None:
                lacking = node.map.item
                inputs.append((lacking, self.lists.item(position, item)))
        except (UnresolvedReference, StoreError) as error:
            problem, inputs = str(error), []
        return StartAttempt(
            identity.run_key,
            position,
            item,
            attempt,
            identity.run_id,
            node.id,
            "" if item < 0 else self._work.key_of(position, item),
            node.action,
            tuple(inputs),
            node.outputs,
            problem,
            lacking if problem else "",
            self._wish(node) if node.cache is not None else None,
            identity.owner,
            identity.epoch,
            bool(self._secret) and self._takes_secret(node),
        )

    def _takes_secret(self, node: NodeDefinition) -> bool:
        return any(isinstance(reference, FromInput) and reference.key in self._secret for _, reference in node.inputs)

    def _wish(self, node: NodeDefinition) -> CacheWish:
        assert node.cache is not None
        definition = self._work.definition
        ttl_s = node.cache.ttl_s
        ttl_us = None if ttl_s is None else round(ttl_s * 1_000_000)
        return CacheWish(definition.name, ttl_us, definition.config.reuses_cache)

    def restore_keys(self) -> None:
        """Find the keys of what has fanned out before: rows know them only of items that have begun."""
        work = self._work
        for node in list(work.sizes):
            spec = work.nodes[node].map
            if spec is None or (spec.key is None and node not in work.sources):
                continue
            try:
                keys = self.lists.keys(node)
            except (UnresolvedReference, StoreError):
                # What gave the list is damaged: each item will fail and say so, under its position.
                fields = LogFields(run_id=work.identity.run_id, node_id=work.nodes[node].id)
                logger.exception("the keys of the items of %r cannot be read", work.nodes[node].id, extra=fields)
                continue
            if keys:
                work.keys[node] = keys
