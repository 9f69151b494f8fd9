"""What log records carry is defined in one place, and nothing is said that a program could not read."""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
import typing
from pathlib import Path

import dagger_actors
from dagger_actors import Actor, ActorContext, handler
from dagger_actors.core.log_fields import LogFields
from dagger_actors.testing import simulate

PACKAGE = Path(dagger_actors.__file__).parent
FIELDS = set(typing.get_type_hints(LogFields))
LOGGERS = {
    "dagger_actors.actors",
    "dagger_actors.flow",
    "dagger_actors.tasks",
    "dagger_actors.pubsub",
    "dagger_actors.store",
    "dagger_actors.run",
}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def calls() -> list[tuple[str, ast.Call]]:
    return [
        (f"{file.relative_to(PACKAGE)}:{node.lineno}", node)
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


def test_every_extra_is_made_of_the_defined_fields() -> None:
    """Law: no field is named twice, nor anywhere but where all are; the type checker does the rest."""
    for place, call in calls():
        function = call.func
        assert isinstance(function, ast.Attribute)
        if not (function.attr in LEVELS and isinstance(function.value, ast.Name) and function.value.id == "logger"):
            continue
        for keyword in call.keywords:
            assert keyword.arg != "extra" or ast.unparse(keyword.value).startswith(("LogFields(", "fields")), place
        assert not isinstance(call.args[0], ast.JoinedStr), (
            f"{place}: the text is the same for all, the facts are arguments"
        )


def test_every_logger_is_documented() -> None:
    """Law: whoever configures logging finds the names where the fields are, and in the README."""
    named = {
        call.args[0].value
        for _, call in calls()
        if ast.unparse(call.func) == "logging.getLogger" and call.args and isinstance(call.args[0], ast.Constant)
    }
    assert named - {"dagger_actors", "pykka"} == LOGGERS
    texts = ((PACKAGE / "core/log_fields.py").read_text(), (PACKAGE.parent / "README.md").read_text())
    for text in texts:
        for name in LOGGERS:
            assert f"`{name}`" in text


def test_every_field_is_documented_and_none_is_logging_s_own() -> None:
    """Law: logging refuses ``message`` and ``name`` as extra fields, at the moment that something goes wrong."""
    record = logging.makeLogRecord({})
    for field in FIELDS:
        assert not hasattr(record, field)
        assert f"        {field}: " in (LogFields.__doc__ or "")


class Speaking(Actor):
    @handler
    def speak(self, text: str, ctx: ActorContext) -> None:
        ctx.log.warning("said %s", text, extra={"mood": "calm"})
        raise ValueError(text)


def test_what_an_actor_says_and_how_it_fails_can_be_read_by_a_program(caplog) -> None:
    """Law: the caller's own fields are kept beside the system's; a failure says whose, which incarnation's and why."""
    with simulate(1) as sim:
        system = sim.system(agents=[Speaking])
        system.actors["speaking"].tell("hello")
        sim.run()
    said, failed, restarted = caplog.records[:3]
    assert (said.actor, said.incarnation, said.mood) == ("speaking", 1, "calm")
    assert (failed.actor, failed.incarnation, failed.reason) == ("speaking", 1, "ValueError: hello")
    assert (restarted.levelname, restarted.actor, restarted.reason) == ("WARNING", "speaking", "ValueError: hello")


def test_without_any_set_up_a_failure_is_seen_on_stderr() -> None:
    """Law: an actor does not fail in silence; so the package adds no handler that would swallow it."""
    code = """
from dagger_actors import Actor, ActorSystem, handler
class Failing(Actor):
    @handler
    def fail(self, text: str) -> None:
        raise ValueError(text)
with ActorSystem() as system:
    try:
        system.actors.spawn(Failing, name="failing").ask("in silence?")
    except ValueError:
        pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.startswith("failing failed\n")
    assert "ValueError: in silence?" in done.stderr


def test_the_readmes_formatter_writes_lines_of_json() -> None:
    """Law: the README's way to JSON works as it stands, and gives every field."""
    readme = (PACKAGE.parent / "README.md").read_text()
    (code,) = [part.partition("```")[0] for part in readme.split("```python\n") if "class JsonLines" in part]
    scope: dict[str, typing.Any] = {}
    exec(compile(code, "README.md", "exec"), scope)
    formatter = scope["JsonLines"]()
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one.formatter, scope["JsonLines"])]
    record = logging.getLogger("dagger_actors.actors").makeRecord(
        "dagger_actors.actors",
        30,
        "f",
        1,
        "%s failed",
        ("a",),
        None,
        extra=LogFields(actor="a", seconds=1.5, holders=("x",)),
    )
    told = json.loads(formatter.format(record))
    assert told["text"] == "a failed"
    assert (told["actor"], told["seconds"], told["holders"], told["logger"]) == (
        "a",
        1.5,
        ["x"],
        "dagger_actors.actors",
    )
