"""Orders the body actors of one run: puts their inputs together, and tells what their nodes want of them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dagger_actors.actors.gate import Gate
from dagger_actors.bodies.body import BodyActor
from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.spawner import Order, Spawner
from dagger_actors.core.awaits import Wanted
from dagger_actors.core.comparisons import IncomparableValues
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Dispatcher
from dagger_actors.errors import StoreError
from dagger_actors.flow.machine.events import Grant
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.predicates import evaluate
from dagger_actors.flow.starts import Starts
from dagger_actors.flow.wanted import wanted_of

__all__ = ["Starter"]

logger = logging.getLogger("dagger_actors.flow")


class Starter:
    """Turns grants into actors.

    Args:
        work: The run's invocations; its outputs are read here.
        inputs: The run's inputs as JSON text by name.
        services: What body actors share.
        blocking: Gives threads to plain functions.
        io: The event loop.
        arm: Called when an attempt whose time is limited has passed the gate.
    """

    def __init__(
        self,
        work: Invocations,
        *,
        inputs: dict[str, bytes],
        services: BodyServices,
        blocking: Dispatcher,
        io: Dispatcher,
        arm: Callable[[BodyActor], None],
    ) -> None:
        self._work = work
        self._nodes = work.nodes
        self._services = services
        self._spawner = Spawner(services, blocking=blocking, io=io)
        self._arm = arm
        self._starts = Starts(work, inputs, services.artifacts.load)
        self._lists = self._starts.lists

    def prepare(self, grant: Grant, gate: Gate, tell: Callable[[bytes], None]) -> BodyActor:
        """Make the actor of a granted attempt, its start message in its mailbox, not yet scheduled."""
        node = self._nodes[grant.node]
        timeout_us = None if node.timeout_s is None else round(node.timeout_s * 1_000_000)
        order = Order(isolation=node.isolation, timeout_us=timeout_us, priority=-node.priority, arm=self._arm)
        return self._spawner.prepare(self._starts.start(grant.node, grant.item, grant.attempt), order, gate, tell)

    def restore_keys(self) -> None:
        """Find the keys of what has fanned out before."""
        self._starts.restore_keys()

    def expand(self, node: int) -> tuple[int, tuple[str, ...]] | ErrorDetail:
        """Read the list a mapped node goes over.

        Returns:
            Its length and its items' keys (none = their positions), or why there are none.
        """
        try:
            return self._lists.size(node), self._lists.keys(node)
        except (UnresolvedReference, StoreError) as error:
            return ErrorDetail("dagger_actors.MapFailed", str(error))

    def judge(self, node: int) -> bool | ErrorDetail:
        """Tell whether the ``when`` of a node holds, or why that cannot be told."""
        predicate = self._nodes[node].when
        assert predicate is not None
        try:
            return evaluate(predicate, self._lists.look_up)
        except (UnresolvedReference, IncomparableValues, StoreError) as error:
            return ErrorDetail("dagger_actors.WhenFailed", f"when: {error}")

    def wanted(self, node: int) -> Wanted | ErrorDetail:
        """Put together what a node awaits, or tell why it cannot be."""
        awaited = self._nodes[node].awaits
        assert awaited is not None
        return wanted_of(awaited, self._lists.look_up)
