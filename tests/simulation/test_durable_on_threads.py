"""Durable actors on real threads that are killed, stopped and made to raise while they are asked: the law of the simulation,
where preemption inside our own code can break it.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sys
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dagger_actors import Actor, ActorContext, ActorSystem, ChildSpec, handler
from dagger_actors.errors import ActorError
from tests.simulation.test_durable_actors import Counted, Counter, Seen, Take, Witness, stored

ROUNDS = 60
ROUNDS_FULL = 5_000


class Blocking(Actor, durable=True):
    """On threads of its own, so that a kill abandons it in the middle of a turn."""

    dispatcher = "blocking"
    state: Counted

    @handler
    def take(self, take: Take, ctx: ActorContext) -> int:
        witness: Any = ctx.find("witness")
        witness.tell(Seen(ctx.name, take.token))
        self.state.tokens.append(take.token)
        for _ in range(random.randrange(300)):
            pass
        witness.tell(Seen(ctx.name, -take.token))
        if take.then == "raise":
            raise ValueError("as asked")
        return take.token


@pytest.fixture(autouse=True)
def _restless() -> Iterator[None]:
    logger = logging.getLogger("dagger_actors.actors")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


def play(system: ActorSystem, rounds: int, seed: int) -> None:
    Witness.seen = []
    chance = random.Random(seed)
    classes: dict[str, type[Actor]] = {"a": Blocking, "b": Counter, "c": Blocking}
    system.actors.start(ChildSpec(Witness, "witness"))
    for name, cls in classes.items():
        system.actors.start(ChildSpec(cls, name, shutdown_s=0))
    asked: list[tuple[str, Take, Any]] = []
    for token in range(1, 10 * rounds + 1):
        name = chance.choice(tuple(classes))
        take = Take(token, chance.choice(("", "", "", "raise")) if token % 7 == 0 else "")
        ref = system.actors[name]
        asked.append((name, take, ref.ask(take, block=False)))
        if token % 10 == 0:
            name = chance.choice(tuple(classes))
            system.actors.stop(name)
            system.actors.start(ChildSpec(classes[name], name, shutdown_s=0))
    answered, failed = set(), set()
    for name, take, reply in asked:
        with contextlib.suppress(ActorError):  # it was killed
            try:
                assert reply.get(timeout=30) == take.token
                answered.add((name, take.token))
            except ValueError:
                failed.add((name, take.token))
    for name in (*classes, "witness"):
        system.actors[name].stop()
    there = {(name, token) for name, tokens in stored(system.path).items() for token in tokens}
    assert sum(len(tokens) for tokens in stored(system.path).values()) == len(there)
    assert answered <= there
    assert not failed & there
    seen = Tally((one.name, one.token) for one in Witness.seen)
    assert set(seen.values()) <= {1}
    assert {(name, abs(token)) for name, token in seen} <= there
    whole = {(name, token) for name, token in seen if token > 0 and classes[name] is Blocking}
    assert all((name, -token) in seen for name, token in whole), "a turn's effects leave together"


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(ROUNDS_FULL, marks=pytest.mark.full)])
@pytest.mark.timeout(1200)
def test_whatever_is_killed_wherever_it_is_no_effect_leaves_without_its_state(
    open_system: Callable[..., ActorSystem], rounds: int
) -> None:
    """Law: answered and witnessed tokens are stored, once each; a turn's two messages arrive both or not at all."""
    system = open_system(synchronous="normal", spec=SPEC)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        play(system, rounds, rounds)
    finally:
        sys.setswitchinterval(interval)


class Idle(Actor):
    """A system file has an agent at least."""


SPEC = {
    "system": "threads",
    "supervision": {"intensity": 10_000, "period_s": 1},
    "agents": [{"id": "idle", "class": f"{__name__}:Idle"}],
}
