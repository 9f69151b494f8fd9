"""Orders the body actors of one run: puts their inputs together, and tells what their nodes want of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

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
from dagger_actors.flow.definition.predicates import evaluate
from dagger_actors.flow.machine.decisions import Grant
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.running.wanted import wanted_of
from dagger_actors.flow.stored.child_runs import FAILED, Parent, wanted_child
from dagger_actors.flow.stored.starts import Starts

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
        imports: Where the run's actions are, as JSON text.
        next_run_key: Gives a key for the run of a flow; None = more have to be reserved.
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
        imports: str,
        next_run_key: Callable[[], int | None],
        arm: Callable[[BodyActor], None],
    ) -> None:
        self._imports = imports
        self._next_run_key = next_run_key
        self._run_key: int | None = None
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

    def lacks_run_key(self, node: int) -> bool:
        """Tell whether a node runs a flow, and there is no key for that run yet."""
        if self._nodes[node].flow is None:
            return False
        if self._run_key is None:
            self._run_key = self._next_run_key()
        return self._run_key is None

    def wanted(self, node: int, item: int = -1) -> Wanted | ErrorDetail:
        """Put together what a node awaits, or tell why it cannot be; of one that runs a flow ``lacks_run_key`` was asked."""
        if self._nodes[node].flow is not None:
            return self._wanted_child(node, item)
        awaited = self._nodes[node].awaits
        assert awaited is not None
        return wanted_of(awaited, self._lists.look_up)

    def _wanted_child(self, node: int, item: int) -> Wanted | ErrorDetail:
        definition = self._nodes[node]
        values = {name: partial(self._lists.given, reference) for name, reference in definition.inputs}
        if definition.map is not None:
            values[definition.map.item] = partial(self._lists.given_item, node, item)
        run_key, self._run_key = self._run_key, None
        assert run_key is not None
        try:
            return wanted_child(Parent(self._work, self._imports), node, item, values, run_key)
        except StoreError as error:
            return ErrorDetail(FAILED, str(error))
