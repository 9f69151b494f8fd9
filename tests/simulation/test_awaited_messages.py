"""Nodes that await messages, on virtual time: what meets them, what does not, and what a death or a late message changes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Context, Report
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

PATIENCE_S = 600


class Payment(msgspec.Struct, frozen=True):
    order: str
    amount: float = 1.0
    by: dict[str, Any] = {}
    note: str = ""


PAYMENTS = Channel("payments", Payment)


def total(amount: float) -> float:
    return amount


def name_of() -> dict[str, str]:
    return {"order": "7"}


def flow(*, match: dict[str, Any] | None = None, **awaited: Any) -> dict[str, Any]:
    if match is not None:
        awaited["match"] = match
    return {
        "name": "shop",
        "nodes": [
            {"id": "paid", "await_message": {"channel": "payments", **awaited}},
            {"id": "total", "action": "total", "inputs": {"amount": "paid.amount"}},
        ],
        "outputs": {"total": "total", "paid": "paid"},
    }


def opened(sim: Simulation, **options: Any) -> ActorSystem:
    return sim.system(**{"actions": [total, name_of], "channels": [PAYMENTS], **options})


def started(sim: Simulation, system: ActorSystem, spec: dict[str, Any], run_id: str = "r", **inputs: Any) -> None:
    system.flows.start(spec, inputs, run_id=run_id)
    sim.settle()


def states(report: Report) -> dict[str, str]:
    return {node.node_id: node.state for node in report.nodes if node.state != "pending"}


def test_the_message_is_the_output_of_its_node(sim: Simulation) -> None:
    """Law: a node that awaits a message succeeds with the next one; its fields are outputs by name."""
    system = opened(sim)
    started(sim, system, flow())
    report = system.flows.report("r")
    assert (report.nodes[0].state, report.nodes[0].reason) == ("waiting", "message")
    system.channels.publish("payments", Payment("7", 12.5))
    report = system.flows.run("r").wait(PATIENCE_S)
    assert report.state == "succeeded"
    assert report.outputs == {"total": 12.5, "paid": {"order": "7", "amount": 12.5, "by": {}, "note": ""}}
    assert report.nodes[0].reason == "message 0 of 'payments'"


def test_a_long_message_is_an_artifact(sim: Simulation) -> None:
    """Law: an output over 1 KiB is an artifact, a message too."""
    system = opened(sim)
    started(sim, system, flow())
    system.channels.publish("payments", Payment("7", 3, note="x" * 5000))
    report = system.flows.run("r").wait(PATIENCE_S)
    assert report.outputs["total"] == 3
    assert report.outputs["paid"]["note"] == "x" * 5000


def test_what_was_published_before_counts_only_from_the_earliest_on(sim: Simulation) -> None:
    """Law: ``from: latest`` takes what is published after the node has begun to wait, ``earliest`` what was there too."""
    system = opened(sim)
    system.channels.publish("payments", Payment("7", 1))
    started(sim, system, flow(), "latest")
    started(sim, system, flow(**{"from": "earliest"}), "earliest")
    assert states(system.flows.report("latest")) == {"paid": "waiting"}
    assert system.flows.run("earliest").wait(PATIENCE_S).outputs["total"] == 1
    system.channels.publish("payments", Payment("7", 2))
    assert system.flows.run("latest").wait(PATIENCE_S).outputs["total"] == 2


def test_a_message_meets_only_what_it_matches(sim: Simulation) -> None:
    """Law: each field of ``match`` must equal its value, as JSON means it: from inputs, outputs of nodes, and literals."""
    spec = flow(match={"order": "named.order", "amount": {"value": 2}, "by.card.last": "inputs.last"})
    spec["nodes"].insert(0, {"id": "named", "action": "name_of"})
    system = opened(sim)
    started(sim, system, spec, last=4)
    for wrong in (
        Payment("7", 2.0),
        Payment("8", 2.0, {"card": {"last": 4}}),
        Payment("7", 2.5, {"card": {"last": 4}}),
        Payment("7", 2.0, {"card": {"last": "4"}}),
        Payment("7", 2.0, {"card": 4}),
    ):
        system.channels.publish("payments", wrong)
    sim.settle()
    assert states(system.flows.report("r"))["paid"] == "waiting"
    system.channels.publish("payments", Payment("7", 2.0, {"card": {"last": 4.0}}))
    report = system.flows.run("r").wait(PATIENCE_S)
    assert report.nodes[1].reason == "message 5 of 'payments'"


@pytest.mark.parametrize(("one", "other"), [(True, 1), (False, 0), (None, 0), ("1", 1), ([1], [2]), ({"a": 1}, {})])
def test_values_of_another_kind_do_not_match(sim: Simulation, one: object, other: object) -> None:
    """Law: true is not 1, null is not absent or 0, a text is not the number that it spells."""
    system = opened(sim)
    started(sim, system, flow(match={"by.it": {"value": one}}))
    system.channels.publish("payments", Payment("7"))
    system.channels.publish("payments", Payment("7", by={"it": other}))
    sim.settle()
    assert states(system.flows.report("r")) == {"paid": "waiting"}
    system.channels.publish("payments", Payment("7", by={"it": one}))
    assert system.flows.run("r").wait(PATIENCE_S).nodes[0].reason == "message 2 of 'payments'"


def test_one_message_meets_all_who_wait_for_it(sim: Simulation) -> None:
    """Law: waiting takes nothing from others: each node that a message meets has it."""
    spec = flow()
    spec["nodes"].append({"id": "again", "await_message": {"channel": "payments", "match": {"order": {"value": "7"}}}})
    system = opened(sim)
    for run in ("one", "two"):
        started(sim, system, spec, run)
    system.channels.publish("payments", Payment("7", 5))
    for run in ("one", "two"):
        report = system.flows.run(run).wait(PATIENCE_S)
        assert states(report) == {"paid": "succeeded", "total": "succeeded", "again": "succeeded"}


def test_many_waits_of_one_run_are_met_each_by_its_own(sim: Simulation) -> None:
    """Law: however many wait, each has the message with its own value, and the first of those."""
    count = 60
    nodes = [
        {"id": f"n{at}", "await_message": {"channel": "payments", "match": {"order": {"value": str(at)}}}}
        for at in range(count)
    ]
    system = opened(sim)
    started(sim, system, {"name": "many", "nodes": nodes})
    for at in reversed(range(count)):
        for amount in (at, -1):
            system.channels.publish("payments", Payment(str(at), amount))
    report = system.flows.run("r").wait(PATIENCE_S)
    assert [node.output["amount"] for node in report.nodes] == [*range(count)]


def test_a_message_that_does_not_come_in_time_times_its_node_out(sim: Simulation) -> None:
    """Law: ``timeout_s`` ends the node as ``timed_out``, and its policy decides about the run, as for any node."""
    system = opened(sim)
    started(sim, system, flow(timeout_s=50))
    sim.advance(49)
    assert states(system.flows.report("r")) == {"paid": "waiting"}
    sim.advance(2)
    report = system.flows.report("r")
    assert (report.state, states(report)) == ("failed", {"paid": "timed_out", "total": "skipped"})
    assert report.nodes[0].attempts[-1].error is not None
    assert report.nodes[0].attempts[-1].error.message == "no message came within its timeout_s of 50 s"


def test_on_failure_holds_for_a_wait_too(sim: Simulation) -> None:
    """Law: the branch for a failure runs after a wait that was too long."""
    spec = flow(timeout_s=5)
    spec["nodes"][0]["on_failure"] = "continue"
    spec["nodes"].append({"id": "remind", "action": "name_of", "dependencies": ["paid"], "trigger": "any_failed"})
    system = opened(sim)
    started(sim, system, spec)
    sim.advance(6)
    report = system.flows.report("r")
    assert states(report) == {"paid": "timed_out", "total": "skipped", "remind": "succeeded"}


def test_what_came_in_time_is_taken_though_nobody_looked_until_later(sim: Simulation) -> None:
    """Law: with nobody to run it a wait goes on: a message of before its time is up is the answer, one of after it is not."""
    for published_at_s, state in ((40, "succeeded"), (60, "timed_out")):
        run_id = f"at {published_at_s}"
        system = opened(sim)
        started(sim, system, flow(match={"order": {"value": run_id}}, timeout_s=50), run_id)
        sim.kill(system)
        sim.advance(published_at_s)
        other = opened(sim)
        other.channels.publish("payments", Payment(run_id))
        sim.advance(200 - published_at_s)
        sim.kill(other)
        system = opened(sim, recover=True)
        sim.settle()
        sim.advance(1)
        assert states(system.flows.report(run_id))["paid"] == state
        sim.kill(system)


def test_a_cancelled_run_waits_no_more(sim: Simulation) -> None:
    """Law: cancelling a run cancels what it waits for; a message that comes later changes nothing."""
    system = opened(sim)
    started(sim, system, flow(timeout_s=50))
    assert states(system.flows.cancel("r")) == {"paid": "cancelled", "total": "skipped"}
    system.channels.publish("payments", Payment("7"))
    sim.advance(60)
    assert system.flows.report("r").state == "cancelled"


def test_a_retry_takes_what_came_too_late(sim: Simulation) -> None:
    """Law: an attempt after one that got nothing goes on from where that one began to wait, with all its time again."""
    system = opened(sim)
    system.channels.publish("payments", Payment("7", 1))
    started(sim, system, flow(timeout_s=5))
    sim.advance(6)
    system.channels.publish("payments", Payment("7", 2))
    system.flows.retry("r")
    report = system.flows.run("r").wait(PATIENCE_S)
    assert (report.state, report.outputs["total"]) == ("succeeded", 2)


def test_a_node_that_is_told_to_run_again_waits_for_another_message(sim: Simulation) -> None:
    """Law: ``retry --from`` of a node that had its message takes a new one, not the same again."""
    system = opened(sim)
    started(sim, system, flow())
    system.channels.publish("payments", Payment("7", 1))
    assert system.flows.run("r").wait(PATIENCE_S).outputs["total"] == 1
    system.flows.retry("r", start_from=["paid"])
    sim.settle()
    assert states(system.flows.report("r"))["paid"] == "waiting"
    system.channels.publish("payments", Payment("7", 2))
    assert system.flows.run("r").wait(PATIENCE_S).outputs["total"] == 2


def test_what_another_process_publishes_is_found(sim: Simulation) -> None:
    """Law: who publishes does not matter; the file does."""
    system, other = opened(sim), opened(sim)
    started(sim, system, flow())
    other.channels.publish("payments", Payment("7", 4))
    sim.advance(2)
    assert system.flows.report("r").state == "succeeded"


def test_a_pause_keeps_the_wait(sim: Simulation) -> None:
    """Law: what is published while a run is paused is there when it goes on."""
    spec = flow()
    spec["nodes"].append(
        {"id": "lost", "action": "total", "inputs": {"amount": "inputs.amount"}, "on_failure": "pause"}
    )
    system = opened(sim)
    started(sim, system, spec, amount="none")
    assert system.flows.report("r").state == "paused"
    system.channels.publish("payments", Payment("7", 4))
    sim.settle()
    assert states(system.flows.report("r"))["paid"] == "waiting"
    system.flows.resume("r")
    sim.settle()
    assert states(system.flows.report("r"))["paid"] == "succeeded"


def story(sim: Simulation) -> None:
    """A run waits for two messages, one after the other; the second is published when the first has come."""
    spec = {
        "name": "two",
        "nodes": [
            {"id": "first", "await_message": {"channel": "payments", "match": {"order": {"value": "1"}}}},
            {
                "id": "second",
                "dependencies": ["first"],
                "await_message": {"channel": "payments", "match": {"order": {"value": "2"}}, "timeout_s": 1000},
            },
            {"id": "total", "action": "total", "inputs": {"amount": "second.amount"}},
        ],
    }

    def is_waiting(system: ActorSystem, node_id: str) -> bool:
        found = [one for one in system.flows.report("r").nodes if one.node_id == node_id]
        return bool(found) and found[0].state != "pending"

    def work(system: ActorSystem) -> Report:
        run = system.flows.start(spec, run_id="r")
        for node_id, order in (("first", "1"), ("second", "2")):
            while not is_waiting(system, node_id):
                system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)
                sim.advance(0.01)
            system.channels.publish("payments", Payment(order, float(order)), id=order)
        return run.wait(PATIENCE_S)

    report = sim.keep_going(work, actions=[total], channels=[PAYMENTS])
    assert report.state == "succeeded"
    assert [node.attempts[-1].attempt for node in report.nodes[:2]] == [1, 1], "a death ends no wait"
    assert report.outputs == {"total": 2.0}


@pytest.mark.parametrize("seeds", [1, pytest.param(50, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_whichever_commit_the_worker_dies_at_each_message_is_taken_once(seeds: int) -> None:
    """Law: FAULTS 1 for waits: published after the wait began is never missed, and each node has one result."""
    assert explore(story, seeds, crash="every_commit").commits >= 4


def ask_for(ctx: Context) -> str:
    ctx.add_nodes(
        [
            {"id": "id", "action": "name_of"},
            {"id": "reply", "await_message": {"channel": "payments", "match": {"order": "id.order"}}},
        ]
    )
    return "asked"


def ask_amiss(ctx: Context) -> str:
    ctx.add_nodes([{"id": "reply", "await_message": {"channel": "paymets"}}])
    return "asked"


def test_an_action_may_add_a_node_that_awaits_a_message(sim: Simulation) -> None:
    """Law: added nodes await as those of the file do, and one whose channel nobody knows is refused where it is added."""
    system = opened(sim, actions=[ask_for, ask_amiss, name_of])
    started(sim, system, {"name": "asks", "nodes": [{"id": "ask", "action": "ask_for"}]})
    system.channels.publish("payments", Payment("6"))
    system.channels.publish("payments", Payment("7", 8))
    report = system.flows.run("r").wait(PATIENCE_S)
    assert states(report) == {"ask": "succeeded", "id": "succeeded", "reply": "succeeded"}
    assert report.nodes[-1].output["amount"] == 8
    wrong = system.flows.start({"name": "asks", "nodes": [{"id": "ask", "action": "ask_amiss"}]}).wait(PATIENCE_S)
    assert wrong.state == "failed"
    assert "knows the channel 'paymets' (Did you mean 'payments'?)" in (wrong.error or "")


def test_a_message_is_kept_for_who_awaits_it(sim: Simulation) -> None:
    """Law: retention spares what a running flow may take yet, though nobody runs it, and deletes what it has passed over."""
    brief = Channel("payments", Payment, retain_age_s=10)
    system = opened(sim, channels=[brief])
    started(sim, system, flow(match={"order": {"value": "7"}}))
    sim.kill(system)
    other = opened(sim, channels=[brief])
    other.channels.publish_many("payments", [Payment("7"), *[Payment("8")] * 1500])
    sim.advance(60)
    assert other.channels.prune() == 0
    sim.kill(other)
    system = opened(sim, channels=[brief], recover=True)
    sim.advance(1)
    assert system.flows.report("r").nodes[0].reason == "message 0 of 'payments'"
    started(sim, system, flow(match={"order": {"value": "9"}}, **{"from": "earliest"}), "s")
    sim.advance(60)
    assert states(system.flows.report("s")) == {"paid": "waiting"}
    assert system.channels.prune() >= 1000
    system.channels.publish("payments", Payment("9"))
    assert system.flows.run("s").wait(PATIENCE_S).state == "succeeded"
