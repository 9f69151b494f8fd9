"""``explore`` with actors of users: the command that it prints plays the very same course, in any process."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:logging")

RACE = """
import asyncio, os, random
import msgspec
from dagger_actors import Actor, ActorContext, ChildSpec, Supervisor, handler
from dagger_actors.testing import explore


class Go(msgspec.Struct, frozen=True):
    number: int = 0


class Names(msgspec.Struct, frozen=True):
    pass


class Runner(Actor):
    @handler
    async def go(self, go: Go, ctx: ActorContext) -> None:
        await asyncio.sleep(random.choice((0, 0.5)))
        if random.random() < 0.3:
            raise ValueError("stumbled")
        ctx.timers.once("on", random.random(), Names())

    @handler
    def names(self, names: Names, ctx: ActorContext) -> None:
        ctx.find("goal").tell(ctx.name)


class Goal(Actor):
    def __init__(self):
        self.came = []

    @handler
    def arrive(self, name: str) -> None:
        self.came.append(name)

    @handler
    def names(self, names: Names) -> list[str]:
        return self.came


def race(sim):
    runners = tuple(ChildSpec(Runner, name) for name in "abc")
    system = sim.system(agents=[ChildSpec(Goal, "goal"), Supervisor("runners", runners, intensity=100)])
    for name in "cab":
        system.actors[f"runners/{name}"].tell(Go())
    sim.run()
    came = system.actors["goal"].ask(Names())
    with open(f"trace-{sim.seed}-{os.environ['RUN']}", "w") as file:
        file.write("\\n".join([*sim.world.trace, *came]))
    assert len(came) < 2 or came[0] < came[1], came


def test_race():
    explore(race, seeds=40)
"""


def test_the_command_of_a_failure_plays_the_same_trace_byte_for_byte(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: what a seed gives depends on nothing else: hashes, addresses and what ran before in the process do not count."""
    pytester.makepyfile(test_race=RACE)
    monkeypatch.setenv("RUN", "first")
    shown = pytester.runpytest_subprocess(*QUICK).stdout.str()
    found = re.search(r"seed (\d+); repeat it with:\n\S*\s+(DAGGER_SEED=\d+) python (-m pytest \S+)", shown)
    assert found, shown
    name, _, value = found[2].partition("=")
    for variable, text in ((name, value), ("RUN", "second"), ("PYTHONHASHSEED", "1")):
        monkeypatch.setenv(variable, text)
    again = subprocess.run(
        [sys.executable, *shlex.split(found[3]), *QUICK],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1, again.stdout
    assert f"seed {found[1]}; repeat it with" in again.stdout
    traces = {(pytester.path / f"trace-{found[1]}-{run}").read_bytes() for run in ("first", "second")}
    assert len(traces) == 1
    assert len(next(iter(traces)).splitlines()) > 10
