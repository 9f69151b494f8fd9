"""Laws of loading systems over drawn definitions and over broken text."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import msgspec
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.files.definition import (
    AgentSpec,
    BackoffSpec,
    Supervision,
    SupervisorSpec,
    SystemDefinition,
    TaskOptionsSpec,
)
from dagger_actors.supervised.files.loading import load_system
from tests.strategies import systems, to_yaml

MINIMAL = """
system: shop
supervision: {strategy: rest_for_one, intensity: 3, period_s: 5, auto_shutdown: any_significant}
agents:
  - {id: pricer, class: "shop:Pricer", config: {rate: 1.2}, instances: 4, route: key, key: order.id}
  - {id: audit, class: "shop.py:Audit", restart: transient, significant: true, mailbox: {capacity: 10}}
  - id: back_office
    backoff: {min_s: 0.5, max_s: 10}
    agents:
      - {id: clerk, class: "shop:Clerk", shutdown_s: infinity}
"""

quick = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def written(spec: msgspec.Struct) -> dict[str, Any]:
    """Write a part of a definition as its file says it, every key spelled out."""
    match spec:
        case SystemDefinition():
            said: dict[str, Any] = {"system": spec.name, "description": spec.description}
            said["supervision"] = written(spec.supervision)
            said |= {"schema": spec.schema} if spec.schema else {}
            said["agents"] = [written(child) for child in spec.agents]
        case SupervisorSpec():
            said = child_keys(spec) | {"supervision": written(spec.supervision)}
            said["agents"] = [written(child) for child in spec.agents]
        case AgentSpec():
            said = child_keys(spec)
            said |= {"class": spec.class_reference, "config": spec.config, "instances": spec.instances}
            said |= {"route": spec.route} | ({"key": ".".join(spec.key)} if spec.key else {})
            said |= {"mailbox": written(spec.mailbox)} if spec.mailbox is not None else {}
            said |= {"tasks": tasks_as_written(spec.tasks)} if spec.tasks is not None else {}
        case Supervision() | BackoffSpec() | MailboxSpec():
            said = msgspec.structs.asdict(spec)
        case _:
            raise AssertionError(spec)
    return said


def tasks_as_written(spec: TaskOptionsSpec) -> dict[str, Any]:
    said = {key: value for key, value in msgspec.structs.asdict(spec).items() if value is not None}
    if spec.timeout_s is not None:
        said["timeout"] = said.pop("timeout_s")
    if spec.per_key is not None:
        said["per_key"] = msgspec.structs.asdict(spec.per_key)
    if spec.retry is not None:
        wait = msgspec.to_builtins(spec.retry.wait)
        said["retry"] = {wait.pop("type"): wait}
        said["retry"] |= {"retry_on": list(spec.retry.retry_on), "give_up_on": list(spec.retry.give_up_on)}
    return said


def child_keys(spec: AgentSpec | SupervisorSpec) -> dict[str, Any]:
    said: dict[str, Any] = {"id": spec.id, "restart": spec.restart, "significant": spec.significant}
    said["shutdown_s"] = "infinity" if spec.shutdown_s is None else spec.shutdown_s
    return said | ({"backoff": written(spec.backoff)} if spec.backoff is not None else {})


@quick
@given(systems())
def test_a_definition_written_as_yaml_loads_back_equal(tmp_path, definition):
    """Law: what is written is what is read: as a file, as text and as data, in flow style and in block style."""
    said = written(definition)
    path = tmp_path / "system.yaml"
    path.write_text(to_yaml(said))
    assert load_system(path) == msgspec.structs.replace(definition, file=str(path))
    assert load_system(to_yaml(said) + "\n") == definition
    assert load_system(said) == definition
    block = yaml.safe_dump(said, allow_unicode=True, sort_keys=False, default_style='"', width=10**9)
    # The emitter quotes numbers and tags them: take both away.
    assert load_system(re.sub(r'!!(?:int|float|bool|null) "([^"]*)"', r"\1", block) + "\n") == definition


@quick
@given(systems())
def test_what_a_definition_leaves_at_its_default_need_not_be_written(definition):
    """Law: an absent key means the default, an unknown place does not exist: the shortest file means the same."""
    assert load_system(shortest(definition)) == definition


def shortest(spec: msgspec.Struct) -> dict[str, Any]:
    """Write a definition without the keys that are at their defaults."""
    said = written(spec)
    names = {"class": "class_reference", "system": "name"}
    for key in list(said):
        field = next(field for field in msgspec.structs.fields(spec) if field.name == names.get(key, key))
        value = getattr(spec, field.name)
        if not field.required and value in (field.default, {} if key == "config" else field.default):
            del said[key]
    for key, value in said.items():
        if key == "agents":
            said[key] = [shortest(child) for child in spec.agents]
        elif isinstance(getattr(spec, key, None), Supervision | BackoffSpec | MailboxSpec):
            assert isinstance(value, dict)
            said[key] = shortest(getattr(spec, key))
    return said


@quick
@given(systems())
def test_a_definition_survives_its_encoding(definition):
    """Law: a definition is JSON, and where it stood in a file is no part of it."""
    loaded = load_system(to_yaml(written(definition)) + "\n")
    assert msgspec.json.decode(msgspec.json.encode(loaded), type=SystemDefinition) == definition
    assert loaded.places.document is not None
    assert len(loaded.places.agents) == len(list(loaded.all_agents())) == loaded.count()[0]


def problems_of(source: Any) -> tuple[Problem, ...]:
    try:
        load_system(source)
    except DefinitionError as error:
        # Without one, a refusal would say nothing.
        return error.problems or (Problem(""),)
    return ()


def is_refused_or_loaded(folder: Path, content: bytes) -> None:
    path = folder / "system.yaml"
    path.write_bytes(content)
    for problem in problems_of(path):
        assert problem.message
        assert str(problem)
        assert 0 <= problem.line <= content.count(b"\n") + 1


@quick
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xef\xbb\xbf\xff")
@example(b"&a : *a")
def test_random_bytes_raise_nothing_but_a_definition_error(tmp_path, content):
    """Law: no file, whatever it holds, raises anything else."""
    is_refused_or_loaded(tmp_path, content)


@quick
@given(st.text(st.characters(), max_size=50))
@example("\ud800")
def test_random_text_raises_nothing_but_a_definition_error(text):
    """Law: text that is no YAML, or no text, is refused as a file of it would be."""
    for problem in problems_of(text + "\n"):
        assert problem.message
        assert problem.file == "<text>"


@quick
@given(st.data())
def test_mutated_yaml_raises_nothing_but_a_definition_error(tmp_path, data):
    """Law: a system that was damaged anywhere is refused or loads; it never crashes the loader."""
    text = MINIMAL
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        pieces = st.sampled_from(
            ["", " ", "\n", "\t", ":", "- ", "[", "]", "{", "}", "*a", "&a ", "!!int ", "<<: ", "?", "'", '"', "0", ".nan", "null", "|", "\x85"]
        )  # fmt: skip
        text = text[:start] + data.draw(pieces) + text[end:]
    is_refused_or_loaded(tmp_path, text.encode())


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("shop:Pricer")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "class", "agents", "config", "supervision", "backoff", "mailbox", "route", "key", "restart", "significant"]),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=20,
)  # fmt: skip


@quick
@given(st.dictionaries(st.sampled_from(["system", "agents", "supervision", "description", "x"]), anything))
@example({"system": "s", "agents": [{"id": "a", "class": "a:B", "config": {"x": math.inf}}]})
def test_any_data_raises_nothing_but_a_definition_error(source):
    """Law: the same holds for data, with paths instead of lines."""
    for problem in problems_of(source):
        assert problem.message
        assert problem.file == "<dict>"
        assert problem.line == 0
