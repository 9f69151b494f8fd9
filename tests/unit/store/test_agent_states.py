"""The rows of durable actors' states: whose they are, who may write them, and files from before there were any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.durable import FORMAT, Found
from dagger_actors.errors import OwnershipLost, StateOwned
from dagger_actors.store.agent_states import AgentStates
from dagger_actors.store.connection import open_writer
from dagger_actors.store.migrate import migrate, migrations
from dagger_actors.store.statements import sql

PATIENCE_S = 30.0

Open = Callable[..., ActorSystem]


def claim(system: ActorSystem, name: str = "c", initial: bytes = b"new") -> Found:
    told: ReplyFuture[Any] = ReplyFuture()
    states_of(system).claim(name, "m.C", initial, told.set)
    outcome = told.get(timeout=PATIENCE_S)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def put(system: ActorSystem, epoch: int, state: bytes, name: str = "c") -> None:
    told: ReplyFuture[Any] = ReplyFuture()
    states_of(system).put(name, "m.C", epoch, state, told.set)
    error = told.get(timeout=PATIENCE_S)
    if error is not None:
        raise error


def states_of(system: ActorSystem) -> AgentStates:
    return system._store.agent_states


@pytest.fixture
def first(open_system: Open) -> ActorSystem:
    return open_system()


@pytest.fixture
def second(open_system: Open) -> ActorSystem:
    return open_system()


def test_a_state_is_as_it_was_put_whatever_its_bytes(first: ActorSystem) -> None:
    """Law: a new one begins with what is given; from then on it is what was put last, each byte of it."""
    assert claim(first) == Found(state=b"new", format=FORMAT, epoch=1)
    put(first, 1, bytes(range(256)))
    assert claim(first, initial=b"other") == Found(state=bytes(range(256)), format=FORMAT, epoch=1)


def test_a_state_whose_owner_lives_is_not_to_be_had(first: ActorSystem, second: ActorSystem) -> None:
    """Law: the refusal names whose it is; once that one has left it, the next owner has the next epoch."""
    claim(first)
    put(first, 1, b"one")
    with pytest.raises(StateOwned) as refused:
        claim(second)
    assert refused.value.worker == first._store.worker_id
    states_of(first).release("c", 1)
    put(first, claim(first, "d").epoch, b"behind the release", "d")
    assert claim(second) == Found(state=b"one", format=FORMAT, epoch=2)


@pytest.mark.parametrize("way", ["leaves", "dies"])
def test_the_state_of_one_who_is_gone_is_for_the_next(first: ActorSystem, second: ActorSystem, way: str) -> None:
    """Law: in good order or not."""
    claim(first)
    put(first, 1, b"one")
    if way == "leaves":
        first.stop()
    else:
        first.abandon()
    assert claim(second) == Found(state=b"one", format=FORMAT, epoch=2)


def test_a_former_owner_writes_nothing_and_releases_nothing(first: ActorSystem, second: ActorSystem) -> None:
    """Law: owner and epoch are both expected, so what was taken over stays as its new owner has it."""
    claim(first)
    states_of(first).release("c", 1)
    put(first, claim(first, "d").epoch, b"x", "d")
    assert claim(second).epoch == 2
    with pytest.raises(OwnershipLost, match="'c'"):
        put(first, 1, b"old")
    states_of(first).release("c", 1)
    put(first, 1, b"y", "d")
    put(second, 2, b"two")
    with pytest.raises(StateOwned):
        claim(first)


def test_one_refused_state_takes_no_other_of_its_group_with_it(first: ActorSystem) -> None:
    """Law: states of a group are written in one statement; the one that is fenced off is refused alone."""
    epochs = [claim(first, str(number)).epoch for number in range(5)]
    told: list[ReplyFuture[Any]] = [ReplyFuture() for _ in epochs]
    for number, reply in enumerate(told):
        states_of(first).put(str(number), "m.C", 9 if number == 2 else 1, b"x", reply.set)
    outcomes = [reply.get(timeout=PATIENCE_S) for reply in told]
    assert [type(one) for one in outcomes] == [type(None), type(None), OwnershipLost, type(None), type(None)]


def test_a_file_of_the_former_schema_gets_the_table_and_keeps_its_rows(tmp_path: Path) -> None:
    """Law: a database from before there were durable actors is brought up to date when it is opened."""
    path = tmp_path / "runs.db"
    connection = open_writer(path)
    assert migrate(connection, path, steps=migrations()[:2]) == 2
    connection.execute("UPDATE id_ranges SET next = 41 WHERE name = 'worker'")
    connection.close()
    with ActorSystem(path) as system:
        assert system._store.worker_id == 41
        assert claim(system).epoch == 1
    looking = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert looking.pragma("user_version") == len(migrations()) >= 3
    assert looking.execute("SELECT name, class, version FROM agent_states").fetchall() == [("c", "m.C", 0)]
    looking.close()


def test_a_state_is_written_by_its_key(first: ActorSystem) -> None:
    """Law: a group's states are looked up one by one, however many rows there are."""
    connection = apsw.Connection(str(first.path), flags=apsw.SQLITE_OPEN_READONLY)
    for name in ("agent_states.put", "agent_states.release"):
        plan = " | ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql(name), ("[]",)))
        assert "SEARCH agent_states USING INDEX" in plan, plan
    connection.close()
