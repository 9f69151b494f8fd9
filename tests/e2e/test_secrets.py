"""Secret inputs: the file holds where one is, and what it is shows up nowhere."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from dagger_actors import Context, DefinitionError, InvalidInputs, Secret, action
from dagger_actors.errors import RequestError
from dagger_actors.flow.loading.loader import load_flow

PATIENCE_S = 30
TEXT = 'hunter2-"ünïque"\\n'
INPUTS = {"dsn": {"type": "str", "secret": True}, "limit": 3}


def spec(**options: Any) -> dict[str, Any]:
    node = {"id": "n", "action": "work", "inputs": {"dsn": "inputs.dsn"}, **options}
    return {
        "name": "f",
        "inputs": INPUTS,
        "nodes": [node, {"id": "o", "action": "other", "inputs": {"limit": "inputs.limit"}}],
    }


@action
def other(limit: int) -> int:
    return limit


@pytest.fixture(autouse=True)
def variable(monkeypatch):
    monkeypatch.setenv("PG_DSN", TEXT)


def play(open_system: Any, work: Any, **options: Any) -> Any:
    system = open_system(work, other)
    return system.flows.start(spec(**options), {"dsn": Secret.env("PG_DSN")}, run_id="r").wait(PATIENCE_S)


def assert_nowhere(folder: Path) -> None:
    """Not one file beside the database holds the text, as it stands or as JSON."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"hunter2" not in path.read_bytes(), path


def test_an_action_gets_the_holder_or_the_text_as_its_hint_says(open_system, tmp_path):
    """Law: the file holds the name alone; ``str`` gets the text, ``Secret`` the holder."""

    @action
    def work(dsn: str, holder: Secret) -> list[bool]:
        return [dsn == TEXT, holder.reveal() == TEXT, str(holder) == "***", TEXT not in f"{holder!r}"]

    report = play(open_system, work, inputs={"dsn": "inputs.dsn", "holder": "inputs.dsn"})
    assert report.outputs["n"] == [True] * 4, report.error
    assert report.inputs["dsn"] == "env:PG_DSN"
    assert_nowhere(tmp_path)


def test_a_coroutine_gets_it_too(open_system):
    """Law: wherever the attempt runs."""

    @action
    async def work(dsn: Secret) -> bool:
        return dsn.reveal() == TEXT

    assert play(open_system, work).outputs["n"] is True


def test_it_is_masked_in_errors_tracebacks_and_logs(open_system, tmp_path, caplog):
    """Law: what an attempt says is stored without its secrets, also where a long text is cut."""

    @action
    def work(dsn: str, ctx: Context) -> None:
        ctx.log(f"connecting to {dsn}", level=logging.WARNING)
        raise ConnectionError("x" * 4090 + dsn)

    with caplog.at_level(logging.WARNING, "dagger_actors.run"):
        report = play(open_system, work)
    assert "ConnectionError" in report.error
    assert "connecting to ***" in caplog.text
    assert "hunter2" not in caplog.text
    assert report.nodes[0].attempts[0].error.message.endswith("x***")
    assert_nowhere(tmp_path)


def test_a_bad_type_hint_does_not_tell_it(open_system, tmp_path):
    """Law: an error of decoding is an error like any other."""

    @action
    def work(dsn: Annotated[str, msgspec.Meta(pattern="^nothing like it$")]) -> None:
        raise AssertionError

    report = play(open_system, work)
    assert "cannot take its input 'dsn'" in report.error
    assert_nowhere(tmp_path)


@pytest.mark.parametrize(
    "how", ["text", "inside", "bytes", "large", "save", "step", "holder", "sql", "args", "query", "cache"]
)
def test_a_result_that_holds_it_is_refused(open_system, tmp_path, how: str):
    """Law: outputs, artifacts and steps are no place for a secret; the attempt fails by name."""

    @action
    def work(dsn: Secret, ctx: Context) -> Any:
        text = dsn.reveal()
        if how == "save":
            ctx.save("x", f"dsn={text}")
        if how == "step":
            ctx.step("x", lambda: [text])
        if how == "sql":
            ctx.execute(f"DELETE FROM t WHERE a = '{text}'")
        if how == "args":
            ctx.execute("DELETE FROM t WHERE a = ?", (text.encode(),))
        if how == "query":
            ctx.query("SELECT ?", (text,))
        if how == "cache":
            ctx.cache.append("k", [text])
        large = ["x" * 100] * 1000
        return {
            "text": text,
            "inside": {"a": [f"dsn={text}"]},
            "bytes": f"dsn={text}".encode(),
            "large": [*large, text],
            "holder": dsn,
        }.get(how)

    report = play(open_system, work)
    assert report.state == "failed"
    assert "OutputError" in report.error
    assert "PG_DSN" in report.error or "it holds a Secret" in report.error
    assert_nowhere(tmp_path)


def test_a_missing_variable_fails_the_attempt_at_once_by_name(open_system, monkeypatch, diary):
    """Law: waiting does not set a variable: no other try, unless it is asked for; ``retry`` after it was set goes on."""
    monkeypatch.delenv("PG_DSN")

    @action
    def work(dsn: str) -> None:
        diary.note("ran")

    strategy = {"immediate": {}}
    report = play(open_system, work, try_count=3, retry_strategy=strategy)
    assert report.error.startswith("n: SecretMissing: the environment variable PG_DSN")
    assert len(report.nodes[0].attempts) == 1
    listed = {**strategy, "retry_on": ["dagger_actors.errors.SecretMissing"]}
    system = open_system(work, other)
    again = system.flows.start(spec(try_count=3, retry_strategy=listed), {"dsn": Secret.env("PG_DSN")}).wait(PATIENCE_S)
    assert len(again.nodes[0].attempts) == 3
    assert diary.notes == []
    monkeypatch.setenv("PG_DSN", TEXT)
    system.flows.retry("r").result(PATIENCE_S)
    assert diary.notes == ["ran"]


def test_a_literal_is_refused_and_not_repeated(open_system, tmp_path):
    """Law: whoever gives the text by mistake is told how to give it, and finds it nowhere."""

    @action
    def work(dsn: str) -> None:
        raise AssertionError

    system = open_system(work, other)
    with pytest.raises(InvalidInputs) as caught:
        system.flows.start(spec(), {"dsn": TEXT})
    assert "the input 'dsn' is secret: give the name of an environment variable, -i dsn=env:NAME" in str(caught.value)
    assert "hunter2" not in repr(caught.value)
    assert_nowhere(tmp_path)


def test_a_secret_for_an_input_that_is_none_is_refused(open_system):
    """Law: where it would be shown, it is not taken."""

    @action
    def work(dsn: str) -> None:
        raise AssertionError

    with pytest.raises(InvalidInputs, match="the input 'limit' takes no secret; declare it with `secret: true`"):
        open_system(work, other).flows.start(spec(), {"dsn": Secret.env("PG_DSN"), "limit": Secret.env("PG_DSN")})


def test_a_parameter_that_takes_a_secret_takes_nothing_else(open_system):
    """Law: ``Secret`` as a hint means that the input is declared secret."""

    @action
    def work(dsn: Secret) -> None:
        raise AssertionError

    advice = "it takes a secret; declare the flow's input with `secret: true`"
    for given in ("inputs.limit", {"value": "plain"}):
        with pytest.raises(DefinitionError, match=advice) as caught:
            play(open_system, work, inputs={"dsn": given})
        assert "Give one that its type hint takes" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"outputs": {"seen": "inputs.dsn"}}, "the output 'seen' refers to the input 'dsn', which is secret"),
        (
            {"nodes": [{"id": "n", "action": "other", "map": {"over": "inputs.dsn", "item": "limit"}}]},
            "map.over refers to the input 'dsn', which is secret",
        ),
    ],
)
def test_a_secret_where_it_would_be_seen_is_refused_at_load(part, what):
    """Law: no output and no list of items is a secret."""
    with pytest.raises(DefinitionError, match=what):
        load_flow({**spec(), **part})


@pytest.mark.parametrize("name", ["", "A B", "1A", "a=b", "postgres://u:p@h", 5])
def test_what_is_no_variable_is_refused_without_repeating_it(name: Any):
    """Law: a name, not a value."""
    with pytest.raises(RequestError, match="a secret is the name of an environment variable") as caught:
        Secret.env(name)
    assert not name or str(name) not in str(caught.value)


def test_a_secret_does_not_travel(monkeypatch):
    """Law: pickled, it is its name; equal names are equal secrets."""
    secret = Secret.env("PG_DSN").resolved()
    assert b"hunter2" not in pickle.dumps(secret)
    assert pickle.loads(pickle.dumps(secret)) == secret == Secret.env("PG_DSN")
    assert secret != Secret.env("OTHER")
    monkeypatch.setenv("PG_DSN", "changed")
    assert secret.reveal() == TEXT


def test_the_same_run_is_told_by_the_name(open_system):
    """Law: the same id, flow and variable is the same run."""

    @action
    def work(dsn: str) -> None:
        return None

    assert play(open_system, work).state == "succeeded"
    assert play(open_system, work).state == "succeeded"


def test_the_command_line_takes_the_name_and_refuses_the_text(program, monkeypatch):
    """Law: ``-i dsn=env:NAME``; anything else is refused without repeating it."""
    (program.folder / "a.py").write_text(
        "from dagger_actors import Secret, action\n\n\n@action\ndef work(dsn: Secret) -> int:\n    return len(dsn.reveal())\n"
    )
    (program.folder / "f.yaml").write_text(
        "name: f\nactions: [a.py]\ninputs: {dsn: {secret: true}}\nnodes:\n- {id: n, action: work}\n"
    )
    program.environment["PG_DSN"] = TEXT
    done = program("run", "f.yaml", "-i", "dsn=env:PG_DSN", "--run-id", "r")
    assert (done.returncode, done.stdout) == (0, f"n: {len(TEXT)}\n"), done.stderr
    shown = program("show", "r")
    assert "dsn=env:PG_DSN" in shown.stdout
    assert_nowhere_but(program.folder)
    refused = program("run", "f.yaml", "-i", "dsn=hunter2-secret")
    assert refused.returncode == 2
    assert "give the name of an environment variable, not what it holds" in refused.stderr
    assert "-i dsn=env:NAME" in refused.stderr
    assert "hunter2" not in refused.stderr


def assert_nowhere_but(folder: Path) -> None:
    for path in folder.glob("*.db*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes()
