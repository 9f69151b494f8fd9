"""The model of the file format and the reader of system files know the same keys, and agree on what is valid."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from dagger_actors.reading import retry_keys
from dagger_actors.reading.form import DRAFT
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.files import channel_keys, loading, part_keys, task_keys, trigger_keys
from dagger_actors.supervised.files.definition import AgentSpec, BackoffSpec, ChannelSpec, Supervision, SupervisorSpec
from dagger_actors.supervised.files.file_format import FORMS, system_schema
from tests.strategies import systems
from tests.unit.supervised.test_loading_properties import shortest, written

KEYS = {
    "SystemFile": loading.SYSTEM,
    "SupervisionForm": part_keys.SUPERVISION,
    "BackoffForm": part_keys.BACKOFF,
    "MailboxForm": part_keys.MAILBOX,
    "TasksForm": task_keys.TASKS,
    "PerKeyForm": task_keys.PER_KEY,
    "SubscriptionForm": channel_keys.SUBSCRIPTION,
    "ChannelForm": channel_keys.CHANNEL,
    "RetainForm": channel_keys.RETAIN,
    "TriggerForm": trigger_keys.TRIGGER,
    "StrategyForm": retry_keys.STRATEGY,
    "ExponentialForm": retry_keys.WAITS["exponential"][1],
    "LinearForm": retry_keys.WAITS["linear"][1],
    "ImmediateForm": retry_keys.WAITS["immediate"][1],
    "AgentForm": loading.AGENT,
    "SupervisorForm": loading.SUPERVISOR,
}
STRUCTS = {
    "SupervisionForm": Supervision,
    "BackoffForm": BackoffSpec,
    "MailboxForm": MailboxSpec,
    "AgentForm": AgentSpec,
    "ChannelForm": ChannelSpec,
    "SupervisorForm": SupervisorSpec,
}


def test_every_form_has_a_reader():
    assert {form.__name__ for form in FORMS} == KEYS.keys()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_the_model_and_the_reader_know_and_require_the_same_keys(form):
    """Law: neither knows a key that the other does not, and what must be there must be there for both."""
    fields = msgspec.structs.fields(form)
    assert {field.encode_name for field in fields} == set(KEYS[form.__name__].known)
    assert {field.encode_name for field in fields if field.required} == set(KEYS[form.__name__].required)


@pytest.mark.parametrize("name", STRUCTS)
def test_the_models_defaults_are_those_of_the_definition(name):
    """Law: what an editor shows as a default is what an absent key means."""
    properties = system_schema()["$defs"][name]["properties"]
    shown = 0
    for field in msgspec.structs.fields(STRUCTS[name]):
        if "default" in properties.get(field.name, {}):
            shown += 1
            meant = "infinity" if field.name == "shutdown_s" and field.default is None else field.default
            assert properties[field.name]["default"] == meant
    assert shown >= 2


def test_it_is_a_schema_of_its_draft_and_every_key_is_described():
    """Law: strict, valid, nothing left over, and each key with a word for people."""
    schema = system_schema()
    assert schema["$schema"] == DRAFT
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$defs"].keys() == KEYS.keys()
    for name, form in schema["$defs"].items():
        assert form["additionalProperties"] is False
        assert form["description"], name
        for key, field in form["properties"].items():
            target = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert field.get("description") or target.get("description"), (name, key)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(systems())
def test_what_the_reader_accepts_the_schema_accepts(definition):
    """Law: an editor marks nothing that is right."""
    validator = jsonschema.Draft202012Validator(system_schema())
    assert [error.json_path for error in validator.iter_errors(written(definition))] == []
    assert [error.json_path for error in validator.iter_errors(shortest(definition))] == []


def test_an_entry_is_judged_as_what_the_reader_takes_it_for():
    """Law: an editor complains of the one key that is missing or unknown, not of both kinds at once."""
    validator = jsonschema.Draft202012Validator(system_schema())

    def told(entry):
        return [error.message for error in validator.iter_errors({"system": "s", "agents": [entry]})]

    assert told({"id": "a", "supervision": {}}) == ["'agents' is a required property"]
    assert told({"id": "a"}) == ["'class' is a required property"]
    below = [{"id": "b", "class": "m:C", "x": 1}]
    assert told({"id": "a", "agents": below}) == ["Additional properties are not allowed ('x' was unexpected)"]


def test_each_call_gives_a_schema_of_its_own():
    """Law: who changes one changes no other."""
    system_schema()["$defs"].clear()
    assert system_schema()["$defs"]
