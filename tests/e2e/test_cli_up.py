"""``up``: a system file runs, is seen, is stopped; the example system does what it says."""

from __future__ import annotations

import signal

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, DefinitionError, SystemFailed
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
