"""What a report says of a run that is tried again: attempts that were made, nodes where the flow has them."""

from typing import Any

from dagger_actors import ActorSystem
from dagger_actors.testing.simulation import Simulation
from tests.acceptance.test_A06_deaths import one

PATIENCE_S = 600
FLOW: dict[str, Any] = {
    "name": "asking",
    "config": {"on_failure": "continue"},
    "nodes": [
        {"id": "first", "action": "one"},
        {"id": "ask", "approval": {"type": "str"}, "dependencies": ["first"]},
        {"id": "last", "action": "refuse", "inputs": {"text": "ask"}},
        {"id": "never", "action": "one", "dependencies": ["last"]},
        {"id": "beside", "action": "one"},
    ],
}


def refuse(text: str) -> str:
    raise ValueError(text)


def answered(system: ActorSystem, text: str) -> None:
    system.flows.signal("r", "ask", text)
    assert system.flows.run("r").wait(PATIENCE_S).state == "failed"


def attempts(system: ActorSystem) -> dict[str, int]:
    return {node.node_id: len(node.attempts) for node in system.flows.report("r").nodes}


def test_what_was_only_to_be_run_again_is_no_attempt(sim: Simulation) -> None:
    """Law: what is counted began, however often a retry took back what had ended."""
    system = sim.system(actions=[one, refuse])
    system.flows.start(FLOW, run_id="r")
    sim.settle()
    answered(system, "no")
    assert attempts(system) == {"first": 1, "ask": 1, "last": 1, "never": 0, "beside": 1}
    system.flows.retry("r", start_from=["ask"])
    sim.settle()
    last = next(node for node in system.flows.report("r").nodes if node.node_id == "last")
    assert (last.state, len(last.attempts)) == ("pending", 1)
    answered(system, "not yet")
    assert attempts(system) == {"first": 1, "ask": 2, "last": 2, "never": 0, "beside": 1}
    told = system.flows.explain("r", "last").sentences
    assert not any("cut off" in sentence for sentence in told)


def test_nodes_are_told_in_the_order_of_the_flow(sim: Simulation) -> None:
    """Law: what has not begun stands where the flow has it, not behind what has."""
    system = sim.system(actions=[one, refuse])
    run = system.flows.start(FLOW, run_id="r")
    sim.settle()
    names = ["first", "ask", "last", "never", "beside"]
    assert [node.node_id for node in system.flows.report("r").nodes] == names
    assert [node.state for node in system.flows.report("r").nodes][1:4] == ["waiting", "pending", "pending"]
    answered(system, "no")
    assert [node.node_id for node in run.wait(PATIENCE_S).nodes] == names
