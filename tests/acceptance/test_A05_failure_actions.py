"""A05, failure actions: called once, with the error, when a node has failed for good; whatever the policy does then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Fatal, NodeError, Report
from dagger_actors.errors import DefinitionError
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation


def breaks(order: str) -> None:
    raise ValueError(f"no stock for {order}")


def quiet() -> int:
    return 1


def refund(error: NodeError, order: str) -> str:
    return f"{order}: {error.node_id} {error.type} {error.message} {error.attempt}"


def spec(policy: str) -> dict[str, Any]:
    ship = {
        "id": "ship",
        "action": "breaks",
        "inputs": {"order": {"value": "A17"}},
        "try_count": 2,
        "failure": "refund",
    }
    nodes = [ship, {"id": "after", "action": "quiet", "dependencies": ["ship"]}, {"id": "beside", "action": "quiet"}]
    return {"name": "shop", "config": {"on_failure": policy, "retry_strategy": "immediate"}, "nodes": nodes}


def check(report: Report, policy: str) -> None:
    assert report.state == ("paused" if policy == "pause" else "failed")
    assert report.error == "ship: ValueError: no stock for A17"
    (called,) = (node for node in report.nodes if node.called_for)
    assert (called.called_for, called.state) == ("failure", "succeeded")
    assert called.output == "A17: ship builtins.ValueError no stock for A17 2"


@pytest.mark.parametrize("policy", ["continue", "stop", "pause"])
def test_a_failure_action_is_called_once_with_the_error_whenever_its_process_dies(policy: str) -> None:
    """Law: once in the file under each policy, also when the run is stopped; the node and the run stay failed."""

    def refunds(sim: Simulation) -> None:
        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec(policy), run_id="r").wait()

        check(sim.keep_going(play, actions=[breaks, quiet, refund]), policy)

    assert explore(refunds, seeds=2, crash="every_commit").commits > 3


def test_a_failure_action_that_fails_adds_its_own_error_and_no_other_call(tmp_path: Path) -> None:
    """Law: the run's error is that of the node; the action's is its own."""

    def worse(error: NodeError) -> None:
        raise Fatal(f"on top of {error.message}")

    nodes = [{"id": "a", "action": "breaks", "inputs": {"order": {"value": "B"}}, "failure": "worse"}]
    with ActorSystem(tmp_path / "a.db", actions=[breaks, worse]) as system:
        report = system.flows.start({"name": "f", "nodes": nodes}).wait(30)
    assert report.error == "a: ValueError: no stock for B"
    assert [(node.called_for, node.state) for node in report.nodes] == [("", "failed"), ("failure", "failed")]


def test_a_mapped_node_calls_its_failure_action_once_for_all_its_items(tmp_path: Path) -> None:
    """Law: the node fails as one, when its items have ended."""

    def each(item: int) -> int:
        if item % 2:
            raise ValueError(str(item))
        return item

    def tell(error: NodeError) -> str:
        return error.message

    nodes = [{"id": "a", "action": "each", "map": {"over": "inputs.items", "item": "item"}, "failure": "tell"}]
    with ActorSystem(tmp_path / "a.db", actions=[each, tell]) as system:
        report = system.flows.start({"name": "f", "nodes": nodes}, {"items": [1, 2, 3]}).wait(30)
    assert [node.output for node in report.nodes if node.called_for] == [
        "2 of 3 items failed; the first is item '0': ValueError: 1"
    ]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("refnud", "unknown action 'refnud'"),
        ("needs_more", "nothing gives the parameter 'address' of the failure action 'needs_more'"),
        (7, "failure must be text"),
    ],
)
def test_a_failure_action_that_cannot_be_called_is_refused_at_load(tmp_path: Path, failure: Any, message: str) -> None:
    """Law: with the node's place, and what to do."""

    def needs_more(error: NodeError, address: str) -> None:
        del error, address

    node = {"id": "a", "action": "breaks", "inputs": {"order": {"value": "B"}}, "failure": failure}
    with (
        ActorSystem(tmp_path / "a.db", actions=[breaks, refund, needs_more]) as system,
        pytest.raises(DefinitionError, match=message),
    ):
        system.flows.start({"name": "f", "nodes": [node]})
