"""What attempts log and print is kept with their end, in order, bounded, and shown."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, AttemptLog, Context, action
from dagger_actors.bodies.capture import KEPT_BYTES, Capture
from tests.busy import begun_in_time
from tests.unit.bodies.processes.test_processes import flow, node


@action
def speak(ctx: Context) -> None:
    ctx.log("one \x1b[31m")
    ctx.log("two")


@action
async def whisper(ctx: Context) -> None:
    ctx.log("three")


def logs(system: ActorSystem, made: dict[str, Any]) -> tuple[AttemptLog, ...]:
    run = system.flows.start(made)
    run.wait(60)
    return system.flows.logs(run.id)


def test_a_process_tells_what_it_printed_and_logged_in_order() -> None:
    with ActorSystem() as system:
        (log,) = logs(system, flow(node("chatter")))
    assert log == AttemptLog("chatter", "", 1, "succeeded", "out\nlogged\nerr\nlast\n", 0)


def test_threads_and_coroutines_keep_their_lines() -> None:
    with ActorSystem(actions=[speak, whisper]) as system:
        told = logs(system, {"name": "x", "nodes": [node("speak"), node("whisper")]})
    assert [log.text for log in told] == ["one \x1b[31m\ntwo\n", "three\n"]


def test_a_flood_is_cut_in_its_middle_and_counted() -> None:
    with ActorSystem() as system:
        (log,) = logs(system, flow(node("flood")))
    assert len(log.text) < KEPT_BYTES + 100
    assert log.dropped_bytes == 1000 * 65_536 - KEPT_BYTES
    assert f"{log.dropped_bytes:,} bytes left out" in log.text


@pytest.mark.parametrize(("what", "state"), [("segfault", "failed"), ("sys.exit", "failed")])
def test_the_dead_keep_theirs(what: str, state: str) -> None:
    with ActorSystem() as system:
        (log,) = logs(system, flow(node("shout", inputs={"what": {"value": what}})))
    assert (log.state, log.text.splitlines()[0]) == (state, "before")


@pytest.mark.parametrize("end", ["timed_out", "cancelled"])
def test_a_cut_off_attempt_keeps_what_it_had(end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has_it, add = threading.Event(), Capture.add

    def add_and_tell(capture: Capture, data: bytes) -> None:
        add(capture, data)
        if b"\n" in data:  # a line may come in two pieces
            has_it.set()

    monkeypatch.setattr(Capture, "add", add_and_tell)
    path, keys = tmp_path / "begun", {"timeout": 2} if end == "timed_out" else {}
    with ActorSystem(processes=1) as system:
        logs(system, flow(node("who")))  # the worker is there by now, however slowly it came

        def play() -> AttemptLog:
            run = system.flows.start(flow(node("stay", inputs={"path": {"value": str(path)}}, **keys)))
            if end == "cancelled":
                assert has_it.wait(60)
                system.flows.cancel(run.id)
            run.wait(60)
            (log,) = system.flows.logs(run.id)
            return log

        log = begun_in_time(play, lambda log: log.text.endswith("\n"))
    assert (log.state, log.text) == (end, "staying\n")


def test_show_says_when_there_are_none(tmp_path: Path) -> None:
    """Law: an option that has nothing to show says so, and stdout stays as it is without it."""
    db = str(tmp_path / "a.db")
    with ActorSystem(db) as system:
        system.flows.start(flow(node("who")), run_id="r").wait(60)
    show = [sys.executable, "-m", "dagger_actors", "show", "r", "--db", db]
    plain, asked = (
        subprocess.run([*show, *words], capture_output=True, text=True, timeout=60, check=True)
        for words in ((), ("--logs",))
    )
    assert asked.stdout == plain.stdout
    assert (plain.stderr, asked.stderr) == ("", "nothing was logged by the attempts that have ended\n")


def test_show_prints_them_escaped_and_json_holds_them(tmp_path: Path) -> None:
    db = str(tmp_path / "a.db")
    with ActorSystem(db, actions=[speak]) as system:
        system.flows.start({"name": "x", "nodes": [node("speak")]}, run_id="r").wait(60)
    show = [sys.executable, "-m", "dagger_actors", "show", "r", "--db", db]
    plain = subprocess.run([*show, "--logs"], capture_output=True, text=True, check=True).stdout
    assert "--- speak attempt 1 succeeded\none \\x1b[31m\ntwo\n" in plain
    assert "--- speak" not in subprocess.run(show, capture_output=True, text=True, check=True).stdout
    found = subprocess.run([*show, "--logs", "--json"], capture_output=True, check=True).stdout
    assert msgspec.json.decode(found)["logs"][0]["text"] == "one \x1b[31m\ntwo\n"


def test_a_capture_keeps_head_and_tail() -> None:
    capture = Capture()
    for number in range(30_000):
        capture.add(f"{number:06}\n".encode())
    text, dropped = capture.read()
    assert text.startswith("000000\n")
    assert text.endswith("029999\n")
    assert dropped == 30_000 * 7 - KEPT_BYTES
    assert capture.last(7) == "029999"
