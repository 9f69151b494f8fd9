"""FAULTS 15 for subscribers: what a handler does to itself, its thread or its process harms no other message."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, Channel
from tests.crash import bad_subscribers
from tests.crash.bad_subscribers import CHANNELS, PATIENCE_S, InBatches, OnAThread, OnTheLoop, Order, Result
from tests.crash.stage import REPOSITORY

RAISES = ("exits", "interrupts", "generator exit", "cancelled")
HARMLESS = ("floods",)


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """What never ends ends with the test."""
    bad_subscribers.never.clear()
    yield
    bad_subscribers.never.set()


def rest(system: ActorSystem) -> None:
    system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)


@pytest.mark.parametrize("agent", [OnAThread, OnTheLoop])
def test_whatever_a_handler_does_its_own_message_alone_is_given_up(
    tmp_path: Path, agent: type, capfd: pytest.CaptureFixture[str]
) -> None:
    """Law: exits, interrupts and what never ends are failures with an error; the states of all keys are as if it never was."""
    hows = ["fine", *(how for bad in (*RAISES, *HARMLESS) for how in (bad, "fine"))]
    with ActorSystem(tmp_path / "a.db", agents=[agent], channels=CHANNELS) as system:
        for who in ("a", "b"):
            system.channels.publish("late", Order(who, "never ends"))
            system.channels.publish_many("orders", [Order(who, how) for how in hows])
        system.channels.publish_many("orders", [Order("c", "fine")] * 10)
        rest(system)
        letters = system.channels.dead_letters()
        assert sorted((one.key, one.reason) for one in letters) == [
            (who, "failed") for who in "ab" for _ in (*RAISES, "never ends")
        ]
        assert all(letter.error for letter in letters)
        kept = {"orders": [how for how in hows if how not in RAISES]}
        group = system.channels.subscriptions()[0].group
        assert [system.channels.state(group, who) for who in "ab"] == [kept, kept]
        assert system.channels.state(group, "c") == {"orders": ["fine"] * 10}
        bad_subscribers.never.set()
    assert capfd.readouterr().out.count("x" * 10_000) == 2 * 200


def test_a_handler_that_holds_the_interpreter_is_late_and_no_more(tmp_path: Path) -> None:
    """Law: whoever waits for the interpreter goes on behind it; its own message is late, and given up."""
    with ActorSystem(tmp_path / "a.db", agents=[OnAThread], channels=CHANNELS) as system:
        system.channels.publish("late", Order("a", "holds the interpreter"))
        system.channels.publish_many("orders", [Order("b", "fine")] * 10)
        rest(system)
        group = system.channels.subscriptions()[0].group
        assert system.channels.state(group, "b") == {"orders": ["fine"] * 10}


@pytest.mark.parametrize("wish", ["an object", "a lone surrogate", "a cycle"])
def test_a_result_that_nobody_can_store_fails_its_turn_by_name(tmp_path: Path, wish: str) -> None:
    """Law: the one that returned it is given up with an error, and those behind it are handled."""
    channels = [Channel("wishes", str), Channel("results")]
    with ActorSystem(tmp_path / "a.db", agents=[Result], channels=channels) as system:
        system.channels.publish_many("wishes", ["fine", wish, "fine"])
        rest(system)
        (letter,) = system.channels.dead_letters()
        assert (letter.offset, letter.reason) == (1, "fatal")
        assert letter.error
        assert [one.message for one in system.channels.read("results")] == ["fine", "fine"]


WORKER = """
import sys
from dagger_actors import ActorSystem
from tests.crash import bad_subscribers
from tests.crash.bad_subscribers import CHANNELS, Order

db, schema, agent, *how = sys.argv[1:]
with ActorSystem(db, agents=[getattr(bad_subscribers, agent)], channels=CHANNELS, schema=schema) as system:
    if how:
        orders = [Order("a", "fine"), Order("a", "fine"), Order("a", *how), Order("a", "fine"), Order("b", "fine")]
        system.channels.publish_many("orders", orders)
    system._runtime.wait(system._paradigms.channel_hub.rest(), 30)
    print("at rest", flush=True)
"""


def die_again_and_again(folder: Path, agent: type, how: str) -> tuple[Path, list[int]]:
    """Let workers take the same messages until one lives; gives the database and their exit statuses."""
    db, schema = folder / "a.db", folder / "schema.sql"
    schema.write_text("CREATE TABLE IF NOT EXISTS done (how TEXT NOT NULL) STRICT")
    ends = []
    while not ends or (ends[-1] and len(ends) < 6):
        words = [sys.executable, "-c", WORKER, str(db), str(schema), agent.__name__, *([how] if not ends else [])]
        worker = subprocess.run(words, cwd=REPOSITORY, timeout=90, check=False, capture_output=True, text=True)
        ends.append(worker.returncode)
    assert worker.stdout == "at rest\n", worker.stderr
    return db, ends


def look(db: Path, query: str) -> list[Any]:
    connection = apsw.Connection(str(db))
    found = list(connection.execute(query))
    connection.close()
    return found


@pytest.mark.parametrize("how", ["os._exit", pytest.param("segfault", marks=pytest.mark.full)])
def test_a_message_that_kills_its_worker_every_time_is_a_dead_letter_as_poison(tmp_path: Path, how: str) -> None:
    """Law: three deaths and no more; what stood in its shift, before and behind it in its own lane too, is handled once."""
    db, ends = die_again_and_again(tmp_path, OnAThread, how)
    assert ends == [3 if how == "os._exit" else -11] * 3 + [0]
    assert look(db, "SELECT offset, reason FROM dead_letters") == [(2, "poison")]
    assert look(db, "SELECT * FROM deliveries") == []
    with ActorSystem(db, agents=[OnAThread], channels=CHANNELS) as system:
        group = system.channels.subscriptions()[0].group
        assert system.channels.state(group, "a") == {"orders": ["fine"] * 3}
        assert system.channels.state(group, "b") == {"orders": ["fine"]}


@pytest.mark.full
def test_of_a_batch_that_kills_its_worker_every_time_the_one_message_is_found(tmp_path: Path) -> None:
    """Law: one death more, and then each is taken by itself; of the batch nothing but the poison is a dead letter."""
    db, ends = die_again_and_again(tmp_path, InBatches, "os._exit")
    assert ends == [3, 3, 3, 3, 0]
    assert look(db, "SELECT offset, reason FROM dead_letters") == [(2, "poison")]
    assert look(db, "SELECT how, count(*) FROM done GROUP BY 1") == [("fine", 4)]
