"""One member of one group at work: shifts are given to it by hand, on the threads and the loop of a system."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from dagger_actors import ActorSystem
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.stored_tables import StoredTables
from dagger_actors.core.messages import Progressed
from dagger_actors.core.turns import Delivered, Handled, ShiftEnded, StartShift, StartTurn, TurnEffects, decode_told
from dagger_actors.pubsub.outgoing.encoding import TypedMessages
from dagger_actors.pubsub.subscribers.registry import Member, Members
from dagger_actors.pubsub.turns.activations import Activations
from dagger_actors.pubsub.turns.body import AnyShift
from dagger_actors.pubsub.turns.desk import Desk, TurnServices
from dagger_actors.pubsub.turns.sources import Bridges
from dagger_actors.pubsub.turns.starter import ShiftStarter

GROUP_KEY = 5


class Note(msgspec.Struct, frozen=True):
    question: str
    stars: int = 0


class Answer(msgspec.Struct, frozen=True):
    text: str


class Flush(msgspec.Struct, frozen=True):
    why: str = ""


class Draft(msgspec.Struct):
    notes: list[str] = []


class Typed:
    """Knows what each channel takes."""

    def __init__(self, channels: Mapping[str, Sequence[Any]]) -> None:
        self._channels = {
            name: TypedMessages(name, {getattr(kind, "__name__", ""): kind for kind in kinds})
            for name, kinds in channels.items()
        }

    def is_ephemeral(self, channel: str) -> bool:
        return False

    def encode(self, channel: str, message: object) -> tuple[str, str]:
        return self._channels[channel].encode(message)


CHANNELS = {"answers": [Answer], "notes": [Note], "log": [str], "many": [list[int]], "any": []}


class States:
    """The states of a group in the file; counts how often it is asked."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.reads: list[tuple[str, ...]] = []

    def load(self, group_key: int, keys: Sequence[str]) -> dict[str, bytes]:
        assert group_key == GROUP_KEY
        self.reads.append(tuple(keys))
        return {key: self.rows[key] for key in keys if key in self.rows}


class Notebook:
    """Keeps steps by their place."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def find(self, place: Any, name: str) -> Any:
        return self.kept.get((place.run_key, place.item, name))

    def keep(self, place: Any, name: str, output: Any, artifacts: Any) -> Any:
        return self.kept.setdefault((place.run_key, place.item, name), output)

    async def afind(self, place: Any, name: str) -> Any:
        return self.find(place, name)

    async def akeep(self, place: Any, name: str, output: Any, artifacts: Any) -> Any:
        return self.keep(place, name, output, artifacts)


NO_BRIDGES = Bridges()


class Nobody:
    def ask(self, question: str, arguments: bytes) -> bytes:
        raise LookupError(question)


class AtWork:
    """The member, its states and what its bodies have told."""

    def __init__(
        self,
        system: ActorSystem,
        agent: Any,
        *,
        bridges: Bridges = NO_BRIDGES,
        group_key: int = GROUP_KEY,
        source: Any = None,
        steps: Any = None,
        worker: int = 1,
        **limits: int,
    ) -> None:
        self.system = system
        runtime, store, gates = system._runtime, system._store, system._gates
        self.clock = runtime.clock
        members = Members()
        member: Member = members.add(agent)
        self.kind = member.kind
        self.states, self.steps = States(), Notebook()
        group = next(iter(member.groups.values()))
        self.activations = Activations(
            member.make,
            member.kind.codec,
            group=group,
            group_key=group_key,
            source=source or self.states,
            clock=self.clock,
            **limits,
        )
        services = TurnServices(
            publisher=Typed(CHANNELS),
            bridges=bridges,
            artifacts=RunArtifacts(store.artifacts, store.load_artifact),
            backends=Backends(
                steps=steps or self.steps, resources=system._base.resources, tables=StoredTables(store), owner=Nobody()
            ),
            clock=self.clock,
            home=store.home,
            is_refusing=gates.is_refusing,
            worker=worker,
        )
        self.desks = {
            name: Desk(
                services,
                name,
                group=group,
                group_key=group_key,
                member=member.name,
                handler=one.handler,
                timers=member.kind.timers,
                activations=self.activations,
            )
            for name, one in member.subscriptions.items()
        }
        self.starter = ShiftStarter(runtime=runtime, gates=gates, desks=self.desks, on_started=lambda: None)
        self.told: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.progress: list[Progressed] = []
        self._shifts = itertools.count(1)
        self._only = next(iter(self.desks))

    def begin(
        self, turns: Iterable[StartTurn], subscription: str = "", *, is_ephemeral: bool = False, **options: Any
    ) -> AnyShift:
        start = StartShift(next(self._shifts), subscription or self._only, tuple(turns), is_ephemeral)
        body = self.starter.prepare(start, self.told.put, **options)
        self.starter.gates[start.subscription].offer([body.ticket])
        return body

    def ended(self) -> ShiftEnded:
        while True:
            message = decode_told(self.told.get(timeout=30))
            if isinstance(message, ShiftEnded):
                return message
            self.progress.append(message)

    def take(self, *turns: StartTurn, subscription: str = "") -> list[Any]:
        """Take a shift; gives the outcomes of its turns."""
        body = self.begin(turns, subscription)
        ended = self.ended()
        self.starter.gates[subscription or self._only].forget(body.ticket)
        assert len(ended.ends) == len(turns)
        assert all(one.started_us <= one.finished_us for one in ended.ends)
        return [one.outcome for one in ended.ends]

    def commit(self, turns: Iterable[StartTurn], outcomes: Iterable[Any]) -> None:
        """Write the states into the file, as the unit of these turns does."""
        changed = [
            (turn.key, outcome.effects.state)
            for turn, outcome in zip(turns, outcomes, strict=True)
            if isinstance(outcome, Handled) and outcome.effects.state is not None
        ]
        self.states.rows |= dict(changed)
        self.activations.committed(key for key, _ in changed)


def delivered(
    message: object, offset: int = 0, *, channel: str = "notes", kind: str | None = None, **facts: Any
) -> Delivered:
    payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
    name = type(message).__name__ if kind is None else kind
    return Delivered(9, offset, channel, name, payload, 1_000, **facts)


def turn(message: object, key: str = "", offset: int = 0, **facts: Any) -> StartTurn:
    return StartTurn(key, (delivered(message, offset, **facts),))


def effects(outcome: Any) -> TurnEffects:
    assert isinstance(outcome, Handled), outcome
    return outcome.effects


def published(outcome: Any) -> list[tuple[str, str, Any]]:
    return [(one.channel, one.type, msgspec.json.decode(one.payload)) for one in effects(outcome).published]


def state(outcome: Any) -> Any:
    data = effects(outcome).state
    return None if data is None else msgspec.msgpack.decode(data)


Check = Callable[[], bool]
