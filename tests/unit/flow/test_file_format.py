"""The model of the file format and the reader of flow files know the same keys, and agree on every flow there is."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

from dagger_actors.cli.spec_files import kind_of, read_spec
from dagger_actors.core import retry
from dagger_actors.errors import DefinitionError
from dagger_actors.flow.loading import (
    approvals,
    arguments,
    awaits,
    calls,
    conditions,
    file_format,
    flow_inputs,
    keeping,
    loader,
    node_form,
    nodes,
    reference_form,
    references,
    settings,
)
from dagger_actors.flow.loading.file_format import FORMS
from dagger_actors.flow.loading.json_schema import flow_schema
from dagger_actors.reading import retry_keys
from dagger_actors.reading.form import DRAFT
from dagger_actors.reading.tree import to_data
from dagger_actors.reading.yaml_tree import read_yaml

REPOSITORY = Path(__file__).parents[3]
KEYS = {
    "FlowFile": loader.FLOW,
    "InputForm": flow_inputs.INPUT,
    "ConfigForm": settings.CONFIG,
    "NodeForm": nodes.NODE,
    "HooksForm": calls.HOOKS,
    "MapForm": arguments.MAP,
    "AwaitForm": awaits.AWAIT,
    "ApprovalForm": approvals.APPROVAL,
    "WhenForm": conditions.WHEN,
    "CacheForm": keeping.CACHE,
    "ReferenceForm": references.POINTER,
    "NamedReferenceForm": references._with(arguments.NAME_KEY),
    "StrategyForm": retry_keys.STRATEGY,
    "ExponentialForm": retry_keys.WAITS["exponential"][1],
    "LinearForm": retry_keys.WAITS["linear"][1],
    "ImmediateForm": retry_keys.WAITS["immediate"][1],
}
OF_AN_ACTION = {
    "action": "x",
    "inputs": {},
    "outputs": ["a"],
    "map": {"over": "inputs.x", "item": "y"},
    "timeout": 5,
    "try_count": 1,
    "onfailure": False,
    "retry_strategy": "immediate",
    "durability": "at_most_once",
    "cache": True,
    "isolation": "thread",
    "priority": 1,
}
VALID = [
    path
    for path in (*REPOSITORY.glob("specs/*.yaml"), *REPOSITORY.glob("tests/data/**/accepted_*.yaml"))
    if kind_of(read_spec(path)) == "flow"
]


def checked(data: object) -> list[str]:
    """Where the schema refuses it."""
    validator = jsonschema.Draft202012Validator(flow_schema())
    return [error.json_path for error in validator.iter_errors(data)]


def data_of(path: Path) -> object:
    return to_data(read_yaml(path.read_bytes(), str(path))[0])


def test_every_form_has_a_reader():
    assert {form.__name__ for form in FORMS} == KEYS.keys()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_the_model_and_the_reader_know_the_same_keys(form):
    """Law: neither knows a key that the other does not."""
    keys = KEYS[form.__name__]
    in_model = {field.encode_name for field in msgspec.structs.fields(form)}
    assert in_model == set(keys.known)


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_what_an_unknown_key_is_said_to_belong_to_is_a_key(keys):
    """Law: each step of the path that is advised can be written."""
    assert keys.inside.keys() <= set(keys.known)
    assert all(inner in KEYS.values() for inner in keys.inside.values())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_the_model_and_the_reader_require_the_same_keys(form):
    required = {field.encode_name for field in msgspec.structs.fields(form) if field.required}
    named = {"name"} if form.__name__ == "NamedReferenceForm" else set()
    keys = KEYS[form.__name__]
    assert required == set(keys.required) - set(keys.stand_ins.values()) | named


def test_the_model_and_the_reader_know_the_same_words():
    schema = flow_schema()["$defs"]
    assert sorted(schema["NodeForm"]["properties"]["on_failure"]["enum"]) == sorted(settings.ON_FAILURE)
    assert sorted(schema["ConfigForm"]["properties"]["on_failure"]["enum"]) == sorted(settings.ON_FAILURE)
    assert sorted(schema["InputForm"]["properties"]["type"]["enum"]) == sorted(flow_inputs.INPUT_TYPES)


def test_the_models_defaults_are_those_of_the_reader():
    """What an editor shows as a default is what an absent key means."""
    schema = flow_schema()["$defs"]
    config = settings.FlowConfig()
    for key, field in schema["ConfigForm"]["properties"].items():
        if "default" in field:
            assert field["default"] == getattr(config, key)
    for form, struct in (("ExponentialForm", retry.Exponential), ("LinearForm", retry.Linear)):
        for field in msgspec.structs.fields(struct):
            if not field.required:
                assert schema[form]["properties"][field.name]["default"] == field.default


def test_it_is_a_schema_of_its_draft_and_every_key_is_described():
    schema = flow_schema()
    assert schema["$schema"] == DRAFT
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, form in schema["$defs"].items():
        assert form["additionalProperties"] is False
        assert form["description"], name
        for key, field in form["properties"].items():
            target = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert field.get("description") or target.get("description"), (name, key)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_every_valid_flow_is_valid_for_the_schema(path):
    loader.load_flow(path)
    assert checked(data_of(path)) == []


@pytest.mark.parametrize(
    "node",
    [
        {"inputs": [{"name": "a", "reference": "inputs.a", "description": "d"}]},
        {"inputs": {"a": {"node": "n.m", "key": "k"}, "b": {"value": None}, "c": "inputs.c"}},
        {"retry_strategy": "immediate"},
        {"retry_strategy": {"immediate": {}, "retry_on": ["ValueError", "a.b.C"]}},
        {"retry_strategy": {"linear": {"delay_secs": 0.5}}, "try_count": 3, "onfailure": True},
        {"map": {"over": {"node": "n.m"}, "item": "a"}, "timeout": 0.5, "on_failure": "pause"},
        {"outputs": ["a", "b"], "dependencies": [], "description": "d", "instructions": "i"},
    ],
)
def test_every_spelling_that_the_reader_takes_is_valid_for_the_schema(node):
    flow = {
        "name": "f",
        "nodes": [{"id": "n.m", "action": "x"}, {"id": "n", "action": "x", "dependencies": ["n.m"], **node}],
    }
    loader.load_flow(flow)
    assert checked(flow) == []


@pytest.mark.parametrize(
    ("node", "path"),
    [
        ({"tiemout": 3}, "$.nodes[0]"),
        ({"timeout": 0}, "$.nodes[0].timeout"),
        ({"timeout": "3"}, "$.nodes[0].timeout"),
        ({"try_count": 0}, "$.nodes[0].try_count"),
        ({"on_failure": "halt"}, "$.nodes[0].on_failure"),
        ({"retry_strategy": {}}, "$.nodes[0].retry_strategy"),
        ({"retry_strategy": {"immediate": {}, "linear": {"delay_secs": 1}}}, "$.nodes[0].retry_strategy"),
        ({"inputs": {"a": 3}}, "$.nodes[0].inputs"),
        ({"inputs": {"a": {"reference": "x", "value": 3}}}, "$.nodes[0].inputs"),
        ({"inputs": {"a": {"value": 3, "key": "k"}}}, "$.nodes[0].inputs"),
        ({"map": {"over": "x"}}, "$.nodes[0].map"),
        ({"dependencies": "a"}, "$.nodes[0].dependencies"),
        ({"id": ""}, "$.nodes[0].id"),
    ],
)
def test_what_the_reader_refuses_of_a_node_the_schema_refuses_too(node, path):
    flow = {"name": "f", "nodes": [{"id": "n", "action": "x", **node}]}
    with pytest.raises(DefinitionError):
        loader.load_flow(flow)
    assert checked(flow) == [path]


@pytest.mark.parametrize(
    ("node", "is_valid"),
    [
        ({"await_message": {"channel": "c"}}, True),
        ({"await_message": {"channel": "c", "match": {"a.b": "inputs.x", "c": {"value": 1}}, "timeout_s": 1e6}}, True),
        (
            {
                "await_message": {"channel": "c", "from": "earliest"},
                "on_failure": "pause",
                "when": {"reference": "inputs.x", "exists": True},
            },
            True,
        ),
        ({"await_message": {"channel": "c"}, "failure": "x"}, True),
        ({"await_message": {"channel": "c", "from": "start"}}, False),
        ({"await_message": {"channel": "c", "match": {}}}, False),
        ({"await_message": {"channel": "c", "match": {"a": 1}}}, False),
        ({"await_message": {"channel": "c", "timeout_s": 0}}, False),
        ({"await_message": {"channel": "c", "timeout": 1}}, False),
        ({"await_message": {}}, False),
        ({"await_message": "c"}, False),
        ({}, False),
        *[({"await_message": {"channel": "c"}, key: value}, False) for key, value in OF_AN_ACTION.items()],
    ],
)
def test_the_model_and_the_reader_agree_on_nodes_that_await_a_message(node, is_valid):
    """Law: both take such a node instead of one with an action, and neither takes keys that say how an action is run."""
    flow = {"name": "f", "nodes": [{"id": "n", **node}]}
    try:
        loader.load_flow(flow)
        is_read = True
    except DefinitionError:
        is_read = False
    assert (is_read, not checked(flow)) == (is_valid, is_valid)


OF_AN_ACTION_ONLY = {
    key: OF_AN_ACTION[key] for key in OF_AN_ACTION if key not in ("inputs", "map", "timeout", "priority")
}


@pytest.mark.parametrize(
    ("node", "is_valid"),
    [
        ({"flow": "inner.yaml"}, True),
        ({"flow": "inner.yaml", "inputs": {"a": "inputs.x"}, "timeout": 5, "priority": 1, "on_failure": "pause"}, True),
        ({"flow": "inner.yaml", "map": {"over": "inputs.x", "item": "a", "limit": 2}, "failure": "x"}, True),
        ({"flow": ""}, False),
        ({"flow": ["inner.yaml"]}, False),
        ({"flow": "inner.yaml", "await_message": {"channel": "c"}}, False),
        *[({"flow": "inner.yaml", key: value}, False) for key, value in OF_AN_ACTION_ONLY.items()],
    ],
)
def test_the_model_and_the_reader_agree_on_nodes_that_run_a_flow(node, is_valid, tmp_path, monkeypatch):
    """Law: both take such a node instead of one with an action, and neither takes keys that say how an action is tried."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner.yaml").write_text("name: inner\ninputs: {a: 1}\nnodes: [{id: n, action: x}]\n")
    flow = {"name": "f", "inputs": {"x": {}}, "nodes": [{"id": "n", **node}]}
    try:
        loader.load_flow(flow)
        is_read = True
    except DefinitionError:
        is_read = False
    assert (is_read, not checked(flow)) == (is_valid, is_valid)


def test_every_key_that_says_how_an_action_is_run_is_refused_beside_a_message():
    assert awaits.OF_ACTIONS.keys() == OF_AN_ACTION.keys()
    others = {
        "id",
        "await_message",
        "approval",
        "flow",
        "dependencies",
        "description",
        "instructions",
        "trigger",
        "when",
        "on_failure",
        "failure",
    }
    assert set(nodes.NODE.known) - OF_AN_ACTION.keys() == others


def test_the_schema_is_made_afresh():
    flow_schema()["$defs"].clear()
    assert flow_schema()["$defs"]


def test_the_model_is_not_the_reader():
    """Reading is the reader's alone: nothing decodes flows by these Structs, whose errors would have no place."""
    assert not any("yaml" in vars(module) for module in (file_format, node_form, reference_form))
    assert yaml.__with_libyaml__
