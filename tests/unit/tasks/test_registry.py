"""A task agent is found by its name, its class or its function; what it is given is checked before it is stored."""

from __future__ import annotations

import datetime as dt
import enum
import re
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.bodies.actions import action_of
from dagger_actors.bodies.isolation import home_of
from dagger_actors.core.messages import Inline
from dagger_actors.errors import ActorClassError, ConfigRefused, PayloadRefused, UnknownAgent
from dagger_actors.tasks.agents.agent import TaskAgent, task_agent
from dagger_actors.tasks.agents.registry import AgentEntry, TaskAgents

TEXT = st.text('ab"\\\u00e9\U0001f600\0 ')


class Customer(msgspec.Struct, frozen=True):
    """Who wants it."""

    name: str


class Topic(msgspec.Struct, frozen=True):
    """A payload."""

    text: str
    count: int = 1
    customer: Customer | None = None


class Lookalike(msgspec.Struct, frozen=True):
    """Has the fields of a Topic, and is none."""

    text: str


class Sources(msgspec.Struct, frozen=True):
    """A config."""

    folder: Path = Path("here")
    limit: int = 3


class Research(TaskAgent, per_key=("customer.name", 1), rate="10/s"):
    """Tells how it was configured."""

    config: Sources

    def execute(self, task: Topic) -> list[str]:
        """Do it."""
        return [task.text, str(self.config.folder), str(self.config.limit)]


@task_agent
def shout(task: Topic) -> str:
    """In capitals."""
    return task.text.upper()


def entry_of(agent: object) -> AgentEntry:
    """The entry of one agent."""
    return TaskAgents().add(agent)


def test_an_agent_is_found_by_its_name_its_class_and_its_function() -> None:
    """Law: all three mean the same entry; a name nobody has is an error that names the nearest."""
    agents = TaskAgents()
    research, shouter = agents.add(Research), agents.add(shout)
    assert agents.names() == ("research", "shout")
    assert agents.get("research") is agents.find(Research) is agents.find("research") is research
    assert agents.find(shout) is shouter
    assert agents.actions.get("shout") is shouter.action
    assert agents.actions.get("shot") is None
    with pytest.raises(UnknownAgent, match="did you mean 'shout'"):
        agents.get("shot")


def test_a_class_that_was_not_added_can_be_submitted_to() -> None:
    """Law: who only submits needs the class, and hosts nothing by that."""
    agents = TaskAgents()
    assert agents.find(Research).name == "research"
    assert agents.find(Research) is agents.find(Research)
    assert agents.names() == ()


def test_a_class_configured_under_several_names_is_meant_by_name() -> None:
    """Law: the class alone means the agent of its own name, if there are several."""
    agents = TaskAgents()
    agents.add(Research.configured({"limit": 1}, name="one"))
    assert agents.find(Research).name == "one"
    agents.add(Research.configured({"limit": 2}, name="two"))
    with pytest.raises(UnknownAgent):
        agents.find(Research)
    agents.add(Research)
    assert agents.find(Research).name == "research"


def test_two_agents_of_one_name_are_refused_and_one_twice_is_one() -> None:
    """Law: a name means one thing; saying the same again is no mistake."""
    agents = TaskAgents()
    assert agents.add(Research) is agents.add(Research)
    for other in (Research.configured({"limit": 9}), Research.configured(concurrency=2)):
        with pytest.raises(ActorClassError, match=r"research: two task agents have this name, .*test_registry.py:\d+"):
            agents.add(other)


@pytest.mark.parametrize("stranger", [int, print, "research", Topic("x"), TaskAgent])
def test_what_does_no_tasks_is_refused(stranger: object) -> None:
    """Law: the error says what can be given."""
    with pytest.raises(ActorClassError, match="TaskAgent"):
        TaskAgents().add(stranger)


def test_a_config_that_does_not_fit_is_refused_with_its_path() -> None:
    """Law: as for actors."""
    with pytest.raises(ConfigRefused, match=r"Expected `int`, got `str` - at `\$\.limit`|limit: "):
        Research.configured({"limit": "many"})


@pytest.mark.parametrize(
    "payload",
    [Topic("x"), {"text": "x"}, Topic("x", customer=Customer("ann")), {"text": "x", "customer": {"name": "ann"}}],
)
def test_a_payload_is_an_instance_or_plain_data_that_makes_one(payload: Any) -> None:
    """Law: what is stored decodes to what was meant."""
    text, key = entry_of(Research).encode(payload)
    made = msgspec.json.decode(text, type=Topic)
    assert made.text == "x"
    assert key == (None if made.customer is None else made.customer.name)


REFUSED: list[tuple[Any, str]] = [
    (Topic(5), "Expected `str`, got `int` - at `$.text`"),  # type: ignore[arg-type]
    ({"text": 5}, "Expected `str`, got `int` - at `$.text`"),
    ({"customer": {"name": "x"}}, "missing required field `text`"),
    ({"text": "x", "cout": 3}, "unknown key 'cout' at $; Topic has text, count, customer"),
    ({"text": "x", "customer": {"name": "x", "age": 3}}, "unknown key 'age' at $.customer"),
    (Lookalike("x"), "Topic or Customer or plain data is wanted, not an instance of"),
    (None, "Expected `object`, got `null`"),
    ({"text": b"x"}, "it holds a bytes inside another value; keep the content with system.artifacts.put(...)"),
    ({"text": "x" * 1_100_000}, "1,100,011 bytes of JSON, and 1,048,576 are allowed; keep the content with"),
    ({"text": float("nan")}, "JSON has no word for"),
    ({"text": object()}, "it holds an object"),
]


@pytest.mark.parametrize(("payload", "text"), REFUSED)
def test_a_payload_that_does_not_fit_is_refused_with_the_path_to_what_does_not(payload: Any, text: str) -> None:
    """Law: nothing ill-typed or too large is stored."""
    text = text.replace("Topic or Customer or plain", "Topic or plain")
    with pytest.raises(PayloadRefused, match=re.escape(text)):
        entry_of(Research).encode(payload)


class Color(enum.StrEnum):
    """An enum that is text."""

    RED = "red"


class Size(enum.Enum):
    """One that is none."""

    BIG = 2


KEYED: list[tuple[Any, str | None]] = [
    ("ann", "ann"),
    (5, "5"),
    (True, "true"),
    (2.5, "2.5"),
    (dt.date(2026, 5, 4), "2026-05-04"),
    (Color.RED, "red"),
    (Size.BIG, "2"),
    (None, None),
]


@pytest.mark.parametrize(("value", "key"), KEYED)
def test_the_key_of_a_limit_is_text_or_a_number(value: Any, key: str | None) -> None:
    """Law: equal values make equal keys, none makes none."""

    Order = make_dataclass("Order", [("customer", type(value), value)])  # noqa: N806

    def sell(task: Order) -> None: ...

    entry = entry_of(task_agent(per_key=("customer", 1))(sell))
    assert entry.encode({})[1] == entry.encode(Order())[1] == key
    assert type(entry.encode(Order())[1]) in (str, type(None))


@pytest.mark.parametrize(
    ("payload", "text"), [({}, "it has no customer"), ({"customer": []}, "is list"), ({"customer": "x" * 201}, "201")]
)
def test_a_payload_without_the_key_of_a_limit_is_refused(payload: Any, text: str) -> None:
    """Law: a limit is never passed by."""

    def sell(task: dict[str, Any]) -> None: ...

    with pytest.raises(PayloadRefused, match=text):
        entry_of(task_agent(per_key=("customer", 1))(sell)).encode(payload)


@given(st.builds(Topic, text=TEXT, count=st.integers(-(2**63), 2**63), customer=st.none() | st.builds(Customer, TEXT)))
def test_every_instance_of_the_type_comes_back_as_it_was(topic: Topic) -> None:
    """Law: encoding and decoding are inverse."""
    text, _ = entry_of(shout).encode(topic)
    assert msgspec.json.decode(text, type=Topic) == topic


def test_an_attempt_runs_the_body_with_the_config_of_its_agent() -> None:
    """Law: the action of an entry takes the payload by name and is bound to its config."""
    entry = entry_of(Research.configured({"limit": 7}))
    assert [name for name, _ in entry.inputs(Inline(b"{}"))] == ["task"]
    assert entry.action.function(task=Topic("x")) == ["x", "here", "7"]
    assert entry_of(shout).action.function(task=Topic("x")) == "X"


def test_a_worker_process_makes_the_agent_again_from_its_import_path_and_its_config() -> None:
    """Law: what the process is given is text, and what it runs does the same."""
    entry = entry_of(Research.configured(Sources(Path("there"), 5), isolation="process"))
    home = home_of(entry.action.source)
    assert home is not None
    assert home.qualname == "Research"
    again = action_of(entry.action.source, "research")
    arguments = {
        name: again.by_name[name].decode(value.json)
        for name, value in entry.inputs(Inline(b'{"text":"x"}'))
        if isinstance(value, Inline)
    }
    assert again.function(**arguments) == ["x", "there", "5"]
    assert action_of(shout, "shout").function(task=Topic("x")) == "X"


def test_an_agent_of_processes_must_be_importable_and_its_config_must_be_data() -> None:
    """Law: what only a worker process would find out is told when the agent is added."""

    class Local(TaskAgent, isolation="process"):
        def execute(self, task: Topic) -> None: ...

    with pytest.raises(ActorClassError, match="cannot be imported by another process"):
        TaskAgents().add(Local)


def test_the_row_of_an_agent_has_its_schemas_and_limits() -> None:
    """Law: column by column as the statement has them."""
    name, place, payload, result, *limits = entry_of(Research).row(17)
    assert name == "research"
    assert "test_registry.py:" in place
    assert "text" in msgspec.json.decode(payload)["$defs"]["Topic"]["properties"]
    assert msgspec.json.decode(result)["type"] == "array"
    assert limits == [100_000, 1, 10.0, 1, 17, "block", "customer.name"]


def test_what_stands_in_for_an_action_is_what_runs() -> None:
    """Law: for agents that are there and for those that come."""
    agents = TaskAgents()
    entry = agents.add(shout)
    agents.let_stand_in(lambda written: entry.action if written.name == "research" else written)
    agents.add(Research)
    assert agents.actions.get("research") is entry.action
    assert agents.actions.get("shout") is entry.action
