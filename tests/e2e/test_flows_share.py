"""``ctx.shared`` of actions with real threads and worker processes: what all runs and tasks of a database have in common."""

from __future__ import annotations

from typing import Any

import pytest

from dagger_actors import Context, SharedConflict, action

PATIENCE_S = 60


@action
def count(ctx: Context, item: int) -> Any:
    ctx.shared.increment("all", "sum", item)
    ctx.shared.put(ctx.run_id, f"item {item}", {"n": item})
    seen = ctx.shared.get(ctx.run_id, f"item {item}")
    ctx.shared.delete(ctx.run_id, f"item {item}")
    return [seen, ctx.shared.get(ctx.run_id, f"item {item}", "gone"), ctx.shared.read("all", "sum").version >= 0]


@action
async def waits(ctx: Context) -> Any:
    ctx.shared.put("all", "other", 1, ttl=3600)
    return await ctx.shared.aget("all", "sum", 0)


@action
def fails(ctx: Context) -> None:
    ctx.shared.put("all", "of a failure", 1)
    raise ValueError("on purpose")


@action
def races(ctx: Context) -> int:
    """Its first attempt is about a version that is not there."""
    entry = ctx.shared.read("all", "raced")
    ctx.shared.put("all", "raced", ctx.attempt, version=7 if ctx.attempt == 1 else entry.version)
    return ctx.attempt


@action
def refused(ctx: Context) -> None:
    ctx.shared.increment("all", "text")


@pytest.fixture
def system(open_system):
    return open_system(count, waits, fails, races, refused)


def run(system: Any, *nodes: dict[str, Any], **flow: Any) -> Any:
    return system.flows.start({"name": "f", "nodes": list(nodes), **flow}).wait(PATIENCE_S)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_what_attempts_change_is_seen_by_all(system, isolation):
    """Law: an increment of each counts, wherever it runs; an attempt sees its own changes at once, others its success."""
    shared = system.tasks.shared
    over = {"over": "inputs.items", "item": "item"}
    mapped = {"id": "c", "action": "count", "isolation": isolation, "map": over}
    report = run(system, mapped, {"id": "w", "action": "waits", "dependencies": ["c"]}, inputs={"items": [1, 2, 3]})
    assert report.outputs == {"w": 6}
    assert shared.get("all", "sum") == 6
    assert shared.get("all", "other") == 1
    assert shared.get(report.run_id, "item 1", "gone") == "gone"
    assert run(system, mapped, inputs={"items": [1]}).outputs == {"c": [[{"n": 1}, "gone", True]]}
    assert shared.get("all", "sum") == 7


def test_an_attempt_that_fails_changes_nothing(system):
    """Law: changes are committed with success, or not at all."""
    assert run(system, {"id": "a", "action": "fails"}).state == "failed"
    assert system.tasks.shared.read("all", "of a failure").version == 0


def test_who_comes_second_fails_and_is_tried_again(system):
    """Law: a stale version is that attempt's failure, told by its own error, and its retry policy applies."""
    report = run(system, {"id": "a", "action": "races", "try_count": 2, "retry_strategy": "immediate"})
    assert report.outputs == {"a": 2}
    first = report.nodes[0].attempts[0]
    assert first.state == "failed"
    assert first.error is not None
    assert first.error.type.endswith(SharedConflict.__name__)
    assert system.tasks.shared.get("all", "raced") == 2


def test_what_cannot_be_added_fails_the_attempt_alone(system):
    """Law: a sum with a text is refused at the commit; the attempt fails and says what was wrong."""
    system.tasks.shared.put("all", "text", "no number")
    report = run(system, {"id": "a", "action": "refused"})
    assert report.state == "failed"
    assert "it is no number" in str(report.nodes[0].attempts[0].error)
    assert system.tasks.shared.get("all", "text") == "no number"


def test_an_output_is_not_reused_without_what_else_its_attempt_did(system):
    """Law: an attempt that changes the shared state is not cached."""
    node = {"id": "c", "action": "count", "cache": True, "inputs": {"item": {"value": 5}}}
    run(system, node)
    run(system, node)
    assert system.tasks.shared.get("all", "sum") == 10
