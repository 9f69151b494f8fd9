"""A resume or a retry that has returned is carried out, whatever dies next: all of it, however wide the run is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dagger_actors import ActorSystem, action
from dagger_actors.flow.machine.book import WINDOW
from dagger_actors.testing.simulation import Simulation


def body(is_repaired: Callable[[], bool]) -> Callable[..., Any]:
    @action(name="body")
    async def body(item: int) -> int:
        if not is_repaired():
            raise ValueError("not yet")
        return item

    return body


def take_up(system: ActorSystem, verb: str) -> None:
    if verb == "retry":
        system.flows.retry("r")
    else:
        system.flows.resume("r")


@pytest.mark.parametrize("items", [1, WINDOW + 40])
@pytest.mark.parametrize(
    ("on_failure", "rest", "verb"), [("continue", "failed", "retry"), ("pause", "paused", "resume")]
)
def test_what_was_taken_up_goes_on_by_itself_after_a_death(
    sim: Simulation, items: int, on_failure: str, rest: str, verb: str
) -> None:
    """The verb returns when everything that is tried again is on the disk, not only what was granted so far."""
    repaired = False
    work = body(lambda: repaired)
    spec_node = {"id": "m", "action": "body", "on_failure": on_failure, "map": {"over": "inputs.items", "item": "item"}}
    spec = {"name": "wide", "inputs": {"items": list(range(items))}, "nodes": [spec_node]}
    system = sim.system(actions=[work])
    assert system.flows.start(spec, run_id="r").wait().state == rest
    repaired = True
    take_up(system, verb)
    sim.kill(system)
    report = sim.system(actions=[work], recover=True).flows.run("r").wait()
    assert report.state == "succeeded", report.error
    assert report.outputs == {"m": list(range(items))}
    tried_again = [[one.state for one in node.attempts if one.state != "interrupted"] for node in report.nodes]
    assert tried_again == [["failed", "succeeded"]] * (1 + items)
