"""FAULTS 15 in worker processes: what cannot be stopped is killed in its time, what cannot be stored is refused."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

import pytest

from dagger_actors import ActorSystem, action
from dagger_actors.bodies.capture import KEPT_BYTES
from tests.busy import begun_in_time
from tests.unit.bodies.processes.test_processes import flow, has_lines, node, outputs, wait_gone


@pytest.mark.parametrize("name", ["holds_gil", "endless_flood"])
def test_what_holds_the_interpreter_or_never_stops_printing_is_killed_in_its_time(name: str, tmp_path: Path) -> None:
    """Law: its attempt times out, its neighbours run meanwhile, the next one gets a worker, memory is bounded."""
    path = tmp_path / "begun"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ActorSystem(processes=2) as system:
        outputs(system, node("who"))  # so that a worker is there when its time begins
        hostile = node(name, timeout=2, inputs={"path": {"value": str(path)}})
        spec = flow(hostile, node("who"), {**node("place"), "isolation": "thread"}, on_failure="continue")
        report = begun_in_time(lambda: system.flows.start(spec).wait(60), lambda _: has_lines(path))
        states = {one.node_id: one.state for one in report.nodes}
        assert states == {name: "timed_out", "who": "succeeded", "place": "succeeded"}
        wait_gone(int(path.read_text().splitlines()[-1]))
        assert outputs(system, node("who"))["who"] != os.getpid()
        assert all(len(log.text) < KEPT_BYTES + 100 for log in system.flows.logs(report.run_id))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_what_holds_the_interpreter_in_a_thread_makes_the_others_wait_and_no_more() -> None:
    """Law: while no thread can run nothing is lost, and then all goes on; the overdue attempt has one end, in its turn."""

    @action
    def holds() -> str:
        ctypes.PyDLL(None).usleep(900_000)
        return "held"

    @action
    async def neighbour() -> str:
        return "there"

    nodes = [{"id": "holds", "action": "holds", "timeout": 0.3}, {"id": "neighbour", "action": "neighbour"}]
    with ActorSystem(actions=[holds, neighbour]) as system:
        spec = {"name": "x", "config": {"on_failure": "continue"}, "nodes": nodes}
        report = system.flows.start(spec).wait(60)
        held, there = report.nodes
        assert there.state == "succeeded"
        assert held.state in ("succeeded", "timed_out")
        assert [attempt.state for attempt in held.attempts] == [held.state]
        assert system.flows.start({"name": "y", "nodes": nodes[1:]}).result(60) == {"neighbour": "there"}


def test_a_stopped_worker_is_killed_in_its_time() -> None:
    """Law: SIGSTOP of its own process is one more way never to end."""
    with ActorSystem(processes=1) as system:
        outputs(system, node("who"))
        crime = node("crime", timeout=2, inputs={"what": {"value": "stopped"}})
        assert system.flows.start(flow(crime)).wait(60).nodes[0].state == "timed_out"
        assert outputs(system, node("place"))["place"] == str(Path.cwd())


def test_who_closes_its_standard_streams_ends_as_it_would() -> None:
    with ActorSystem(processes=1) as system:
        assert outputs(system, node("crime", inputs={"what": {"value": "closed streams"}})) == {"crime": None}
        assert outputs(system, node("place"))["place"] == str(Path.cwd())


@pytest.mark.parametrize("isolation", ["process", "thread"])
@pytest.mark.parametrize(
    ("what", "words", "advice"),
    [
        ("nan", "nan", "return null or text for it"),
        ("unserialisable", "a function", "ctx.save(name, data, media_type=...)"),
        ("too deep", "nested too deep", "return a tree of plain values"),
        ("itself", "holds itself", "return a tree of plain values"),
    ],
)
def test_a_result_that_cannot_be_stored_fails_its_attempt(isolation: str, what: str, words: str, advice: str) -> None:
    """Law: refused with what it met and what to do, wherever it was computed; the worker is kept."""
    with ActorSystem(processes=1) as system:
        report = system.flows.start(
            flow({**node("gives", inputs={"what": {"value": what}}), "isolation": isolation})
        ).wait(60)
        error = report.nodes[0].attempts[0].error
        assert error is not None
        assert error.type == "dagger_actors.errors.OutputError"
        assert words in error.message
        assert advice in error.message


@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_a_huge_result_is_a_file_and_no_row(isolation: str, tmp_path: Path) -> None:
    """Law: 64 MiB go from node to node, and the database stays as small as it was."""
    with ActorSystem(tmp_path / "x.db", processes=1) as system:
        nodes = [node("gives", inputs={"what": {"value": "huge"}}), node("length", dependencies=["gives"])]
        spec = flow(*[{**one, "isolation": isolation} for one in nodes])
        assert system.flows.start(spec).result(60) == {"length": 64 << 20}
    assert (tmp_path / "x.db").stat().st_size < 1 << 20
    assert [path.stat().st_size for path in (tmp_path / "x.db-artifacts").glob("??/*")] == [(64 << 20) + 2]
