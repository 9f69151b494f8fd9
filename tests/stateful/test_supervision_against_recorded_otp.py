"""The supervisor's machine against what OTP 25's own supervisor did, recorded in ``tests/data/otp``.

Each step of a scenario was taken when the supervisor was at rest, so nothing depends on how two things overlap. Our machine
does the same: the same starts, failed starts and stops in the same order, the same answers and children, and it ends when
OTP's did. Its kind of end has no counterpart: OTP's supervisor always exits with ``shutdown``.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from pathlib import Path
from typing import Any

import pytest

from dagger_actors.core.supervision import (
    AddChild,
    Answer,
    Begin,
    Child,
    Command,
    DeleteChild,
    Ended,
    Event,
    Exited,
    RestartChild,
    ShutDown,
    StartChild,
    Started,
    StartFailed,
    StopChild,
    Supervision,
    SupervisionMachine,
    TerminateChild,
)

RECORDING = Path(__file__).parents[1] / "data" / "otp" / "recording.jsonl"
SCENARIOS = [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]
KINDS = {"boom": "error", "normal": "normal", "shutdown": "shutdown"}


class Player:
    """Children that do what they are told; starts fail as often as the scenario says."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.machine = SupervisionMachine(
            Supervision(
                strategy=scenario["strategy"],
                intensity=scenario["intensity"],
                period_us=10**12,
                auto_shutdown=scenario["auto_shutdown"],
            ),
            [
                Child(id=id, restart=restart, significant=significant)
                for id, restart, significant in scenario["children"]
            ],
        )
        self.fails = Counter(dict(scenario["fail"]))
        self.log: list[str] = []
        self.answer = ""
        self.end: Ended | None = None

    def tell(self, event: Event) -> None:
        events = deque([event])
        while events:
            for command in self.machine.apply(events.popleft(), 0):
                events.extend(self.perform(command))

    def perform(self, command: Command) -> list[Event]:
        match command:
            case StartChild(id=id, incarnation=number) if self.fails[id] > 0:
                self.fails[id] -= 1
                self.log.append(f"fail {id}")
                return [StartFailed(id=id, incarnation=number, reason="no")]
            case StartChild(id=id, incarnation=number):
                self.log.append(f"start {id}")
                return [Started(id=id, incarnation=number)]
            case StopChild(id=id, incarnation=number):
                self.log.append(f"stop {id}")
                return [Exited(id=id, incarnation=number, kind="shutdown")]
            case Answer():
                self.answer = command.error or "ok"
            case Ended():
                self.end = command
        return []

    def step(self, what: str, *facts: Any) -> str:
        """Take one step; what OTP's caller was told."""
        match what:
            case "leave":
                id, reason = facts
                running = [view for view in self.machine.which_children() if view.id == id and view.status == "running"]
                if not running:
                    return "nobody"
                self.tell(Exited(id=id, incarnation=running[0].incarnation, kind=KINDS[reason], reason=reason))
                return "left"
            case "fails":
                self.fails[facts[0]] = facts[1]
                return "noted"
            case "add":
                id, restart, significant = facts[0]
                self.tell(AddChild(call=1, child=Child(id=id, restart=restart, significant=significant)))
            case "terminate":
                self.tell(TerminateChild(call=1, id=facts[0]))
            case "restart":
                self.tell(RestartChild(call=1, id=facts[0]))
            case "delete":
                self.tell(DeleteChild(call=1, id=facts[0]))
        return self.answer

    def seen(self, answer: str) -> dict[str, Any]:
        log, self.log = self.log, []
        children = [f"{view.id} {view.status}" for view in self.machine.which_children()] if self.end is None else []
        return {"answer": answer, "log": log, "children": children, "end": "shutdown" if self.end is not None else ""}


def play(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    player = Player(scenario)
    player.tell(Begin())
    if player.end is not None:
        return [player.seen("did_not_start")]
    seen = [player.seen("started")]
    for what, *facts in scenario["steps"]:
        seen.append(player.seen(player.step(what, *facts)))
        if player.end is not None:
            return seen
    player.tell(ShutDown())
    return [*seen, player.seen("shut_down")]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario["number"]))
def test_the_machine_does_what_otp_did(scenario: dict[str, Any]) -> None:
    """Step by step."""
    assert play(scenario) == scenario["seen"]


def test_the_recording_shows_everything_that_a_supervisor_does() -> None:
    """It has each strategy end each way, restarts that fail, and each answer."""
    answers = {seen["answer"] for scenario in SCENARIOS for seen in scenario["seen"]}
    assert answers >= {"ok", "already_present", "already_started", "running", "not_found", "start_failed", "invalid"}
    for strategy in ("one_for_one", "one_for_all", "rest_for_one"):
        all_seen = [scenario["seen"] for scenario in SCENARIOS if scenario["strategy"] == strategy]
        assert sum(seen[-1]["answer"] == "left" for seen in all_seen) > 20  # gave up, or was complete
        assert sum(seen[-1]["answer"] == "did_not_start" for seen in all_seen) > 2
        assert sum("fail" in what for seen in all_seen for step in seen[1:] for what in step["log"]) > 20
