"""Two processes that resume one run of a dead owner at the same moment: one wins, the other says who."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from dagger_actors import ActorSystem, action
from tests.crash.flows import waiting
from tests.crash.stage import PATIENCE_S, Child, Stage


def leave_to_race(stage: Stage) -> None:
    """A run whose owner was killed, and which goes on until the gate opens."""
    stage.perform(waiting(stage.gate))
    child = stage.child("run")
    child.answer("started")
    stage.wait_for_log(10, child)
    child.kill()
    assert stage.status() == "running"


def check_race(stage: Stage) -> int:
    """The laws of a race; how many bodies were begun by more than one process."""
    lines = [line for line in stage.lines() if line.mark == "start"]
    twice = [
        place for place, count in Counter((line.node, line.key, line.attempt) for line in lines).items() if count > 1
    ]
    assert twice == [], "an attempt was executed twice"
    assert stage.query("SELECT count(DISTINCT node_id) FROM node_runs WHERE state = 'succeeded'") == [(31,)]
    assert stage.query("SELECT epoch FROM flow_runs") == [(2,)], "one take-over"
    return len(lines) - len({(line.node, line.key) for line in lines})


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_of_two_that_resume_at_once_one_wins_and_the_other_names_it(stages, figure, count):
    """Law: exactly one owner; the loser gets RunOwned with the winner's pid; no attempt is executed twice."""
    repeats = []
    for _ in range(count):
        stage = stages()
        leave_to_race(stage)
        racers = [stage.child("resume", barrier=True) for _ in range(2)]
        for racer in racers:
            racer.answer("ready")
        for racer in racers:
            racer.go()
        first = [next_answer(racer) for racer in racers]
        assert sorted("resumed" in answer for answer in first) == [False, True], first
        winner, loser = sorted(zip(racers, first, strict=True), key=lambda one: "resumed" not in one[1])
        assert loser[1]["error"] == "RunOwned", loser
        assert loser[1]["pid"] == winner[0].pid
        assert str(winner[0].pid) in loser[1]["text"]
        assert loser[0].end() == ""
        stage.gate.touch()
        assert winner[0].answer("state")["state"] == "succeeded"
        assert winner[0].end() == ""
        repeats.append(check_race(stage))
    figure(f"resume race: {count} rounds; bodies repeated median {statistics.median(repeats):g}, most {max(repeats)}")


def next_answer(racer: Child) -> dict[str, Any]:
    assert racer.process.stdout is not None
    line = racer.process.stdout.readline()
    assert line, racer.end()
    return json.loads(line)


def first_to_end(racers: list[Child]) -> Child:
    for _ in range(int(PATIENCE_S / 0.05)):
        for racer in racers:
            try:
                racer.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            return racer
    raise AssertionError("both go on")


def test_of_two_commands_that_resume_at_once_one_wins_and_the_other_says_who(stage):
    """Law: the same through the command line; the loser exits with 2 and one sentence that names the winner's process."""
    leave_to_race(stage)
    words = ("-m", "dagger_actors", "resume", "r", "--db", str(stage.db))
    racers = [stage.start(sys.executable, *words) for _ in range(2)]
    loser = first_to_end(racers)
    winner = next(racer for racer in racers if racer is not loser)
    complaint = loser.end()
    assert loser.process.returncode == 2, complaint
    assert f"run 'r' is being run by process {winner.pid} " in complaint
    assert "Traceback" not in complaint
    assert winner.process.poll() is None
    stage.gate.touch()
    told = winner.end()
    assert winner.process.returncode == 0, told
    check_race(stage)


@pytest.mark.full
def test_the_loser_of_a_race_for_a_run_that_is_over_at_once_is_not_told_of_process_zero(stages):
    """Law: who comes too late for a short run gets the run as it stands, or the name of a process that exists."""
    for _ in range(10):
        stage = stages()
        leave_to_race(stage)
        stage.gate.touch()
        racers = [stage.child("resume", barrier=True) for _ in range(2)]
        for racer in racers:
            racer.answer("ready")
        for racer in racers:
            racer.go()
        for racer in racers:
            answer = next_answer(racer)
            if "error" in answer:
                assert answer["error"] == "RunOwned", answer
                assert answer["pid"] in [one.pid for one in racers if one is not racer]
            else:
                assert racer.answer("state")["state"] == "succeeded"
            assert racer.end() == ""
        check_race(stage)


def test_who_asks_for_a_run_that_another_has_ended_meanwhile_gets_it_as_it_stands(tmp_path):
    """Law: a claim that comes after the winner's whole run names nobody; there is nobody left to name."""

    @action
    def once() -> int:
        if not tmp_path.joinpath("mended").exists():
            raise ValueError
        return 1

    flow = {"name": "one", "config": {"on_failure": "pause"}, "nodes": [{"id": "n", "action": "once"}]}
    with ActorSystem(tmp_path / "x.db", actions=[once]) as system:
        run = system.flows.start(flow, run_id="r")
        assert run.wait(timeout=60).state == "paused"
        before = system._hub.archive.find("r")
        tmp_path.joinpath("mended").touch()
        assert system.flows.resume("r").wait(timeout=60).state == "succeeded"
        system.flows._taker.take(before, "resume")
        assert system.flows.run("r").result(timeout=60) == {"n": 1}
