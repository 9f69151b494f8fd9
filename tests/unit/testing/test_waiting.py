"""A simulation that does not come to rest ends by itself, and says what it was still waiting for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dagger_actors import action
from dagger_actors.testing import NeverSettles, simulate
from dagger_actors.testing import world as world_module
from dagger_actors.testing.waiting import MOST_SHOWN, still_waiting
from dagger_actors.testing.world import World

DAY_S = 86_400


class Restless:
    """Wants turn after turn."""

    def run_turn(self) -> bool:
        return True


@action
async def waits_for_nobody() -> None:
    await asyncio.Event().wait()


@action
async def sleeps_long() -> None:
    await asyncio.sleep(40 * DAY_S)


def spec(name: str, **node: Any) -> dict[str, Any]:
    return {"name": "f", "nodes": [{"id": "n", "action": name, **node}]}


def test_waiting_for_what_never_comes_names_the_coroutine_and_its_place() -> None:
    """Law: who waits in vain is told whose code stands where, not a name of ours."""
    with simulate(1) as sim:
        run = sim.system(actions=[waits_for_nobody]).flows.start(spec("waits_for_nobody"))
        with pytest.raises(
            NeverSettles, match=r"still waiting:\n  w1: coroutine waits_for_nobody \(.*test_waiting.py:\d+\)"
        ):
            run.result()


def test_a_wait_that_times_out_says_what_is_still_waiting() -> None:
    """Law: the time-out is the builtin one, and its text has the coroutine and the timers."""
    with simulate(1) as sim:
        run = sim.system(actions=[sleeps_long]).flows.start(spec("sleeps_long", timeout=DAY_S))
        with pytest.raises(TimeoutError) as caught:
            run.wait(timeout=5)
        text = str(caught.value)
        assert text.startswith("not resolved after 5 s of virtual time; still waiting:\n")
        assert "w1: coroutine sleeps_long (" in text
        assert "attempt" in text
        assert f"due in {DAY_S - 5:g} s" in text


def test_thirty_days_without_rest_say_what_is_left() -> None:
    """Law: ``run`` does not go on for ever, and neither does a wait."""
    with simulate(1) as sim:
        run = sim.system(actions=[sleeps_long]).flows.start(spec("sleeps_long"))
        with pytest.raises(NeverSettles, match=r"not at rest after 30 days.*\n  w1: coroutine sleeps_long \("):
            sim.run()
        with pytest.raises(NeverSettles, match=r"waited for 30 days.*\n  w1: coroutine sleeps_long \("):
            run.result()


def test_a_frozen_worker_is_named() -> None:
    """Law: who waits for a worker that was frozen is reminded of it."""
    with simulate(1) as sim:
        system = sim.system(actions=[sleeps_long])
        run = system.flows.start(spec("sleeps_long"))
        sim.freeze(system)
        with pytest.raises(TimeoutError, match="w1: is frozen"):
            run.wait(timeout=1)


def test_turns_that_go_round_without_time_passing_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a livelock ends, and names the turn."""
    monkeypatch.setattr(world_module, "MOST_STEPS_AT_ONCE", 1000)
    world = World(0)
    world.offer("w1", Restless())
    world.offer("w1", Restless())
    with pytest.raises(
        NeverSettles, match=r"1,000 turns were taken and no time has passed; still waiting:\n.*Restless"
    ):
        world.settle()


def test_a_coroutine_that_spins_is_ended_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same law for ``while True: await asyncio.sleep(0)``."""
    monkeypatch.setattr(world_module, "MOST_STEPS_AT_ONCE", 1000)

    @action
    async def spins() -> None:
        while True:  # noqa: ASYNC110 - that is the mistake
            await asyncio.sleep(0)

    with simulate(1) as sim:
        run = sim.system(actions=[spins]).flows.start(spec("spins"))
        with pytest.raises(NeverSettles, match="spins"):
            run.result()


def test_all_turns_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what lets time pass and never ends is ended too, whatever the time."""
    monkeypatch.setattr(world_module, "MOST_STEPS", 1000)

    @action
    async def ticks() -> None:
        while True:  # noqa: ASYNC110 - that is the mistake
            await asyncio.sleep(0.001)

    with simulate(1) as sim:
        sim.system(actions=[ticks]).flows.start(spec("ticks"))
        with pytest.raises(NeverSettles, match="1,000 turns were taken, which is all"):
            sim.run()


def test_a_long_list_is_cut_and_the_rest_counted() -> None:
    """Law: a message stays a message, however much waits."""
    timers = [("w1", (2**40, "retry", number), 1_500_000) for number in range(MOST_SHOWN + 5)]
    lines = still_waiting(loops={}, bodies=[], turns=[], timers=timers, frozen=()).splitlines()
    assert lines[:2] == ["still waiting:", "  w1: timer retry 0, due in 1.5 s"]
    assert lines[-1] == "  and 5 more"
    assert len(lines) == MOST_SHOWN + 2


def test_equal_turns_are_counted_and_bodies_named() -> None:
    """Law: each line says something new."""
    turns = [("w2", "Mailbox"), ("w1", "Journal"), ("w2", "Mailbox")]
    assert still_waiting(loops={}, bodies=[("w1", "pay")], turns=turns, timers=[], frozen={"w3"}).splitlines() == [
        "still waiting:",
        "  w1: pay, in its middle",
        "  w1: turn of Journal",
        "  w2: turn of Mailbox, 2 times",
        "  w3: is frozen",
    ]


def test_nothing_is_said_to_be_nothing() -> None:
    """Law: an empty list is no list."""
    assert World(0).waiting() == "nothing is waiting any more"
