"""Whoever orders attempts has its contexts, its steps and its ways to end, wherever a body runs; flows know none of them."""

from __future__ import annotations

import queue
from types import SimpleNamespace

import msgspec
import pytest

from dagger_actors import ActorSystem, DefinitionError, RunFailed, action
from dagger_actors.bodies.actions import action_of
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.spawner import Order, Spawner
from dagger_actors.bodies.stored_tables import StoredTables
from dagger_actors.bodies.suspend import Suspend
from dagger_actors.core.messages import (
    A_TASK,
    Failed,
    Inline,
    StartAttempt,
    Succeeded,
    Suspended,
    decode_ended,
    is_end,
)
from dagger_actors.flow.running.left_behind import LeftBehind
from dagger_actors.store.slot_records import SlotRecord
from tests.unit.bodies import errands

BODIES = (
    errands.tell,
    errands.tell_on_the_loop,
    errands.wait,
    errands.wait_on_the_loop,
    errands.Runner,
    errands.AsyncRunner,
)
PLACES = pytest.mark.parametrize(("suffix", "isolation"), [("", ""), ("_on_the_loop", ""), ("", "process")])


class Notebook:
    """Keeps steps by their whole place."""

    def __init__(self):
        self.kept = {}

    def find(self, place, name):
        return self.kept.get((place, name))

    def keep(self, place, name, output, artifacts):
        return self.kept.setdefault((place, name), output)

    async def afind(self, place, name):
        return self.find(place, name)

    async def akeep(self, place, name, output, artifacts):
        return self.keep(place, name, output, artifacts)


class Greeter:
    def ask(self, question, arguments):
        if question != "greeting":
            raise LookupError(question)
        return msgspec.msgpack.encode(f"hello {msgspec.msgpack.decode(arguments)}")


class Errands:
    """Orders attempts, one at a time."""

    def __init__(self, system):
        runtime, store, gates = system._runtime, system._store, system._gates
        self.steps = Notebook()
        self.told = queue.SimpleQueue()
        services = BodyServices(
            actions={body.__name__: action_of(body, body.__name__) for body in BODIES},
            context=errands.ErrandContext,
            artifacts=RunArtifacts(store.artifacts, store.load_artifact),
            clock=runtime.clock,
            is_refusing=gates.is_refusing,
            backends=Backends(
                steps=self.steps, resources=system._base.resources, tables=StoredTables(store), owner=Greeter()
            ),
            home=store.home,
            with_maker=lambda error, _key: error,
            pool=system._base.pool,
        )
        self.spawner = Spawner(services, blocking=runtime.blocking, io=runtime.io)
        self.gate = gates.open(7, limit=2, on_started=lambda: None)

    def run(self, body, isolation="", attempt=1, **inputs):
        given = tuple((name, Inline(msgspec.json.encode(value))) for name, value in inputs.items())
        start = StartAttempt(7, A_TASK, 3, attempt, "e1", "", "", body, given, owner=1, epoch=3)
        order = Order(isolation=isolation, timeout_us=None, priority=0, arm=lambda _actor: None)
        actor = self.spawner.prepare(start, order, self.gate, self.told.put)
        self.gate.offer([actor.ticket])
        while not is_end(told := self.told.get(timeout=60)):
            pass
        self.gate.forget(actor.ticket)
        ended = decode_ended(told)
        assert (ended.run_key, ended.node, ended.item, ended.attempt) == (7, A_TASK, 3, attempt)
        if isinstance(ended.outcome, Failed):
            self.gate.release()
        return ended.outcome


@pytest.fixture
def owner(tmp_path):
    with ActorSystem(tmp_path / "errands.db") as system:
        yield Errands(system)


@PLACES
def test_a_body_gets_the_context_of_its_owner_wherever_it_runs(owner, suffix, isolation):
    """Law: the class is the owner's, and what only the owner knows is answered in its process."""
    outcome = owner.run(f"tell{suffix}", isolation, attempt=2, name="Ada")
    assert isinstance(outcome, Succeeded), outcome
    assert msgspec.json.decode(outcome.output.json) == {"key": "errand e1", "greeting": "hello Ada", "attempt": 2}


@PLACES
def test_a_body_that_waits_ends_as_suspended_with_what_it_has_done(owner, suffix, isolation):
    """Law: its turn travels with its end, its steps are kept at the place the start gave, and the gate is not held."""
    for attempt in (1, 2):
        outcome = owner.run(f"wait{suffix}", isolation, attempt=attempt)
        assert isinstance(outcome, Suspended), outcome
        assert [(one.name, one.data) for one in outcome.turn.artifacts] == [("so far", b"half")]
    ((place, name),) = owner.steps.kept
    assert (name, place.run_key, place.node, place.item, place.owner, place.epoch) == ("first", 7, A_TASK, 3, 1, 3)
    assert isinstance(owner.run("tell", name="next"), Succeeded)


@pytest.mark.parametrize("isolation", ["", "process"])
@pytest.mark.parametrize("kind", [errands.Runner, errands.AsyncRunner])
def test_a_class_that_offers_an_action_is_a_body_too(owner, kind, isolation):
    """Law: a worker process imports the class and asks it for the action, as its owner did."""
    outcome = owner.run(kind.__name__, isolation, name="Ada")
    assert isinstance(outcome, Succeeded), outcome
    assert msgspec.json.decode(outcome.output.json) == f"{kind.__name__} runs e1 for Ada"


@action
def gives_up():
    raise Suspend


@action
async def gives_up_on_the_loop():
    raise Suspend


@PLACES
def test_nothing_suspends_a_node_of_a_flow(tmp_path, suffix, isolation):
    """Law: what no owner asked for is a failure like any other."""
    node = {"id": "a", "action": f"gives_up{suffix}", **({"isolation": isolation} if isolation else {})}
    with ActorSystem(tmp_path / "f.db", actions=[gives_up, gives_up_on_the_loop]) as system:
        run = system.flows.start({"name": "f", "nodes": [node]})
        with pytest.raises(RunFailed, match="Suspend"):
            run.result(60)


def test_a_flow_refuses_a_body_that_wants_another_owner_s_context(tmp_path):
    """Law: a context of another kind would lack what the body asks of it; said before anything runs."""
    with pytest.raises(DefinitionError, match="a context of another kind") as refused:
        ActorSystem(tmp_path / "f.db", actions=[errands.tell])
    assert "It is given a Context here." in str(refused.value)


def test_what_a_dead_worker_did_for_a_task_is_no_run_s_business():
    """Law: a task may have the integer key of a run."""
    fields = {"run_key": 7, "item": -1, "attempt": 1, "started_us": 1, "payload": None, "has_begun": True}
    records = [SlotRecord(node=0, **fields), SlotRecord(node=A_TASK, **fields)]
    dead = SimpleNamespace(worker_id=2)
    membership = SimpleNamespace(is_gone=lambda _worker: True, records_of=lambda _worker: records)
    store = SimpleNamespace(membership=membership, workers=lambda: {2: dead})
    crashed, unbegun, ends = LeftBehind(store).of(2, 7)
    assert (crashed, unbegun, ends) == (frozenset({(0, -1, 1)}), frozenset(), [])
