"""What a context gives in a worker process is what it gives elsewhere: each question is answered by the parent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Secret
from dagger_actors.flow.running.run_events import NodeProgress

BODIES = str(Path(__file__).with_name("bodies.py"))
TEXT = "hunter2-and-more"


def flow(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = [{"isolation": "process", "action": node["id"], **node} for node in nodes]
    return {"name": "context", "actions": [BODIES], "nodes": made, **more}


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.sql"
    path.write_text("CREATE TABLE IF NOT EXISTS payments (length INTEGER) STRICT;")
    return path


def test_steps_statements_values_and_secrets(tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", TEXT)
    log = tmp_path / "log"
    spec = flow(
        {"id": "asks", "inputs": {"token": "inputs.token", "path": {"value": str(log)}}},
        {"id": "reads", "dependencies": ["asks"]},
        inputs={"token": {"secret": True}},
        outputs={"asked": "asks", "read": "reads"},
    )
    with ActorSystem(tmp_path / "x.db", schema=schema, processes=1) as system:
        outputs = system.flows.start(spec, {"token": Secret.env("TOKEN")}).result(60)
    assert outputs["asked"] == {"receipt": "receipt", "rows": [[0]], "shown": "***"}
    assert outputs["read"] == [["asks"], [[len(TEXT)]]]
    assert log.read_text() == "paid\n"


def test_progress_log_levels_media_types_and_arguments_cross_the_border(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: each argument of what a context offers means there what it means here."""
    seen: list[Any] = []
    with ActorSystem(tmp_path / "x.db", processes=1, observer=seen.extend) as system:
        run = system.flows.start(flow({"id": "says"}), run_id="r")
        assert run.result(60) == {"says": [[["ab"]], "default", ""]}
        (saved,) = run.report().nodes[0].artifacts
    told = [event for event in seen if isinstance(event, NodeProgress)]
    assert [(one.node_id, one.done, one.total) for one in told] == [("says", 1, 4), ("says", 4, 4)]
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [("WARNING", "r/says: careful")]
    assert (saved.name, saved.media_type, saved.size_bytes) == ("note", "text/plain", 4)


def test_a_step_of_a_coroutine_is_taken_once_over_retries_of_the_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    spec = flow({"id": "asks_again", "inputs": {"path": {"value": str(log)}}}, {"id": "lies"})
    with ActorSystem(tmp_path / "x.db", processes=1) as system:
        for turn in range(2):
            run = system.flows.start(spec, run_id="r") if not turn else system.flows.retry("r")
            assert run.wait(60).state == "failed"
    assert log.read_text() == "paid\n"


def test_a_secret_shows_in_no_error_and_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", TEXT)
    spec = flow({"id": "tells", "inputs": {"token": "inputs.token"}}, inputs={"token": {"secret": True}})
    with ActorSystem(tmp_path / "x.db", processes=1) as system:
        run = system.flows.start(spec, {"token": Secret.env("TOKEN")}, run_id="r")
        report = run.wait(60)
        logs = system.flows.logs("r")
    assert report.error is not None
    assert "not ***" in report.error
    assert "it is ***\nso ***\n" in logs[0].text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert TEXT.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("breaks_rule", "StatementRefused: the statement 'DELETE FROM flow_runs' is refused"),
        ("wants", "is for actions in the system's own process"),
        ("lies", "ResultError: action 'lies' must return int"),
    ],
)
def test_what_is_refused_is_refused_there_too(tmp_path: Path, name: str, words: str) -> None:
    with ActorSystem(tmp_path / "x.db", processes=1) as system:
        report = system.flows.start(flow({"id": name, "inputs": {}})).wait(60)
    assert report.error is not None
    assert words in report.error


def test_its_outputs_are_cached(tmp_path: Path) -> None:
    log = tmp_path / "log"
    node = {
        "id": "counted",
        "map": {"over": "inputs.l", "item": "item"},
        "inputs": {"path": {"value": str(log)}},
        "cache": True,
    }
    with ActorSystem(tmp_path / "x.db", processes=1) as system:
        for items in ([1, 2], [2, 3]):
            report = system.flows.start(flow(node, inputs={"l": items}), {}).wait(60)
            assert report.state == "succeeded"
    assert log.read_text().split() == ["1", "2", "3"]


def test_at_most_once_parks_what_died(tmp_path: Path) -> None:
    """Law: a killed worker says nothing of what its body has done."""
    node = {"id": "crime", "inputs": {"what": {"value": "killed"}}, "durability": "at_most_once"}
    with ActorSystem(tmp_path / "x.db", processes=1) as system:
        report = system.flows.start(flow(node)).wait(60)
    assert report.state == "paused"
    assert (report.nodes[0].state, report.nodes[0].reason) == ("waiting", "interrupted")
    assert report.nodes[0].attempts[0].error is not None
    assert "WorkerDied" in report.nodes[0].attempts[0].error.type
