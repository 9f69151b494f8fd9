"""A15 with a death around each commit: what is drawn and told of a run is as without one, but for the attempts it cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagger_actors import ActorSystem, Event, Report
from dagger_actors.drawing.gantt import write_gantt
from dagger_actors.errors import RunNotFound
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.replaying.replaying import replay_attempt
from dagger_actors.flow.reports.report import NodeReport
from dagger_actors.flow.reports.run_diff import diff_runs
from dagger_actors.flow.reports.run_gantt import chart_of_run
from dagger_actors.flow.reports.run_picture import picture_of_run
from dagger_actors.flow.reports.run_tree import levels_of, tree_of
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation
from tests.acceptance.test_A06_deaths import rows
from tests.acceptance.test_A15_clauses import ACTIONS, FLOW, STATES, broken
from tests.acceptance.test_A15_looking import assert_pictures, assert_svg

FACTS = {
    "numbers": {"given": "first = 1", "output": "[1,2,3]"},
    "square": {"invocations": "3 succeeded"},
    "shaky": {"output": '"steady"'},
    "broken": {"error": "LookupError: nothing at 1"},
    "never": {"reason": "dependency 'broken' failed"},
    "asked": {"message": "Well?"},
    "last": {},
}
LEVELS = [["numbers", "shaky", "broken"], ["square", "never"], ["asked"], ["last"]]
PARENTS = {"square": "numbers", "asked": "square", "last": "asked", "never": "broken"}
drawn: set[str] = set()
"""Pictures that have been looked at: most deaths leave the same ones."""


def draw(definition: FlowDefinition, report: Report) -> dict[str, list[str]]:
    """Draw all that can be drawn of a run, and give the states of each node's attempts, as its chart has them."""
    picture = picture_of_run(definition, report, calls=True)
    if (text := repr(picture)) not in drawn:
        assert_pictures(picture)
        drawn.add(text)
    branches = tree_of(definition, report)
    assert [[one.node_id for one in level] for level in levels_of(branches)] == LEVELS
    assert {one.node_id: one.parent for one in branches if one.parent is not None} == PARENTS
    assert {one.node_id: one.state for one in branches}.items() <= {
        box.title: box.state for box in picture.nodes
    }.items()
    chart = chart_of_run(definition, report, now_us=report.created_us + 60_000_000)
    assert_svg(write_gantt(chart))
    return {row.title: [one.state for one in row.segments if one.kind == "running"] for row in chart.rows}


Looked = tuple[FlowDefinition, Report, list[Event]]


def look(sim: Simulation) -> Looked | None:
    """Look with none of the code, though nobody else may be there: it can all be drawn, whatever is in the file."""
    with ActorSystem.look(sim.path) as here:
        try:
            found = here.flows.definition("run-1"), here.flows.report("run-1"), here.flows.events("run-1")
        except RunNotFound:
            return None
    draw(found[0], found[1])
    return found


def check_attempts(node: NodeReport, bars: list[str]) -> None:
    """Each attempt has its bar, and ends as nobody's death had it end; the third one of ``shaky`` is the first to succeed."""
    assert bars == [one.state for one in node.attempts if one.started_us is not None]
    for one in node.attempts:
        expected = ("failed" if one.attempt < 3 else "succeeded") if node.node_id == "shaky" else node.state
        assert one.state in (expected, "interrupted")


def check_events(node: NodeReport, events: list[Event]) -> None:
    """Each attempt that has ended is told once, with its number and its time; one that has not, is not."""
    mine = [
        one
        for one in events
        if one.kind == "ended" and (one.node_id, one.invocation_key) == (node.node_id, node.invocation_key)
    ]
    for attempt in node.attempts:
        told = [one for one in mine if one.attempt == attempt.attempt]
        assert [one.name for one in told] == ([] if attempt.finished_us is None else [attempt.state])
        if told and attempt.started_us is not None and attempt.finished_us is not None:
            assert told[0].duration_us == attempt.finished_us - attempt.started_us


def check_replay(sim: Simulation) -> None:
    """The attempt that failed is made again, with the inputs that it had, and not a row is changed."""
    given: list[dict[str, Any]] = []

    def call(action: Any, inputs: dict[str, Any]) -> None:
        given.append(inputs)
        assert action.function is broken
        raise LookupError("once more")

    before = rows(sim)
    with ActorSystem.look(sim.path) as here:
        done = replay_attempt(
            here.flows, "run-1", "broken", imports=[f"{broken.__module__}:broken"], folder=Path.cwd(),
            call=call, write=lambda _level, _text: None,
        )  # fmt: skip
    assert given == [{"first": 1}]
    assert done.error is not None
    assert done.error.message == "once more"
    assert rows(sim) == before


def is_looked_at(sim: Simulation) -> Report:
    def play(system: ActorSystem) -> Report:
        look(sim)
        return system.flows.start(FLOW, {"first": 1}, run_id="run-1").wait()

    sim.keep_going(play, actions=ACTIONS)
    looked = look(sim)
    assert looked is not None
    definition, report, events = looked
    picture = picture_of_run(definition, report)
    assert {node.title: node.state for node in picture.nodes} == STATES
    for box in picture.nodes:
        assert FACTS[box.title].items() <= dict(box.facts).items()
    bars = draw(definition, report)
    for node in report.nodes:
        if not node.invocation_key and node.node_id in ("numbers", "shaky", "broken"):
            check_attempts(node, bars[node.node_id])
        check_events(node, events)
    interrupted = [one for node in report.nodes for one in node.attempts if one.state == "interrupted"]
    assert bool(interrupted) <= bool(sim.deaths)
    assert {one.run_id for one in events} == {"run-1"}
    check_replay(sim)
    return report


def test_whichever_commit_a_process_dies_at_a_run_is_drawn_and_told_as_it_was() -> None:
    """Law: pictures, tree, levels, chart and events show each attempt that ended as it ended; and no diff tells of a death."""
    first: list[Report] = []

    def does_not_differ(sim: Simulation) -> None:
        first.append(is_looked_at(sim))
        assert diff_runs(first[0], first[-1], ({}, {}), calls=False).is_empty

    assert explore(does_not_differ, seeds=1, crash="every_commit").commits > 10
