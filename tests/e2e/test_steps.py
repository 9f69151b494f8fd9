"""``ctx.step`` with real threads: stored results, names, limits, refusals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, DaggerError, RunFailed, action
from dagger_actors.bodies import steps
from dagger_actors.flow.reports.report import Report

PATIENCE_S = 30


def one_node(open_system: Any, function: Any, **options: Any) -> tuple[ActorSystem, Report]:
    system = open_system(function)
    run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": function.__name__, **options}]}, run_id="r")
    return system, run.wait(PATIENCE_S)


def result_of(open_system: Any, function: Any, **options: Any) -> Any:
    report = one_node(open_system, function, **options)[1]
    assert report.state == "succeeded", report.error
    return report.outputs["n"]


def error_of(open_system: Any, function: Any) -> str:
    report = one_node(open_system, function)[1]
    assert report.state == "failed"
    return str(report.error)


def test_a_later_try_and_a_retry_of_the_run_get_the_stored_result(open_system, diary):
    """Law: computed once, and kept for whoever tries the invocation again."""
    may_pass: list[bool] = []

    @action
    def work(ctx: Context) -> str:
        got = ctx.step("pay", diary.note, "paid") or ctx.step("token", lambda: f"made by {ctx.attempt}")
        if not may_pass:
            raise ConnectionError("not yet")
        return str(got)

    system, report = one_node(open_system, work, try_count=2)
    assert report.state == "failed"
    may_pass.append(True)
    assert system.flows.retry("r").result(PATIENCE_S) == {"n": "made by 1"}
    assert diary.notes == ["paid"]


def test_a_step_that_raises_stores_nothing_and_is_taken_again(open_system, diary):
    """Law: only results are kept."""

    def flaky() -> str:
        diary.note("called")
        if diary.count("called") == 1:
            raise ConnectionError("once")
        return "at last"

    @action
    def work(ctx: Context) -> Any:
        return ctx.step("flaky", flaky)

    assert result_of(open_system, work, try_count=2) == "at last"
    assert diary.count("called") == 2


def test_the_same_name_is_the_same_step_within_one_attempt(open_system, diary):
    """Law: the second call gets the first one's result, whatever its arguments."""

    @action
    def work(ctx: Context) -> list[int]:
        return [ctx.step("once", abs, -1), ctx.step("once", abs, -2), ctx.step("other", abs, -3)]

    assert result_of(open_system, work) == [1, 1, 3]


@dataclass
class Point:
    x: int


def test_results_come_out_of_the_store_the_first_time_too(open_system, tmp_path: Path):
    """Law: the type of a result does not depend on whether it was computed or kept; large ones and bytes are artifacts."""
    file = tmp_path / "file.bin"
    file.write_bytes(b"\0\xff")
    large = ["x" * 100] * 100

    @action
    def work(ctx: Context) -> bool:
        for _ in range(2):
            assert ctx.step("dataclass", Point, x=1) == {"x": 1}
            assert ctx.step("tuple", lambda: (1, 2)) == [1, 2]
            assert ctx.step("bytes", lambda: b"\0\xff") == b"\0\xff"
            assert ctx.step("path", lambda: file) == b"\0\xff"
            assert ctx.step("large", lambda: large) == large
            assert ctx.step("none", lambda: None) is None
        return True

    system, report = one_node(open_system, work)
    assert report.outputs == {"n": True}, report.error
    rows = {row[0] is None for row in system._store.readers.query("read.step", 1, 0, -1, "large")}
    assert rows == {True}


def test_items_of_a_map_and_nodes_have_steps_of_their_own(open_system):
    """Law: a name is unique within its invocation, no wider."""

    @action
    def work(ctx: Context, item: int) -> Any:
        return ctx.step("same name", abs, item)

    @action
    def other(ctx: Context) -> Any:
        return ctx.step("same name", abs, -9)

    system = open_system(work, other)
    nodes = [
        {"id": "m", "action": "work", "map": {"over": "inputs.items", "item": "item"}},
        {"id": "o", "action": "other"},
    ]
    run = system.flows.start({"name": "f", "inputs": {"items": [-1, -2]}, "nodes": nodes})
    assert run.result(PATIENCE_S) == {"m": [1, 2], "o": 9}


def test_a_coroutine_takes_steps_without_blocking_the_loop(open_system, diary):
    """Law: awaiting one step, the loop serves the others; a plain function works there too."""

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        diary.note(number)
        return 2 * number

    @action
    async def work(ctx: Context) -> list[Any]:
        got = await asyncio.gather(*[ctx.astep(f"s{number}", double, number) for number in range(5)])
        named = await ctx.astep("named", dict, a=1)
        return [*got, await ctx.astep("s1", double, 7), await ctx.astep("plain", abs, -3), named]

    assert result_of(open_system, work) == [0, 2, 4, 6, 8, 2, 3, {"a": 1}]
    assert sorted(diary.notes) == [0, 1, 2, 3, 4]


def test_a_blocking_step_on_the_loop_is_refused_with_advice(open_system):
    """Law: nobody blocks everybody's loop."""

    @action
    async def work(ctx: Context) -> Any:
        return ctx.step("pay", abs, 1)

    error = error_of(open_system, work)
    assert "BlockingCall" in error
    assert "await ctx.astep(...)" in error


def test_a_coroutine_function_in_a_plain_step_is_refused_with_advice(open_system):
    """Law: a coroutine nobody awaits is not stored as a result."""

    async def never() -> None:
        raise AssertionError

    @action
    def work(ctx: Context) -> Any:
        return ctx.step("pay", never)

    assert "await ctx.astep(...)" in error_of(open_system, work)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, 5, "\ud800"])
def test_a_name_that_is_no_name_is_refused(open_system, name: Any):
    """Law: names are printable text of 1 to 200 characters."""

    @action
    def work(ctx: Context) -> Any:
        return ctx.step(name, abs, 1)

    assert "1 to 200 printable characters" in error_of(open_system, work)


def test_a_result_that_cannot_be_stored_is_an_error_and_no_step(open_system):
    """Law: nothing is stored as something else."""

    @action
    def work(ctx: Context) -> Any:
        return ctx.step("pay", object)

    system, report = one_node(open_system, work)
    assert "OutputError" in str(report.error)
    assert system._store.readers.query("read.step", 1, 0, -1, "pay") == []


def test_a_step_inside_itself_is_refused(open_system):
    """Law: one name, one computation at a time."""

    @action
    def work(ctx: Context) -> Any:
        return ctx.step("pay", lambda: ctx.step("pay", abs, 1))

    assert "being taken already" in error_of(open_system, work)


def test_more_steps_than_the_limit_are_refused(open_system, monkeypatch):
    """Law: what can grow has a bound, and the refusal names it; taking known ones again is free."""
    monkeypatch.setattr(steps, "MOST_STEPS", 2)

    @action
    def work(ctx: Context) -> Any:
        for name in ("a", "b", "a", "b", "c"):
            ctx.step(name, abs, 1)

    assert "step 'c' cannot be taken: an attempt takes at most 2 steps" in error_of(open_system, work)


def test_a_body_of_a_cancelled_run_stores_no_step(open_system, diary):
    """Law: after the end of the run nothing of it is written any more; the body hears why."""
    heard: list[str] = []

    @action
    def work(ctx: Context) -> None:
        diary.note("began")
        diary.wait_for("cancelled")
        try:
            ctx.step("pay", abs, 1)
        except DaggerError as error:
            heard.append(f"{type(error).__name__}: {error}")
        diary.note("heard")

    system = open_system(work)
    run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "work"}]})
    diary.wait_for("began")
    run.cancel()
    diary.note("cancelled")
    diary.wait_for("heard")
    assert heard[0].startswith("AttemptOver: the result of step 'pay' is not stored")
    assert system._store.readers.query("read.step", 1, 0, -1, "pay") == []


def test_a_failed_run_carries_the_steps_own_error(open_system):
    """Law: what the function raises is what the attempt fails with."""

    @action
    def work(ctx: Context) -> None:
        ctx.step("pay", int, "x")

    system = open_system(work)
    run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "work"}]})
    with pytest.raises(RunFailed, match="ValueError: invalid literal"):
        run.result(PATIENCE_S)
