"""Durable actors whose process dies around every commit, and random ones against a model.

``DAGGER_SEED=17 DAGGER_SEEDS=1 pytest tests/simulation/test_durable_actors.py`` repeats one play of the model.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import Actor, ActorContext, ActorSystem, ChildSpec, handler
from dagger_actors.errors import ActorStopped, MailboxFull, UnknownActor
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.testing import explore, simulate
from dagger_actors.testing.simulation import Simulation

PLAYS = 20
PLAYS_FULL = 2_000


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Failures are what is played here; their tracebacks would be most of the work."""
    logger = logging.getLogger("dagger_actors.actors")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


class Take(msgspec.Struct, frozen=True):
    """One token to be counted, how its turn ends, and through whom it goes on."""

    token: int
    then: str = ""


class Counted(msgspec.Struct):
    tokens: list[int] = msgspec.field(default_factory=list)


class Seen(msgspec.Struct, frozen=True):
    """What somebody outside has seen of a turn."""

    name: str
    token: int


class Witness(Actor):
    """Outside of everything: what it has seen cannot be taken back."""

    mailbox = MailboxSpec(capacity=100_000)
    seen: list[Seen]

    @handler
    def see(self, seen: Seen) -> int:
        self.seen.append(seen)
        return seen.token


class Counter(Actor, durable=True):
    state: Counted

    @handler
    def take(self, take: Take, ctx: ActorContext) -> int:
        ctx.find("witness").tell(Seen(ctx.name, take.token))
        self.state.tokens.append(take.token)
        if take.then == "raise":
            raise ValueError("as asked")
        if take.then == "stop":
            ctx.stop()
        if take.then == "pass on":
            ctx.find(f"{ctx.name}-next").tell(Take(take.token))
        return take.token

    @handler
    def all(self, _ask: str) -> list[int]:
        return self.state.tokens


class Slow(Counter):
    @handler
    async def take(self, take: Take, ctx: ActorContext) -> int:
        ctx.find("witness").tell(Seen(ctx.name, take.token))
        self.state.tokens.append(take.token)
        await ctx.find("witness").ask(Seen("awaited", take.token))
        if take.then == "raise":
            raise ValueError("as asked")
        if take.then == "pass on":
            ctx.find(f"{ctx.name}-next").tell(Take(take.token))
        return take.token


def stored(path: Path) -> dict[str, list[int]]:
    """Tokens by name, as a stranger reads them."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = connection.execute("SELECT name, state FROM agent_states").fetchall()
    finally:
        connection.close()
    return {name: msgspec.msgpack.decode(state)["tokens"] for name, state in found}


@pytest.mark.parametrize("cls", [Counter, Slow])
def test_whatever_commit_its_process_dies_at_what_was_answered_is_counted_and_nothing_twice(cls: type[Actor]) -> None:
    """Law: an answer and a message of a turn are seen only when its state is stored; a repeated question finds that out."""

    def counts(sim: Simulation) -> None:
        Witness.seen = []
        left = list(range(1, 6))

        def ask_on(system: ActorSystem) -> list[int]:
            counter = system.actors["c"]
            while left:
                token = left[0]
                if token not in counter.ask("all"):
                    assert counter.ask(Take(token, "pass on")) == token
                    assert token in stored(sim.path)["c"]
                left.pop(0)
            sim.settle()
            return counter.ask("all")

        def is_seen_stored(moment: str) -> None:
            del moment
            rows = stored(sim.path)
            for one in Witness.seen:
                assert one.name == "awaited" or one.token in rows[one.name], one

        agents = [ChildSpec(Witness, "witness"), ChildSpec(Counter, "c-next"), ChildSpec(cls, "c")]
        workers = sim._workers
        told = workers._passing

        def passing(worker: str, moment: str) -> None:
            is_seen_stored(moment)
            told(worker, moment)

        workers._passing = passing  # type: ignore[method-assign]
        assert sim.keep_going(ask_on, agents=agents) == [1, 2, 3, 4, 5]
        assert stored(sim.path)["c"] == [1, 2, 3, 4, 5]
        # What is passed on is mail: of a process that dies between the commit and the handling it is gone, never doubled.
        passed = stored(sim.path)["c-next"]
        assert sorted(set(passed)) == passed
        assert sim.deaths or passed == [1, 2, 3, 4, 5]

    explored = explore(counts, seeds=2, crash="every_commit")
    assert explored.commits >= 6


# --- against a model


NAMES = ("a", "b", "a-next", "b-next")


class Play:
    """Random questions to a few durable actors; whoever lives, dies, raises or ends, the model knows what must be stored.

    Args:
        sim: The world.
        seed: Decides what is done.
    """

    def __init__(self, sim: Simulation, seed: int) -> None:
        self.sim = sim
        self.chance = random.Random(seed)
        self.classes = {name: self.chance.choice((Counter, Slow)) for name in NAMES}
        self.tokens = iter(range(1, 10**6))
        self.open: list[tuple[str, Take, Any]] = []
        self.answered: dict[str, list[int]] = {name: [] for name in NAMES}
        self.failed: dict[str, set[int]] = {name: set() for name in NAMES}
        self.system = self.begin()

    def begin(self) -> ActorSystem:
        agents: list[dict[str, object]] = [{"id": "witness", "class": f"{__name__}:Witness"}]
        for name in NAMES:
            kind = f"{__name__}:{self.classes[name].__name__}"
            agents.append({"id": name, "class": kind, "shutdown_s": self.chance.choice((0, 5))})
        supervision = {"intensity": 10_000, "period_s": 5}
        return self.sim.system(spec={"system": "play", "supervision": supervision, "agents": agents})

    def play(self) -> None:
        for _ in range(60):
            step = self.chance.choices(
                (self.ask, self.settle, self.go_on_a_little, self.restart_one, self.die), (12, 3, 6, 1, 1)
            )[0]
            step()
        self.sim.run()  # the journal gives way for a moment while another worker may live
        self.check(is_over=True)

    def ask(self) -> None:
        name = self.chance.choice(NAMES)
        can_pass = not name.endswith("-next")
        take = Take(next(self.tokens), self.chance.choice(("", "", "raise", "stop", "pass on" if can_pass else "")))
        with contextlib.suppress(MailboxFull):
            self.open.append((name, take, self.system.actors[name].ask(take, block=False)))

    def go_on_a_little(self) -> None:
        for _ in range(self.chance.randrange(30)):
            if not self.sim.world.step():
                return
        self.check()

    def settle(self) -> None:
        self.sim.settle()
        self.check()

    def restart_one(self) -> None:
        name = self.chance.choice(NAMES)
        self.system.actors.stop(name)
        self.system.actors.start(ChildSpec(self.classes[name], name))
        self.check()

    def die(self) -> None:
        self.sim.kill(self.system)
        self.check()
        self.open.clear()
        Witness.seen.clear()
        self.system = self.begin()

    def check(self, *, is_over: bool = False) -> None:
        """Hold what was seen against what is stored."""
        rows = stored(self.sim.path)
        for name, take, reply in list(self.open):
            if not reply.is_done():
                assert not is_over, (name, take)
                continue
            self.open.remove((name, take, reply))
            try:
                assert reply.get(timeout=0) == take.token
                self.answered[name].append(take.token)
            except (ValueError, UnknownActor):  # who it would pass on to may be absent
                assert take.then in ("raise", "pass on")
                self.failed[name].add(take.token)
            except ActorStopped:
                pass  # killed: its commit may have gone through
        seen = [(one.name, one.token) for one in Witness.seen if one.name != "awaited"]
        assert len(set(seen)) == len(seen)
        assert all(token in rows[name] for name, token in seen)
        for name in NAMES:
            assert len(set(rows[name])) == len(rows[name])
            assert set(self.answered[name]) <= set(rows[name])
            assert not self.failed[name] & set(rows[name])


def test_random_durable_actors_store_what_was_seen_and_nothing_of_what_failed() -> None:
    """Law: stored tokens are each stored once; they are all that were answered or witnessed, and none whose turn raised."""
    first = int(os.environ.get("DAGGER_SEED", "0"))
    for seed in range(first, first + int(os.environ.get("DAGGER_SEEDS", str(PLAYS)))):
        _play(seed)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_two_thousand_random_systems_of_durable_actors_keep_the_law() -> None:
    """The same, in full."""
    for seed in range(PLAYS_FULL):
        _play(seed)


def _play(seed: int) -> None:
    Witness.seen = []
    with simulate(seed) as sim:
        Play(sim, seed).play()
