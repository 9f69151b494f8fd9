"""Flows inside flows over many seeds: random trees of them, several workers, deaths at random commits, pauses, answers.

CI runs a slice; the full number is behind the marker: ``pytest -m full tests/simulation``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagger_actors import ActorSystem
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import IllegalTransition, RequestError, RunOwned, SystemClosed
from dagger_actors.flow.reports.questions import Question
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate

SLICE = 6
FULL = 500
DEPTH = 3
STEPS = 14


class Tree:
    """A random flow, with flows inside, in files; and what there is to be run of it.

    Attributes:
        bodies: How often each node's body is to succeed, by the ids of its run and itself.
        asked: So for the questions.
        runs: The runs inside.
    """

    def __init__(self, chance: random.Random, folder: Path) -> None:
        self._chance = chance
        self._folder = folder
        self._count = 0
        self._flows: dict[str, list[dict[str, Any]]] = {}
        self.bodies: set[str] = set()
        self.asked: set[tuple[str, str]] = set()
        self.runs: list[str] = []
        self.path = folder / f"{self._write(1)}.yaml"
        self._unfold(self.path.stem, "r")

    def _write(self, depth: int) -> str:
        name = f"f{self._count}"
        self._count += 1
        nodes: list[dict[str, Any]] = [{"id": "pair", "action": "pair"}]
        for at in range(self._chance.randint(1, 3)):
            waits = self._chance.sample([one["id"] for one in nodes], self._chance.randint(0, len(nodes)))
            kinds = ["work", "work", "ask"] if depth == DEPTH else ["work", "ask", "sub", "sub", "mapped"]
            node = self._node(self._chance.choice(kinds), depth)
            if "map" in node:
                waits = sorted({"pair", *waits})
            nodes.append({"id": f"n{at}", "dependencies": waits, **node})
        self._flows[name] = nodes
        config = {"max_parallel_nodes": self._chance.choice((1, 2, 16))}
        inputs = {"item": {"type": "any", "default": 0}}
        spec = {"name": name, "inputs": inputs, "config": config, "nodes": nodes}
        (self._folder / f"{name}.yaml").write_text(yaml.safe_dump(spec))
        return name

    def _node(self, kind: str, depth: int) -> dict[str, Any]:
        match kind:
            case "work":
                return {"action": "work"}
            case "ask":
                return {"approval": {}}
            case "sub":
                return {"flow": f"{self._write(depth + 1)}.yaml"}
            case _:
                limit = self._chance.choice(({}, {"limit": 1}))
                return {"flow": f"{self._write(depth + 1)}.yaml", "map": {"over": "pair", "item": "item", **limit}}

    def _unfold(self, name: str, run_id: str) -> None:
        for node in self._flows[name]:
            if "action" in node:
                self.bodies.add(f"{run_id}:{node['id']}")
            elif "approval" in node:
                self.asked.add((run_id, node["id"]))
            else:
                keys = ["/0", "/1"] if "map" in node else [""]
                for key in keys:
                    inside = f"{run_id}/{node['id']}{key}"
                    self.runs.append(inside)
                    self._unfold(node["flow"].removesuffix(".yaml"), inside)


class Play:
    """Workers on one file, of which some die; people who pause, resume and answer."""

    def __init__(self, sim: Simulation, chance: random.Random, tree: Tree, *, deaths: int) -> None:
        self._sim = sim
        self._chance = chance
        self._tree = tree
        self._deaths = deaths
        self._workers: list[ActorSystem] = []

    def _worker(self) -> ActorSystem:
        async def work() -> str:
            await asyncio.sleep(self._chance.choice((0.0, 0.3, 1.0)))
            return "done"

        def pair() -> list[int]:
            return [1, 2]

        system = self._sim.system(actions=[work, pair], recover=True)
        self._workers.append(system)
        return system

    def _do(self, act: Callable[[ActorSystem], Any]) -> Any:
        """Ask a worker that lives, until one has answered."""
        for _ in range(20):
            self._workers = [one for one in self._workers if self._sim.is_alive(one)]
            system = self._chance.choice(self._workers) if self._workers else self._worker()
            try:
                return act(system)
            except (WorkerKilled, SystemClosed):
                continue
        raise AssertionError("twenty workers were not enough")

    def _state(self, run_id: str = "r") -> str:
        return str(self._do(lambda system: system.flows.report(run_id, outputs=False).state))

    def run(self) -> None:
        """Play, then see it to its end."""
        self._do(lambda system: system.flows.start(self._tree.path, run_id="r"))
        for _ in range(STEPS):
            self._chance.choice(
                (self._pass, self._pass, self._pause, self._pause_inside, self._resume, self._answer, self._die)
            )()
        for at in range(60):
            if self._state() in FINAL_RUN:
                return
            for one in self._do(lambda system: system.flows.questions("r")):
                self._signal(one)
            if at % 2:
                self._resume()
            else:
                with contextlib.suppress(IllegalTransition, RunOwned):  # what has met three deaths is parked
                    self._do(lambda system: system.flows.retry("r"))
            self._sim.advance(3)
        raise AssertionError(
            self._do(lambda system: [(one.run_id, one.state) for one in system.flows.runs(inside=True)])
        )

    def _pass(self) -> None:
        self._sim.advance(self._chance.choice((0.01, 0.2, 1.1)))

    def _pause(self) -> None:
        with contextlib.suppress(IllegalTransition):
            self._do(lambda system: system.flows.pause("r"))
            self._sim.advance(5)
            before = self._begun()
            assert self._state() in ("paused", "succeeded")  # what ran may have been the last of it
            inside = self._do(lambda system: {one.state for one in system.flows.runs(inside=True)})
            assert inside <= FINAL_RUN | {"paused", "pending"}, inside
            self._sim.advance(5)
            assert self._begun() == before

    def _begun(self) -> list[tuple[Any, ...]]:
        def begun(system: ActorSystem) -> list[tuple[Any, ...]]:
            runs = [one.run_id for one in system.flows.runs(inside=True)]
            reports = [system.flows.report(one, outputs=False) for one in runs]
            return [(one.run_id, node.node_id, node.state, len(node.attempts)) for one in reports for node in one.nodes]

        return sorted(self._do(begun))

    def _pause_inside(self) -> None:
        runs = self._do(lambda system: [one.run_id for one in system.flows.runs(inside=True) if one.run_id != "r"])
        if runs:
            run_id = self._chance.choice(sorted(runs))
            with contextlib.suppress(IllegalTransition):
                self._do(lambda system: system.flows.pause(run_id))

    def _resume(self) -> None:
        runs = ["r", *self._do(lambda system: [one.run_id for one in system.flows.runs(state="paused", inside=True)])]
        for run_id in runs:
            with contextlib.suppress(IllegalTransition, RunOwned):
                self._do(lambda system, run_id=run_id: system.flows.resume(run_id))

    def _answer(self) -> None:
        questions = self._do(lambda system: system.flows.questions("r"))
        if questions:
            self._signal(self._chance.choice(questions))

    def _signal(self, one: Question) -> None:
        with contextlib.suppress(RequestError):  # a death just behind it: it has its answer
            self._do(lambda system: system.flows.signal(one.run_id, one.node_id, value=True))
        self._sim.advance(0.1)

    def _die(self) -> None:
        living = [one for one in self._workers if self._sim.is_alive(one)]
        if len(living) < 2:
            self._worker()
        if not self._deaths or not living:
            return
        self._deaths -= 1
        victim = self._chance.choice(living)
        if self._chance.random() < 0.5:
            self._sim.kill(victim)
        else:
            self._sim.kill_at(victim, self._chance.randint(1, 6), self._chance.choice(("before", "after")))
        self._sim.advance(self._chance.choice((0.0, 0.5)))


def check_one(seed: int, folder: Path, *, deaths: int) -> None:
    chance = random.Random(seed)
    tree = Tree(chance, folder)
    with simulate(seed, folder) as sim:
        play = Play(sim, chance, tree, deaths=deaths)
        play.run()
        system = sim.system()
        report = system.flows.report("r")
        assert report.state == "succeeded", report.error
        runs = {one.run_id: one.state for one in system.flows.runs(inside=True)}
        assert runs == dict.fromkeys(["r", *tree.runs], "succeeded")
        for run_id in runs:
            for node in system.flows.report(run_id).nodes:
                ends = [one.state for one in node.attempts if one.state != "interrupted"]
                assert ends == ["succeeded"], (run_id, node)
                assert deaths or len(node.attempts) == 1, (run_id, node)


def explore(tmp_path: Path, count: int, *, deaths: int) -> None:
    first = int(os.environ.get("DAGGER_SEED", "0"))
    for seed in range(first, first + int(os.environ.get("DAGGER_SEEDS", str(count)))):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            check_one(seed, folder, deaths=deaths)
        except BaseException as error:
            error.add_note(f"seed {seed}: DAGGER_SEED={seed} DAGGER_SEEDS=1")
            raise


@pytest.mark.parametrize("deaths", [0, 3])
def test_every_flow_inside_runs_once_whoever_dies_pauses_or_answers(tmp_path: Path, deaths: int) -> None:
    """Law: of a tree of flows each node has one run, each body one success, and a paused tree stands still."""
    explore(tmp_path, SLICE, deaths=deaths)


@pytest.mark.full
@pytest.mark.parametrize("deaths", [0, 2, 6])
def test_every_flow_inside_runs_once_over_many_seeds(tmp_path: Path, deaths: int) -> None:
    """Law: the same, many more times."""
    explore(tmp_path, FULL, deaths=deaths)


@pytest.mark.parametrize(("seed", "deaths"), [(217, 2), (56, 6), (428, 2), (184, 2)])
def test_seeds_that_have_found_something_stay_good(tmp_path: Path, seed: int, deaths: int) -> None:
    """Law: an answer that comes while its run comes to rest is taken by the next; what three deaths have parked is released.

    And whoever pauses a tree that its dead owner had begun to pause brings all of it to rest; and what has not begun of one that
    rests can be paused too.
    """
    check_one(seed, tmp_path, deaths=deaths)
