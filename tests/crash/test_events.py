"""Who follows a run from another process, through the deaths of its owners: each event once, in order, and none is missed."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable

import msgspec

from dagger_actors import ActorSystem, Event
from tests.crash.flows import mixed
from tests.crash.stage import PATIENCE_S, Stage


def as_kept(events: Iterable[Event]) -> list[Event]:
    """As they are told when it is all over: why something waited is told only as long as it does."""
    return [msgspec.structs.replace(one, reason=None) if one.kind == "waiting" else one for one in events]


def test_a_follower_misses_nothing_and_hears_nothing_twice_whoever_dies(stage: Stage) -> None:
    """Law: what was told is what the file has at the end; attempts that were cut off end, too; any number is a place to go on."""
    chance = random.Random(20)
    stage.perform(mixed(scale=10, gate=stage.gate))  # so that each death cuts something off
    told: list[Event] = []
    child = stage.child("run")
    child.answer("started")
    with ActorSystem(stage.db, recover=False) as system:
        follower = threading.Thread(target=lambda: told.extend(system.events("r")))
        follower.start()
        for lines in (80, 220):
            stage.wait_for_log(lines + chance.randint(0, 40), child)
            child.kill()
            child = stage.child("resume")
            child.answer("resumed")
        stage.gate.touch()
        assert child.answer("state")["state"] == "succeeded"
        assert child.end() == ""
        follower.join(PATIENCE_S)
        assert not follower.is_alive()
        assert as_kept(told) == as_kept(system.events("r"))
        assert as_kept(system.events("r", after=told[100].seq)) == as_kept(told[101:])
    seqs = [one.seq for one in told]
    assert seqs == sorted(set(seqs))
    begun = {(one.node_id, one.invocation_key, one.attempt) for one in told if one.kind == "started"}
    ended = {(one.node_id, one.invocation_key, one.attempt): one.name for one in told if one.kind == "ended"}
    assert begun <= ended.keys()
    assert "interrupted" in ended.values()
    assert told[-1].name == "succeeded"
