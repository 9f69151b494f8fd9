"""What a replayed attempt asks: it reads the database, and whatever it writes stays in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.backends import StepPlace
from dagger_actors.bodies.publications import PUBLISH, WantedMessage
from dagger_actors.bodies.shared import SHARED, StoredShared
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.messages import ArtifactRecord, Inline, Output, StartAttempt, Stored
from dagger_actors.core.protocols import Clock
from dagger_actors.errors import GrowthRefused, ReplayRefused
from dagger_actors.flow.actions.additions import GROW, WantedNodes
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import Places
from dagger_actors.flow.actions.run_cache import VALUE
from dagger_actors.flow.definition import FlowDefinition, Growth, SubFlow
from dagger_actors.flow.definition.inputs import declared_inputs
from dagger_actors.flow.loading.flow_outputs import action_of
from dagger_actors.flow.loading.growth import Added, Grown, read_growth
from dagger_actors.flow.loading.sub_flows import SubFlows
from dagger_actors.flow.machine.growth import beyond_iterations
from dagger_actors.store.reader import Readers

__all__ = ["MemoryArtifacts", "MemorySteps", "NoResources", "ReplayOwner"]

_wanted_message = msgspec.msgpack.Decoder(WantedMessage)
_wanted_nodes = msgspec.msgpack.Decoder(WantedNodes)
_run_and_key = msgspec.msgpack.Decoder(tuple[int, str])
_encode = msgspec.msgpack.Encoder().encode


class MemoryArtifacts:
    """Implements ``bodies.artifact_source.ArtifactSource``.

    Args:
        load: Reads a stored artifact's content.
    """

    def __init__(self, load: Callable[[str], bytes]) -> None:
        self._load = load
        self._made: dict[str, bytes] = {}

    def prepare(self, data: bytes, *, kind: str, media_type: str, name: str = "") -> ArtifactRecord:
        """Keep an artifact."""
        artifact_id = hashlib.sha256(data).hexdigest()
        self._made[artifact_id] = data
        return ArtifactRecord(artifact_id, kind, media_type, len(data), "inline", "", data, name)

    def load(self, artifact_id: str) -> bytes:
        """Read an artifact's content, kept here or stored."""
        made = self._made.get(artifact_id)
        return self._load(artifact_id) if made is None else made

    def content(self, record: ArtifactRecord) -> bytes:
        """Read what was kept here."""
        return self._made[record.artifact_id]


class MemorySteps:
    """Implements ``bodies.backends.StepSource``: what is stored is not taken again.

    Attributes:
        taken: The steps that were taken anew, by name.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self.taken: dict[str, Output] = {}

    def find(self, place: StepPlace, name: str) -> Output | None:
        """Look for a result."""
        if name in self.taken:
            return self.taken[name]
        rows = self._readers.query("read.step", place.run_key, place.node, place.item, name)
        if not rows:
            return None
        output, artifact_id, kind, size_bytes = rows[0]
        return Inline(output.encode()) if output is not None else Stored(artifact_id, kind, size_bytes)

    def keep(self, _place: StepPlace, name: str, output: Output, _artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """Keep a result."""
        self.taken[name] = output
        return output

    async def afind(self, place: StepPlace, name: str) -> Output | None:
        """``find``, without blocking the loop."""
        return await asyncio.to_thread(self.find, place, name)

    async def akeep(self, place: StepPlace, name: str, output: Output, artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """``keep``; nothing blocks."""
        return self.keep(place, name, output, artifacts)


class NoResources:
    """Implements ``bodies.backends.ResourceSource`` where nobody has said how to make any.

    Args:
        start: The attempt.
    """

    def __init__(self, start: StartAttempt) -> None:
        self._start = start

    def get(self, kind: type) -> Any:
        """Refuse.

        Raises:
            ReplayRefused: Always.
        """
        name = kind.__qualname__ if isinstance(kind, type) else repr(kind)[:100]
        start = self._start
        reason = f"it asks for the resource {name}, and nothing here says how to make one"
        advice = "name the mapping that your program gives ActorSystem(resources=...): --resources FILE.py:NAME"
        raise ReplayRefused(start.run_id, start.node_id, start.invocation_key, reason, advice)


class ReplayOwner:
    """Implements ``bodies.backends.OwnerSource``.

    Args:
        readers: The database.
        definition: That of the run.
        registry: Its actions.
        node: Position of the node whose attempt is made again.
        places: Where they are.
        flows: Finds the flows that nodes run which it adds.
        clock: The time: what has expired of the shared state is not there any more.
    """

    def __init__(
        self,
        readers: Readers,
        definition: FlowDefinition,
        registry: ActionRegistry,
        node: int,
        places: Places,
        flows: SubFlows,
        *,
        clock: Clock,
    ) -> None:
        self._shared = StoredShared(readers.query, lambda: clock.now().wall_us)
        self._flows = flows
        self._node = node
        self._places = places
        self._readers = readers
        self._definition = definition
        self._registry = registry
        self._added = Added(len(definition.nodes))

    def ask(self, question: str, arguments: bytes) -> bytes:
        """Answer as the process does that has the run open; a message is judged by nobody.

        Raises:
            GrowthRefused: Nodes cannot be added.
            LookupError: It does not know the question.
        """
        if question == VALUE:
            rows = self._readers.query("read.run_value", *_run_and_key.decode(arguments))
            return _encode(rows[0][0].encode() if rows else None)
        if question == PUBLISH:
            wanted = _wanted_message.decode(arguments)
            return _encode(NewMessage(str(wanted.channel), wanted.class_name, wanted.payload.decode()))
        if question == SHARED:
            return self._shared.answer(arguments)
        if question == GROW:
            return _encode(self._grown(_wanted_nodes.decode(arguments)))
        raise LookupError(f"nobody answers {question!r}")

    def _runs(self, spec: SubFlow, added: Mapping[str, str]) -> Action:
        body = added.get(spec.definition_id) or self._definition.flows[spec.definition_id]
        return action_of(spec, body, self._places, self._registry)

    def _grown(self, wanted: WantedNodes) -> Growth:
        definition = self._definition
        if told := beyond_iterations(definition.nodes[self._node], definition.config):
            raise GrowthRefused(told)
        again: set[int] = set()  # what it added the first time, and what those added, is not there yet
        for at, node in enumerate(definition.nodes):
            if node.added_by is not None and (node.added_by == self._node or node.added_by in again):
                again.add(at)
        positions = {node.id: at for at, node in enumerate(definition.nodes) if at not in again}
        run = Grown(
            nodes=definition.nodes,
            positions=positions,
            count=len(definition.nodes),
            inputs=declared_inputs(definition),
            config=definition.config,
            registry=self._registry,
            flows=self._flows,
            runs=self._runs,
        )
        nodes = tuple(read_growth(run, msgspec.json.decode(wanted.nodes), self._added))
        return Growth(base=self._added.base, nodes=nodes, flows=self._added.flows)
