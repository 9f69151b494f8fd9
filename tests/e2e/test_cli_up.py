"""``up``: a system file runs, is seen, is stopped; the example system does what it says."""

from __future__ import annotations

import signal

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, DefinitionError, SystemFailed
from dagger_actors.errors import SupervisorGaveUp
from dagger_actors.pubsub.verbs.channels import Channels
from dagger_actors.testing.simulation import simulate

SYSTEM = """
system: small
agents:
  - {id: counter, class: "small.py:Counter"}
"""
AGENTS = """
import msgspec
from dagger_actors import Actor, ActorContext, handler

class Tick(msgspec.Struct, frozen=True):
    pass

class Counter(Actor):
    def started(self, ctx: ActorContext) -> None:
        ctx.timers.every("tick", 0.01, Tick())
        print("up", flush=True)

    @handler
    def tick(self, _tick: Tick) -> None:
        pass

class Failing(Actor):
    def started(self, ctx: ActorContext) -> None:
        ctx.timers.once("tick", 0.01, Tick())

    @handler
    def tick(self, _tick: Tick) -> None:
        raise ValueError("no")
"""


@pytest.fixture
def small(program):
    (program.folder / "small.yaml").write_text(SYSTEM)
    (program.folder / "small.py").write_text(AGENTS)
    return program


def test_a_system_runs_until_it_is_stopped(small):
    """Law: the first Ctrl-C stops it in good order, and the last line says what it did."""
    process = small.start("up", "small.yaml")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "small.yaml: 1 actor, " in told


def test_a_system_whose_root_gives_up_ends_with_1_and_the_reason(small):
    """Law: more failures than its supervision tolerates end the command."""
    (small.folder / "small.yaml").write_text(SYSTEM.replace("Counter", "Failing"))
    done = small("up", "small.yaml")
    assert done.returncode == 1
    assert "the system has stopped" in done.stderr


def test_mistakes_are_told_before_anything_runs(small):
    """Law: every mistake with its place, and status 2."""
    (small.folder / "small.yaml").write_text(SYSTEM.replace("Counter", "Countr") + "  - {id: counter, clas: x}\n")
    done = small("up", "small.yaml")
    assert done.returncode == 2
    for word in ("Did you mean 'Counter'", "small.yaml:4", "small.yaml:5", "clas"):
        assert word in done.stderr, done.stderr


DESK = """
system: desk
channels: {orders: {type: "desk.py:Order"}}
agents:
  - {id: desk, class: "desk.py:Desk"}
"""
SUBSCRIBERS = """
import msgspec
from dagger_actors import Subscriber, subscribe

class Order(msgspec.Struct, frozen=True):
    cents: int

class Desk(Subscriber):
    @subscribe("orders", try_count=1)
    def bill(self, order: Order) -> None:
        if order.cents < 0:
            raise ValueError("nothing to pay")
"""


@pytest.fixture
def desk(typed):
    """A system of one subscriber, to which two good messages and a bad one were published."""
    (typed.folder / "desk.yaml").write_text(DESK)
    (typed.folder / "desk.py").write_text(SUBSCRIBERS)
    (typed.folder / "orders.jsonl").write_text('{"cents": 1}\n{"cents": -1}\n{"cents": 2}\n')
    assert typed("publish", "orders", "@orders.jsonl", "--import", "desk.py")[0] == 0
    return typed


UP = ("up", "desk.yaml", "--db", "dagger.db", "--until-rest")


def test_subscriptions_run_until_rest_and_their_report_is_a_table_and_json(desk):
    """Law: what is published already is taken, what waits is waited for, and each subscription says what it did."""
    report = desk.json(*UP)
    assert (report["system"], report["ended"], report["actors"], report["agents"]) == ("desk.yaml", "rest", [], [])
    (row,) = report["subscriptions"]
    expected = {
        "handled": 2,
        "retried": 0,
        "dead": 1,
        "published": 0,
        "lost": 0,
        "lag": 0,
        "in_hand": 0,
        "dead_letters": 1,
    }
    assert row == {"subscription": "desk.bill", "agents": ["desk"], **expected, "is_paused": False}
    assert desk("publish", "orders", '{"cents": 3}')[0] == 0
    status, out, told = desk(*UP)
    assert (status, out) == (0, "")
    line, head, row = [one for one in told.splitlines() if "desk" in one or "lag" in one]
    assert line.endswith("; channels: 1 subscription, 1 handled, 0 failed, lag 0, 1 dead letter")
    assert head.split() == [
        "subscription",
        "lag",
        "in",
        "hand",
        "handled/s",
        "handled",
        "failed",
        "dead",
        "letters",
        "state",
    ]
    words = row.split()
    assert [words[at] for at in (0, 1, 2, 4, 5, 6)] == ["desk.bill", "0", "0", "1", "0", "1"]


def test_what_is_paused_is_not_waited_for_and_the_status_says_so(desk):
    """Law: status 3, and the command that goes on."""
    assert desk(*UP)[0] == 0
    assert desk("subscriptions", "pause", "desk.bill")[0] == 0
    assert desk("publish", "orders", '{"cents": 3}')[0] == 0
    status, _, told = desk(*UP)
    assert status == 3
    assert "desk.bill is paused, and has messages left" in told
    assert "next: dagger-actors subscriptions resume desk.bill --db dagger.db" in told
    assert desk("subscriptions", "resume", "desk.bill")[0] == 0
    assert desk.json(*UP)["subscriptions"][0]["handled"] == 1


def test_a_member_that_gives_up_ends_it_with_1_and_the_reason(desk, monkeypatch):
    """Law: with and without --until-rest; the report so far is told."""
    failure = SupervisorGaveUp("desk", 3, 5.0, "a fault")
    monkeypatch.setattr(Channels, "failure", failure)
    for words in (UP, UP[:-1]):
        status, _, told = desk(*words)
        assert status == 1
        assert str(failure).splitlines()[0] in " ".join(told.split())
        assert "desk.bill" in told


def test_the_shop_serves_its_customers_and_ends_at_rest(program, repository):
    """Law: the example runs from the command line as its first line says; each seventh order fails its pricer."""
    done = program("up", str(repository / "specs/shop.yaml"), "--until-rest")
    assert done.returncode == 0, done.stderr
    assert "0 queued, 0 undelivered, 14 restarts" in done.stderr


def test_the_audit_of_the_shop_goes_on_from_one_run_to_the_next(program, repository):
    """Law: with the same --db a durable actor has the state of the last commit, and a second one beside it is refused."""
    for runs in (1, 2):
        done = program("up", str(repository / "specs/shop.yaml"), "--db", "shop.db", "--until-rest")
        assert done.returncode == 0, done.stderr
        connection = apsw.Connection(str(program.folder / "shop.db"), flags=apsw.SQLITE_OPEN_READONLY)
        rows = connection.execute("SELECT name, state FROM agent_states").fetchall()
        connection.close()
        ledgers = {name: msgspec.msgpack.decode(state) for name, state in rows}
        assert list(ledgers) == ["audit"]
        assert ledgers["audit"]["orders"] == runs * 86
    with ActorSystem.from_spec(repository / "specs/shop.yaml", program.folder / "shop.db"):
        done = program("up", str(repository / "specs/shop.yaml"), "--db", "shop.db", "--until-rest")
    assert done.returncode == 1
    assert "the durable actor 'audit'" in done.stderr


def test_the_shop_in_virtual_time(repository):
    """Law: the test kit plays a whole system file, and the sums are right whatever the order of turns."""
    from importlib import import_module

    for seed in range(5):
        with simulate(seed) as sim:
            system = sim.system(spec=repository / "specs/shop.yaml")
            totals = import_module(system.actors["audit"].actor_class.__module__).Totals()
            sim.run()
            turnover = system.actors["audit"].ask(totals)
            expected = sum(1.2 * (visit % 7) for visit in range(1, 101))
            assert sum(turnover.values()) == pytest.approx(expected)


def test_a_file_that_cannot_run_opens_no_system(tmp_path):
    """Law: from Python the same mistakes are one error, and nothing is left open."""
    (tmp_path / "bad.yaml").write_text("system: bad\nagents: []\n")
    with pytest.raises(DefinitionError, match="agents"):
        ActorSystem.from_spec(tmp_path / "bad.yaml")


def test_leaving_a_failed_system_raises(tmp_path):
    """Law: ``with`` tells that the root gave up."""
    (tmp_path / "small.py").write_text(AGENTS)
    (tmp_path / "small.yaml").write_text(SYSTEM.replace("Counter", "Failing"))
    with simulate(1) as sim:
        system = sim.system(spec=tmp_path / "small.yaml")
        sim.run()
        assert isinstance(system.actors.failure, SystemFailed)
