"""Makes the node actors of one run: puts their inputs together, encodes their start, gives them a ticket for the gate."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.gate import Gate, Ticket
from dagger_actors.core.messages import ErrorDetail, Gathered, Inline, StartAttempt, Stored, Value, encode
from dagger_actors.core.protocols import Dispatcher
from dagger_actors.errors import StoreError
from dagger_actors.flow.definition import MapSpec, NodeDefinition
from dagger_actors.flow.machine.events import Grant
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.node import FOR_LOOP, FOR_THREADS, LoopNode, NodeActor, NodeServices, ThreadNode
from dagger_actors.flow.values import UnresolvedReference, Values, pick, take_apart

__all__ = ["Starter"]

_list = msgspec.json.Decoder(list[msgspec.Raw])


class Starter:
    """Turns grants into actors.

    Args:
        work: The run's invocations; its outputs are read here.
        inputs: The run's inputs as JSON text by name.
        services: What node actors share.
        blocking: Gives threads to plain functions.
        io: The event loop.
        arm: Called when an attempt whose time is limited has passed the gate.
    """

    def __init__(
        self,
        work: Invocations,
        *,
        inputs: dict[str, bytes],
        services: NodeServices,
        blocking: Dispatcher,
        io: Dispatcher,
        arm: Callable[[NodeActor], None],
    ) -> None:
        self._nodes = work.definition.nodes
        self._identity = work.identity
        self._values = Values(work.definition, inputs, work.outputs)
        self._services = services
        self._blocking = blocking
        self._io = io
        self._arm = arm
        self._items: dict[int, list[Value]] = {}

    def prepare(self, grant: Grant, gate: Gate, tell: Callable[[bytes], None]) -> NodeActor:
        """Make the actor of a granted attempt, its start message in its mailbox, not yet scheduled."""
        position, item, attempt = grant.node, grant.item, grant.attempt
        node = self._nodes[position]
        action = self._services.registry.get(node.action)
        is_thread = action is None or not action.is_async
        inside = self._blocking if is_thread else self._io
        kind: type[NodeActor]
        kind, dispatcher = (ThreadNode, FOR_THREADS) if is_thread else (LoopNode, FOR_LOOP)
        is_process = node.isolation == "process" and self._services.pool is not None
        if is_process:
            kind, dispatcher, inside, is_thread = self._process_node(), FOR_THREADS, self._in_processes(), False
        timeout_us = None if node.timeout_s is None else round(node.timeout_s * 1_000_000)
        actor = kind(self._services, gate, tell, timeout_us)
        # Held: the gate gives it its one turn.
        inbox = actor.actor_inbox
        inbox.bind_held(actor, dispatcher, Envelope(encode(self._start(node, position, item, attempt))))
        run_key = self._identity.run_key
        ticket = actor.ticket = Ticket(
            run_key, position, item, attempt, inbox, inside, is_thread=is_thread, is_process=is_process
        )
        if timeout_us is not None:
            ticket.on_admit = lambda _ticket: self._arm(actor)
        return actor

    def _process_node(self) -> type[NodeActor]:
        # Loaded with the first such node: without one, nothing of processes is paid for.
        from dagger_actors.flow.processes.node import ProcessNode  # noqa: PLC0415

        return ProcessNode

    def _in_processes(self) -> Dispatcher:
        assert self._services.pool is not None
        return self._services.pool.get().dispatcher

    def _start(self, node: NodeDefinition, position: int, item: int, attempt: int) -> StartAttempt:
        identity = self._identity
        problem = ""
        inputs: list[tuple[str, Value]] = []
        try:
            inputs = [(name, self._values.resolve(reference)) for name, reference in node.inputs]
            if node.map is not None:
                inputs.append((node.map.item, self._items_of(position, node.map)[item]))
        except (UnresolvedReference, StoreError) as error:
            problem = str(error)
        return StartAttempt(
            identity.run_key,
            position,
            item,
            attempt,
            identity.run_id,
            node.id,
            str(item) if item >= 0 else "",
            node.action,
            tuple(inputs),
            node.outputs,
            problem,
        )

    def count_items(self, node: int) -> int | ErrorDetail:
        """Read the list a mapped node goes over.

        Returns:
            Its length, or why there is none.
        """
        spec = self._nodes[node].map
        assert spec is not None
        try:
            return len(self._items_of(node, spec))
        except (UnresolvedReference, StoreError) as error:
            return ErrorDetail("dagger_actors.MapFailed", str(error))

    def _items_of(self, node: int, spec: MapSpec) -> list[Value]:
        items = self._items.get(node)
        if items is None:
            items = self._items[node] = self._read_items(self._values.resolve(spec.over))
        return items

    def _read_items(self, value: Value) -> list[Value]:
        match value:
            case Gathered(items=items):
                return list(items)
            case Inline(json=text):
                pass
            case Stored():
                if value.kind == "bytes":
                    raise UnresolvedReference("map.over leads to bytes, not to a list")
                text = self._services.artifacts.load(value.artifact_id)
                if value.key is not None:
                    text = pick(take_apart(text, "map.over"), value.key, "map.over")
        try:
            return [Inline(bytes(item)) for item in _list.decode(text)]
        except msgspec.DecodeError as error:
            raise UnresolvedReference("map.over leads to something that is no list") from error
