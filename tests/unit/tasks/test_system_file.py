"""A system file has task agents beside actors: what it says of them goes before what their classes say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem
from dagger_actors.core.retry import Exponential, Linear, RetryPolicy
from dagger_actors.errors import ActorClassError, DefinitionError
from dagger_actors.supervised.files.from_file import load_supervisor
from dagger_actors.supervised.files.loading import load_system
from dagger_actors.supervised.files.picture import picture_of_system
from dagger_actors.tasks.agents.options import AgentOptions, PerKey
from dagger_actors.tasks.agents.registry import AgentEntry, TaskAgents
from dagger_actors.tasks.agents.splitting import configured_by_file

WORKS = """
from __future__ import annotations

import msgspec
from dagger_actors import Actor, RetryPolicy, TaskAgent, handler, task_agent

class Topic(msgspec.Struct, frozen=True):
    text: str
    customer: str = ""

class Sources(msgspec.Struct, frozen=True):
    folder: str = "here"

class Research(TaskAgent, concurrency=2, timeout_s=5, retry=RetryPolicy(tries=7), rate="1/s"):
    config: Sources

    def execute(self, task: Topic) -> str:
        return f"{task.text} in {self.config.folder}"

@task_agent(name="loud")
async def shout(task: Topic) -> str:
    return task.text.upper()

class Clerk(Actor):
    @handler
    def topic(self, topic: Topic) -> str:
        return topic.text
"""

EVERYTHING = """
system: works
agents:
  - {id: clerk, class: "works.py:Clerk"}
  - id: research
    class: "works.py:Research"
    config: {folder: there}
    tasks:
      concurrency: 4
      try_count: 5
      retry: {exponential: {initial_delay_secs: 2, jitter: 1}, retry_on: [ValueError], give_up_on: [KeyError]}
      timeout: 30
      rate: 600/min
      burst: 3
      per_key: {field: customer, limit: 1}
      capacity: 1000
      overflow: reject
      isolation: process
      durability: at_most_once
  - {id: shouter, class: "works.py:shout"}
"""


@pytest.fixture
def agents_of(tmp_path: Path) -> Any:
    """Gives the task agents of a file's text."""
    (tmp_path / "works.py").write_text(WORKS)

    def read(text: str) -> TaskAgents:
        (tmp_path / "system.yaml").write_text(text)
        agents = TaskAgents()
        for name, made in load_supervisor(tmp_path / "system.yaml").tasks.items():
            agents.add(configured_by_file(name, made))
        return agents

    return read


def one(tasks: str, name: str = "Research") -> str:
    """A system of one agent that says this of its tasks."""
    return f'system: s\nagents: [{{id: a, class: "works.py:{name}", tasks: {tasks}}}]\n'


def test_every_key_of_tasks_is_an_option_of_the_agent(agents_of: Any) -> None:
    """Law: nothing is accepted and ignored; the id is the name."""
    agents = agents_of(EVERYTHING)
    assert agents.names() == ("research", "shouter")
    wait = Exponential(initial_delay_secs=2, jitter=1)
    assert agents.get("research").options == AgentOptions(
        concurrency=4,
        retry=RetryPolicy(tries=5, wait=wait, retry_on=("ValueError",), give_up_on=("KeyError",)),
        timeout_s=30,
        rate=10,
        burst=3,
        per_key=PerKey(("customer",), 1),
        capacity=1000,
        overflow="reject",
        isolation="process",
        durability="at_most_once",
    )
    assert agents.get("research").config.folder == "there"
    assert agents.get("shouter").options == AgentOptions()


def test_what_a_file_does_not_say_is_as_the_class_says(agents_of: Any) -> None:
    """Law: option by option; tries and waits of one policy too."""

    def read(tasks: str) -> AgentEntry:
        return agents_of(one(tasks)).get("a")

    assert (read("{}").options.timeout_s, read("{}").options.retry.tries) == (5, 7)
    assert read("{burst: 9}").options.burst == 9
    assert read("{timeout: 6}").options.concurrency == 2
    assert read("{try_count: 2}").options.retry == RetryPolicy(tries=2)
    assert read("{retry: {linear: {delay_secs: 3}}}").options.retry == RetryPolicy(tries=7, wait=Linear(delay_secs=3))


def test_a_system_has_the_actors_and_the_task_agents_of_its_file(tmp_path: Path) -> None:
    """Law: both are there, and what is given beside the file is too; one name means one thing."""
    (tmp_path / "works.py").write_text(WORKS)
    (tmp_path / "system.yaml").write_text(EVERYTHING)
    with ActorSystem.from_spec(tmp_path / "system.yaml") as system:
        assert [branch.name for branch in system.actors.tree().children] == ["clerk"]
    from dagger_actors import TaskAgent

    class Other(TaskAgent, name="research"):
        def execute(self, task: int) -> None: ...

    with pytest.raises(ActorClassError, match="two task agents have this name"):
        ActorSystem.from_spec(tmp_path / "system.yaml", agents=[Other])


def test_a_system_has_the_task_agents_of_the_modules_that_it_imports(tmp_path: Path, monkeypatch: Any) -> None:
    """Law: all of a module, or one by its name; who is there already keeps his config; actions come along."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "works.py").write_text(WORKS)
    (tmp_path / "system.yaml").write_text(EVERYTHING)
    with ActorSystem(imports=["works.py"]) as system:
        assert {agent.name for agent in system._paradigms.task_hub.agents.entries()} == {"research", "loud"}
    with ActorSystem(imports=["works.py:Research"]) as system:
        assert [agent.name for agent in system._paradigms.task_hub.agents.entries()] == ["research"]
    with ActorSystem(spec="system.yaml", imports=["works.py", "works.py:shout"]) as system:
        assert [agent.name for agent in system._paradigms.task_hub.agents.entries()] == ["research", "shouter"]


def test_the_class_task_agent_itself_is_named_by_no_file(agents_of: Any) -> None:
    """Law: it has no body; the error says to inherit."""
    with pytest.raises(DefinitionError, match="Name a class that inherits from it"):
        agents_of('system: s\nagents: [{id: a, class: "works.py:TaskAgent"}]\n')


def test_a_picture_shows_who_does_tasks(agents_of: Any, tmp_path: Path) -> None:
    """Law: with what the file says, and as nobody's child."""
    agents_of(EVERYTHING)
    picture = picture_of_system(load_system(tmp_path / "system.yaml"))
    (research,) = [node for node in picture.nodes if node.title == "research"]
    assert research.note == "does tasks"
    assert {
        ("rate", "600/min"),
        ("per_key", "1 of each customer"),
        ("retry", "exponential"),
        ("config", "folder = 'there'"),
    } <= {*research.facts}
    assert picture.nodes.index(research) not in {child for _, child in picture.edges}
