"""A09, agent-driven flows: a supervisor adds what is to be done next, until it has enough; on virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, GrowthRefused, RunFailed
from dagger_actors.cli.tree import tree_lines
from dagger_actors.flow.reports.run_tree import Branch, tree_of
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

ROUNDS = 3


def supervise(question: str, step: int, ctx: Context) -> dict[str, Any]:
    """Two searches and the next step, three times; then a review of all."""
    if step < ROUNDS:
        searches = [
            {
                "id": f"search_{step}_{side}",
                "action": "search",
                "dependencies": [ctx.node_id],
                "inputs": {"question": {"reference": "inputs.question"}, "side": {"value": side}},
            }
            for side in ("left", "right")
        ]
        following = {
            "id": f"step_{step + 1}",
            "action": "supervise",
            "dependencies": [search["id"] for search in searches],
            "inputs": {"question": {"reference": "inputs.question"}, "step": {"value": step + 1}},
        }
        assert ctx.add_nodes([*searches, following]) == tuple(one["id"] for one in [*searches, following])
        return {"decision": "search"}
    inputs = {f"{side}_{at}": f"search_{at}_{side}" for at in range(1, ROUNDS) for side in ("left", "right")}
    review = {"id": "review", "action": "review", "dependencies": [ctx.node_id], "inputs": inputs}
    ctx.add_nodes([review])
    return {"decision": "review"}


def search(question: str, side: str) -> str:
    return f"{question} {side}"


def review(**found: str) -> list[str]:
    return sorted(found.values())


ACTIONS = [supervise, search, review]
FLOW: dict[str, Any] = {
    "name": "research",
    "inputs": {"question": {"type": "str"}},
    "nodes": [
        {
            "id": "step_1",
            "action": "supervise",
            "inputs": {"question": {"reference": "inputs.question"}, "step": {"value": 1}},
        }
    ],
}
ADDED = ["search_1_left", "search_1_right", "step_2", "search_2_left", "search_2_right", "step_3", "review"]


def test_a_supervisor_adds_searches_the_next_step_and_a_review_and_stops(tmp_path: Path) -> None:
    """Law: what a step adds runs after it, with its own inputs; the run ends when nobody adds any more."""
    with ActorSystem(tmp_path / "a.db", actions=ACTIONS) as system:
        run = system.flows.start(FLOW, {"question": "why"})
        assert run.result() == {"review": ["why left", "why left", "why right", "why right"]}
        report = run.wait()
    assert [node.node_id for node in report.nodes] == ["step_1", *ADDED]
    assert {node.state for node in report.nodes} == {"succeeded"}


def test_the_execution_tree_shows_who_added_what(tmp_path: Path) -> None:
    """Law: each node that was added stands beneath what it waited for, with the step that added it, in the terminal too."""
    with ActorSystem(tmp_path / "a.db", actions=ACTIONS) as system:
        report = system.flows.start(FLOW, {"question": "why"}, run_id="r").wait()
        definition = system.flows.definition("r")
    branches = tree_of(definition, report)
    check_tree(branches)
    lines = "\n".join(line.plain for line in tree_lines(branches, 100))
    assert all(node in lines for node in ADDED)


def check_tree(branches: Sequence[Branch]) -> None:
    """Each node beneath what it waited for, with the step that added it."""
    tree = {branch.node_id: (branch.parent, branch.added_by) for branch in branches}
    assert set(tree) == {"step_1", *ADDED}
    assert tree["step_1"] == (None, None)
    for step in (1, 2):
        for side in ("left", "right"):
            assert tree[f"search_{step}_{side}"] == (f"step_{step}", f"step_{step}")
        parent, added_by = tree[f"step_{step + 1}"]
        assert (parent in (f"search_{step}_left", f"search_{step}_right"), added_by) == (True, f"step_{step}")
    assert tree["review"][1] == "step_3"


def grows_a_tree(sim: Simulation) -> None:
    def play(system: ActorSystem) -> Sequence[Branch]:
        report = system.flows.start(FLOW, {"question": "why"}, run_id="r").wait()
        return tree_of(system.flows.definition("r"), report)

    branches = sim.keep_going(play, actions=ACTIONS)
    check_tree(branches)
    assert {branch.state for branch in branches} == {"succeeded"}
    # Somebody who has none of the code sees the same.
    seen = sim.keep_going(lambda system: tree_of(system.flows.definition("r"), system.flows.report("r")))
    assert seen == branches


def test_whichever_commit_a_process_dies_at_the_execution_tree_shows_who_added_what() -> None:
    """Law: as without a death: what was added again is there once, beneath the step whose attempt has succeeded."""
    assert explore(grows_a_tree, seeds=1, crash="every_commit").commits >= 8


def research(sim: Simulation) -> None:
    done: list[str] = []

    def search(question: str, side: str, ctx: Context) -> str:
        done.append(ctx.node_id)
        return f"{question} {side}"

    def play(system: ActorSystem) -> Any:
        return system.flows.start(FLOW, {"question": "why"}, run_id="r")

    actions = [supervise, search, review]
    assert sim.keep_going(lambda system: play(system).result(), actions=actions) == {
        "review": ["why left", "why left", "why right", "why right"]
    }
    report = sim.keep_going(lambda system: play(system).wait(), actions=actions)
    assert [node.node_id for node in report.nodes if node.state == "succeeded"] == ["step_1", *ADDED]
    assert set(done) == {one for one in ADDED if one.startswith("search")}


def test_growth_survives_a_death_before_and_after_every_commit() -> None:
    """Law: what was added with a step that has succeeded is there, once; what was not is added again with the step."""
    explored = explore(research, seeds=2, crash="every_commit")
    assert explored.commits >= 8


def test_max_iterations_halts_a_flow_that_never_has_enough(tmp_path: Path) -> None:
    """Law: the step that goes one too far fails and says so; the file's own nodes are no iteration."""

    def more(ctx: Context) -> int:
        number = int(ctx.node_id) + 1
        ctx.add_nodes([{"id": str(number), "action": "more"}])
        return number

    spec = {"name": "endless", "config": {"max_iterations": 5}, "nodes": [{"id": "0", "action": "more"}]}
    with ActorSystem(tmp_path / "a.db", actions=[more]) as system:
        run = system.flows.start(spec)
        with pytest.raises(RunFailed, match="iteration 6, and the flow's max_iterations is 5"):
            run.result()
        assert [(node.node_id, node.state) for node in run.wait().nodes] == [
            *((str(number), "succeeded") for number in range(5)),
            ("5", "failed"),
        ]


def test_who_comes_to_max_iterations_may_end_with_what_there_is(tmp_path: Path) -> None:
    """Law: one too many is refused where it is added, as in a replay; an action that catches that goes on."""

    def more(ctx: Context) -> str:
        try:
            ctx.add_nodes([{"id": str(int(ctx.node_id) + 1), "action": "more"}])
        except GrowthRefused as refused:
            return str(refused)
        return "more"

    spec = {"name": "enough", "config": {"max_iterations": 2}, "nodes": [{"id": "0", "action": "more"}]}
    with ActorSystem(tmp_path / "a.db", actions=[more]) as system:
        outputs = system.flows.start(spec).result()
    assert "these nodes would be iteration 3, and the flow's max_iterations is 2" in outputs["2"]


def never_has_enough(sim: Simulation) -> None:
    done: list[str] = []

    def more(ctx: Context) -> None:
        done.append(ctx.node_id)
        ctx.add_nodes([{"id": str(int(ctx.node_id) + 1), "action": "more"}])

    spec = {"name": "endless", "config": {"max_iterations": 3}, "nodes": [{"id": "0", "action": "more"}]}
    report = sim.keep_going(lambda system: system.flows.start(spec, run_id="r").wait(), actions=[more])
    assert [(node.node_id, node.state) for node in report.nodes] == [
        *((str(number), "succeeded") for number in range(3)),
        ("3", "failed"),
    ]
    assert "iteration 4, and the flow's max_iterations is 3" in (report.error or "")
    assert set(done) == {"0", "1", "2", "3"}
    assert len(done) <= 4 + len(sim.deaths)


def test_whichever_commit_a_process_dies_at_max_iterations_halts_the_flow() -> None:
    """Law: what was added before a death counts after it, once, though a step is done again."""
    assert explore(never_has_enough, seeds=2, crash="every_commit").commits >= 4


BAD: dict[str, tuple[list[dict[str, Any]], str]] = {
    "an unknown action": ([{"id": "a", "action": "serch"}], "unknown action 'serch'"),
    "a missing dependency": (
        [{"id": "a", "action": "noop", "dependencies": ["gro"]}],
        "unknown dependency 'gro'.*'grow'",
    ),
    "a cycle": (
        [
            {"id": "a", "action": "noop", "dependencies": ["b"]},
            {"id": "b", "action": "noop", "dependencies": ["a"]},
        ],
        "form a cycle: a -> b -> a",
    ),
    "itself": ([{"id": "a", "action": "noop", "dependencies": ["a"]}], "depends on itself"),
    "an id of the run": ([{"id": "grow", "action": "noop"}], "the id 'grow' is doubled; the run has it already"),
    "a doubled id": ([{"id": "a", "action": "noop"}, {"id": "a", "action": "noop"}], "the id 'a' is doubled"),
    "an unknown key": ([{"id": "a", "action": "noop", "timeuot": 3}], "timeuot"),
    "no ancestor": (
        [{"id": "a", "action": "search", "dependencies": [], "inputs": {"question": "grow", "side": "grow"}}],
        "'grow' is not an ancestor",
    ),
    "a missing input": ([{"id": "a", "action": "search"}], "nothing gives the parameter 'question'"),
    "an undeclared input": (
        [{"id": "a", "action": "search", "inputs": {"question": "inputs.why", "side": {"value": "x"}}}],
        "the input 'why', which the flow does not declare",
    ),
    "no plain data": ([{"id": object()}], "plain data"),
    "no node": ([7], "a node must be a mapping"),  # type: ignore[list-item]
}


def test_one_node_that_is_given_without_a_list_is_told_so(tmp_path: Path) -> None:
    """Law: the keys of a node are not taken for nodes."""

    def grow(ctx: Context) -> str:
        with pytest.raises(GrowthRefused, match=r"as a list, and this is one node alone: write \[\{...\}\]"):
            ctx.add_nodes({"id": "a", "action": "grow"})  # type: ignore[arg-type]
        return "refused"

    with ActorSystem(tmp_path / "a.db", actions=[grow]) as system:
        run = system.flows.start({"name": "f", "nodes": [{"id": "grow", "action": "grow"}]})
        assert run.result() == {"grow": "refused"}


@pytest.mark.parametrize("what", BAD)
def test_nodes_that_the_run_cannot_take_are_refused_where_they_are_added(tmp_path: Path, what: str) -> None:
    """Law: each its own error at the call, one bad node adds none, and the run is as it was."""
    nodes, message = BAD[what]

    def noop() -> None:
        return None

    def grow(ctx: Context) -> str:
        with pytest.raises(GrowthRefused, match=message):
            ctx.add_nodes([{"id": "good", "action": "noop"}, *nodes])
        return "refused"

    spec = {"name": "f", "inputs": {}, "nodes": [{"id": "grow", "action": "grow"}]}
    with ActorSystem(tmp_path / "a.db", actions=[grow, noop, search]) as system:
        run = system.flows.start(spec)
        assert run.result() == {"grow": "refused"}
        assert len(run.wait().nodes) == 1
