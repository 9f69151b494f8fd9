"""A15 clause by clause, of one run that retries, fails, skips, maps and waits, beside another of the same flow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from dagger_actors import ActorSystem, Context, Event, HookEvent
from dagger_actors.drawing.dot import write_dot
from dagger_actors.drawing.mermaid import write_mermaid
from dagger_actors.drawing.palette import LIGHT
from dagger_actors.drawing.picture import Picture
from dagger_actors.drawing.svg import write_svg
from dagger_actors.flow.reports.run_picture import picture_of_run
from dagger_actors.testing.simulation import Simulation, simulate
from tests.acceptance.test_A15_looking import SVG, assert_pictures, assert_svg
from tests.acceptance.test_hostile_ids import run as command

heard: list[HookEvent] = []


async def numbers(first: int) -> list[int]:
    await asyncio.sleep(1)
    return [first, first + 1, first + 2]


async def square(number: int) -> int:
    await asyncio.sleep(number)
    return number * number


async def shaky(ctx: Context) -> str:
    await asyncio.sleep(2)
    if ctx.attempt < 3:
        raise ConnectionError(f"try {ctx.attempt} of {ctx.run_id}")
    return "steady"


async def broken(first: int) -> None:
    await asyncio.sleep(0.5)
    raise LookupError(f"nothing at {first}")


def after(value: Any) -> None:
    del value


def hear(event: HookEvent) -> None:
    heard.append(event)


ACTIONS = [numbers, square, shaky, broken, after, hear]
FLOW: dict[str, Any] = {
    "name": "clauses",
    "inputs": {"first": {"type": "int"}},
    "config": {"on_failure": "continue"},
    "hooks": {"node_success": "hear", "node_retry": "hear", "node_failure": "hear", "run_end": "hear"},
    "nodes": [
        {"id": "numbers", "action": "numbers", "inputs": {"first": "inputs.first"}},
        {"id": "square", "action": "square", "map": {"over": "numbers", "item": "number"}},
        {"id": "shaky", "action": "shaky", "try_count": 3, "retry_strategy": {"linear": {"delay_secs": 4}}},
        {"id": "broken", "action": "broken", "inputs": {"first": "inputs.first"}},
        {"id": "never", "action": "after", "inputs": {"value": "broken"}},
        {"id": "asked", "approval": {"message": "Well?", "type": "bool"}, "dependencies": ["square"]},
        {"id": "last", "action": "after", "inputs": {"value": "asked"}},
    ],
}
STATES = {
    "numbers": "succeeded", "square": "succeeded", "shaky": "succeeded", "broken": "failed", "never": "skipped",
    "asked": "waiting", "last": "pending",
}  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ActorSystem, Simulation]]:
    """Two runs of the flow, side by side; each waits for its answer."""
    heard.clear()
    with simulate(1, tmp_path_factory.mktemp("clauses")) as sim, sim.system(actions=ACTIONS) as system:
        runs = [system.flows.start(FLOW, {"first": first}, run_id=f"run-{first}") for first in (1, 2)]
        for run in runs:
            run.wait()
        yield system, sim


@pytest.fixture(scope="module")
def picture(played: tuple[ActorSystem, Simulation]) -> Picture:
    flows = played[0].flows
    return picture_of_run(flows.definition("run-1"), flows.report("run-1"))


def test_states_have_colours_in_all_three_formats(picture: Picture) -> None:
    """Law: each node has the colour of its state, and the word; no state of a node has another's colours."""
    assert {node.title: node.state for node in picture.nodes} == STATES
    dot, mermaid, svg = write_dot(picture).split("\n"), write_mermaid(picture), ET.fromstring(write_svg(picture))
    classes = {
        one: state for members, state in re.findall(r"  class ([n\d,]+) (\w+)", mermaid) for one in members.split(",")
    }
    boxes = [one for one in svg.iter(f"{SVG}g") if one.find(f"{SVG}title") is not None]
    style = svg.find(f"{SVG}style")
    assert style is not None
    for number, node in enumerate(picture.nodes):
        assert node.state is not None
        colour = LIGHT[node.state]
        (line,) = [line for line in dot if line.startswith(f"  n{number} [")]
        assert f'fillcolor="{colour.fill}"' in line
        assert node.state in line
        assert classes[f"n{number}"] == node.state
        assert f"classDef {node.state} fill:{colour.fill}" in mermaid
        assert boxes[number].get("class") == f"node {node.state}"
        assert f".{node.state} rect{{fill:{colour.fill}" in (style.text or "")
        assert node.state in "".join(boxes[number].itertext())
    fills = [LIGHT[state].fill for state in sorted(set(STATES.values()) - {"skipped"})]
    assert len(set(fills)) == len(fills)  # what is skipped is pale as what is pending, and dashed


def test_inputs_outputs_and_errors_are_shown(picture: Picture) -> None:
    """Law: a closer look at a box tells what it was given, what it gave, how it failed, how often it was tried, and what it asks."""
    facts = {node.title: dict(node.facts) for node in picture.nodes}
    assert "first = inputs.first" in facts["numbers"]["input"]
    assert facts["numbers"]["given"] == "first = 1"
    assert facts["numbers"]["output"] == "[1,2,3]"
    assert facts["broken"]["error"] == "LookupError: nothing at 1"
    assert facts["shaky"]["attempts"] == "3"
    assert facts["square"]["invocations"] == "3 succeeded"
    assert facts["asked"]["message"] == "Well?"
    assert facts["never"]["reason"] == "dependency 'broken' failed"
    told = {one.text for one in ET.fromstring(write_svg(picture)).iter(f"{SVG}title")}
    dot, mermaid = write_dot(picture), write_mermaid(picture)
    for node in picture.nodes:
        for name, text in node.facts:
            assert any(f"{name}: {text}" in (one or "") for one in told)
            assert f"{name}: {text}".replace('"', '\\"') in dot
    assert "LookupError#58; nothing at 1" in mermaid
    assert_pictures(picture)


def test_a_definition_is_drawn_without_states(played: tuple[ActorSystem, Simulation]) -> None:
    """Law: what has not run has no state and no colour of one."""
    picture = played[0].flows.definition("run-1").picture()
    assert {node.state for node in picture.nodes} == {None}
    assert "fillcolor" not in write_dot(picture)
    assert "class " not in write_mermaid(picture)
    assert_pictures(picture)


def test_the_command_draws_the_tree_the_levels_and_the_gantt(
    played: tuple[ActorSystem, Simulation], tmp_path: Path
) -> None:
    """Law: what A15 names can be had by a command, from the file alone."""
    db = ("--db", str(played[1].path))
    lines = command("tree", "run-1", *db)[1].splitlines()
    assert [line.split("─ ")[1].split("  ")[0] for line in lines[1:]] == [
        "numbers", "square", "asked", "last", "shaky", "broken", "never",
    ]  # fmt: skip
    assert "LookupError: nothing at 1" in lines[6]
    levels = [line.split() for line in command("tree", "run-1", "--levels", *db)[1].splitlines()[1:]]
    assert levels == [["0", "numbers,", "shaky,", "broken"], ["1", "square,", "never"], ["2", "asked"], ["3", "last"]]
    gantt = assert_svg(command("graph", "--run", "run-1", "--gantt", *db)[1])
    kinds = [one.get("class") for one in gantt.iter(f"{SVG}g")]
    assert kinds.count("bar failed") == 3 + 1  # two tries, the broken one; the legend
    assert kinds.count("retry") == 2 + 1
    assert "outside" in kinds
    for kind in ("dot", "mermaid", "svg"):
        assert command("graph", "--run", "run-1", "-o", str(tmp_path / f"run.{kind}"), "--format", kind, *db)[0] == 0


def test_events_carry_the_real_run_id_attempt_and_duration(played: tuple[ActorSystem, Simulation]) -> None:
    """Law: of two runs at once each has its own events; each attempt its number, its error, and the time that it took."""
    system, sim = played
    for first in (1, 2):
        events = list(system.events(f"run-{first}"))
        assert {one.run_id for one in events} == {f"run-{first}"}
        shaky = [one for one in events if one.node_id == "shaky"]
        assert [(one.kind, one.attempt, one.name) for one in shaky] == [
            ("started", 1, "running"), ("ended", 1, "failed"),
            ("waiting", 2, "waiting"), ("started", 2, "running"), ("ended", 2, "failed"),
            ("waiting", 3, "waiting"), ("started", 3, "running"), ("ended", 3, "succeeded"),
        ]  # fmt: skip
        assert [one.duration_us for one in shaky if one.kind == "ended"] == [pytest.approx(2e6, rel=0.01)] * 3
        assert [one.error.message for one in shaky if one.error] == [f"try 1 of run-{first}", f"try 2 of run-{first}"]
        items = {
            one.invocation_key: one.duration_us for one in events if one.node_id == "square" and one.kind == "ended"
        }
        assert [round(items[key] / 1e6) for key in ("0", "1", "2")] == [first, first + 1, first + 2]  # type: ignore[operator]
        assert round((items[""] or 0) / 1e6) == first + 2
        read = command("tail", f"run-{first}", "--json", "--db", str(sim.path))[1].splitlines()
        assert [msgspec.json.decode(line, type=Event) for line in read] == events


def test_what_hooks_are_told_carries_them_too(played: tuple[ActorSystem, Simulation]) -> None:
    """Law: a hook knows of which run, which attempt, and how long that took."""
    for first in (1, 2):
        mine = [one for one in heard if one.run_id == f"run-{first}"]
        told = [(one.node_id, one.attempt, round(one.duration_s or 0, 1)) for one in mine]
        assert [one for one in told if one[0] == "shaky"] == [("shaky", 1, 2.0), ("shaky", 2, 2.0), ("shaky", 3, 2.0)]
        assert ("broken", 1, 0.5) in told
    assert {one.run_id for one in heard} == {"run-1", "run-2"}
