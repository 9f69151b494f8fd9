"""What users write to do tasks: wrong classes and functions are told when they are made, right ones do what they say."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    Actor,
    ActorClassError,
    ActorSystem,
    Cancel,
    ChildSpec,
    Context,
    Fatal,
    Secret,
    Snooze,
    Stall,
    Supervisor,
    TaskAgent,
    TaskContext,
    handler,
    task_agent,
)
from dagger_actors.bodies.context import BodyContext
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.tasks.agents.kind import kind_of
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.agents.results import Asked, asked_of
from dagger_actors.tasks.agents.splitting import split_agents


class Topic(msgspec.Struct, frozen=True):
    """A payload."""

    text: str


class Count(msgspec.Struct):
    """A config and a state."""

    number: int = 0


class Clerk(Actor):
    """An actor."""

    @handler
    def topic(self, topic: Topic) -> str:
        """Give it back."""
        return topic.text


def make(body: Any, bases: tuple[type, ...] = (TaskAgent,), **names: Any) -> type:
    """Make a class with this body and these names."""
    return type("Agent", bases, {"execute": body, "__module__": __name__, **names})


def execute(self: Any, task: Topic) -> str:
    """Do it."""
    return task.text


BODIES: list[tuple[Any, str]] = [
    (lambda self: None, "it takes no payload; put all of a task's data into one Struct: def"),
    (lambda self, task: None, "its parameter 'task' has no annotation; write def"),
    (5, "it is a plain or `async` method"),
    (staticmethod(execute), "it is a plain or `async` method"),
]


def two(self: Any, task: Topic, other: Topic) -> None: ...
def many(self: Any, *tasks: Topic) -> None: ...
def positional(self: Any, task: Topic, /) -> None: ...
def contexts(self: Any, task: Topic, ctx: TaskContext, more: BodyContext) -> None: ...
def of_flows(self: Any, task: Topic, ctx: Context) -> None: ...
def secret(self: Any, task: Secret) -> None: ...
def nowhere(self: Any, task: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def undecodable(self: Any, task: Topic | Count) -> None: ...
def yields(self: Any, task: Topic) -> Any:
    yield


BODIES += [
    (two, "more than one payload (task, other)"),
    (many, "its parameter '*tasks: 'Topic'' cannot be given by name"),
    (positional, "cannot be given by name"),
    (contexts, "it takes two contexts, ctx and more"),
    (of_flows, "ctx is a context of another kind; write ctx: TaskContext"),
    (secret, "task is a Secret, which no payload may be"),
    (nowhere, "its annotations cannot be read: name 'Nowhere' is not defined"),
    (undecodable, "cannot be decoded"),
    (yields, "it yields; a task has one result"),
]


@pytest.mark.parametrize(("body", "text"), BODIES)
def test_a_body_that_cannot_do_tasks_is_refused_when_its_class_is_made(body: Any, text: str) -> None:
    """Law: the error says what to write."""
    with pytest.raises(ActorClassError, match=r"Agent\.execute: ") as refused:
        make(body)
    assert text in re.sub(r'"', "'", str(refused.value)) or text in str(refused.value)


UNUSED: list[tuple[dict[str, Any], str]] = [
    ({"topic": vars(Clerk)["topic"]}, "Agent.topic: a task agent gets tasks, no messages"),
    ({"state": None, "__annotations__": {"state": Count}}, "Agent.state: nothing is kept from one task to the next"),
    ({"started": lambda self, ctx: None}, "Agent.started: it is never called"),
    ({"stopping": lambda self, ctx: None}, "Agent.stopping: it is never called"),
    ({"pre_restart": lambda self, error, ctx: None}, "Agent.pre_restart: it is never called"),
    ({"unhandled": lambda self, message, ctx: None}, "Agent.unhandled: it is never called"),
    ({"migrate": classmethod(lambda cls, old: old)}, "Agent.migrate: it is never called"),
    ({"on_start": lambda self: None}, "Agent.on_start: it is never called"),
    (
        {"dispatcher": "blocking"},
        "Agent.dispatcher: it does nothing for a task agent; use the class keyword isolation=",
    ),
    ({"durable": True}, "durability="),
]


@pytest.mark.parametrize(("names", "text"), UNUSED)
def test_what_actors_have_and_no_task_agent_uses_is_refused(names: dict[str, Any], text: str) -> None:
    """Law: nothing is accepted and ignored; the error says what to use instead."""
    with pytest.raises(ActorClassError, match=re.escape(text)):
        make(execute, **names)


def test_a_function_that_is_marked_stays_what_it_was() -> None:
    """Law: it is the same function, callable, with the name of its agent."""

    def shout(task: Topic) -> str:
        return task.text.upper()

    marked = task_agent(name="loud", concurrency=2)(shout)
    assert marked is shout
    assert marked(Topic("x")) == "X"
    kind = kind_of(shout)
    assert kind is not None
    assert (kind.name, kind.options.concurrency) == ("loud", 2)
    with pytest.raises(ActorClassError, match="marks functions"):
        task_agent(Clerk)
    with pytest.raises(ActorClassError, match="without '/'"):
        task_agent(name="a/b")


def test_each_attempt_has_an_instance_of_its_own() -> None:
    """Law: what one task leaves on its agent no other one sees; `__init__` finds the config."""

    class Counting(TaskAgent):
        config: Count

        def __init__(self) -> None:
            self.seen = self.config.number

        def execute(self, task: Topic) -> int:
            self.seen += 1
            return self.seen

    run = TaskAgents().add(Counting.configured(Count(5))).action.function
    assert [run(task=Topic("x")), run(task=Topic("x"))] == [6, 6]


def test_an_agent_whose_init_has_parameters_is_refused_when_it_is_used() -> None:
    """Law: as for actors."""
    with pytest.raises(ActorClassError, match=r"Agent.__init__: it is called without parameters"):
        TaskAgents().add(make(execute, __init__=lambda self, more: None))


def test_an_async_body_is_run_as_one() -> None:
    """Law: its action gives a coroutine of the result."""

    async def later(self: Any, task: Topic) -> str:
        return task.text

    action = TaskAgents().add(make(later)).action
    assert action.is_async
    assert inspect.iscoroutinefunction(action.function)
    assert asyncio.run(action.function(task=Topic("x"))) == "x"


def test_a_task_agent_gets_no_messages() -> None:
    """Law: what only actors have says so."""
    agent = make(execute)()
    with pytest.raises(ActorClassError, match="gets no messages"):
        _ = agent.actor_ref


@pytest.mark.parametrize("where", [ChildSpec, lambda cls: Supervisor("s", [cls])])
def test_a_task_agent_is_nobodys_child(where: Any) -> None:
    """Law: a supervisor would start an actor that handles nothing."""
    with pytest.raises(ActorClassError, match=r"no actor of its own and nobody's child; give the class to ActorSystem"):
        where(make(execute))


def test_a_task_agent_cannot_be_spawned_as_an_actor() -> None:
    """Law: the same at run time."""
    with ActorSystem() as system, pytest.raises(ActorClassError, match="nobody's child"):
        system.actors.spawn(make(execute))


def test_what_a_system_is_given_is_sorted() -> None:
    """Law: each in the order given, and what is neither is refused with what can be."""
    agent, other = make(execute), task_agent(name="other")(lambda_of_topic)
    children, agents = split_agents(
        [Clerk, agent, ChildSpec(Clerk, "second"), other, Supervisor("s"), agent.configured(name="n")]
    )
    assert children == (Clerk, ChildSpec(Clerk, "second"), Supervisor("s"))
    assert agents.names() == ("agent", "other", "n")
    for wrong, text in (
        (print, "@task_agent above it"),
        (5, "an agent is an Actor class"),
        (TaskAgent, "an agent is an Actor"),
    ):
        with pytest.raises(ActorClassError, match=text):
            split_agents([wrong])


def lambda_of_topic(task: Topic) -> None: ...


def test_a_system_takes_task_agents_beside_actors() -> None:
    """Law: both kinds in one list."""
    with ActorSystem(agents=[Clerk, make(execute)]) as system:
        assert system.actors["clerk"].ask(Topic("x")) == "x"


@pytest.mark.parametrize("asked", [Snooze(5), Snooze(0.25), Cancel("not wanted"), Cancel()])
def test_what_a_body_asks_for_by_returning_it_arrives_as_such(asked: Snooze | Cancel) -> None:
    """Law: over the wire, from whatever body, and it is no result to be checked."""

    def body(self: Any, task: Topic) -> str | Snooze | Cancel:
        return asked

    entry = TaskAgents().add(make(body))
    assert entry.result_type is str
    with pytest.raises(Asked) as raised:
        entry.action.function(task=Topic("x"))
    assert asked_of(detail_of(raised.value)) == asked
    assert asked_of(detail_of(Fatal("never"))) is None


def test_what_a_body_returns_is_its_result_but_what_it_asks_for() -> None:
    """Law: the annotation of the result leaves out what is no result; nothing else of it is lost."""

    def only(self: Any, task: Topic) -> Snooze: ...
    def either(self: Any, task: Topic) -> str | int | Cancel: ...
    def optional(self: Any, task: Topic) -> str | Snooze | None: ...
    def unsaid(self: Any, task: Topic): ...  # type: ignore[no-untyped-def]

    found = [TaskAgents().add(make(body)).result_type for body in (only, either, optional, unsaid)]
    assert found == [Any, str | int, str | None, Any]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: Snooze(-1), "seconds from 0"),
        (lambda: Snooze(float("nan")), "seconds from 0"),
        (lambda: Cancel("x" * 1001), "up to 1,000 characters"),
        (lambda: Stall(0, "fail"), "more than 0"),
        (lambda: Stall(5, "explode"), "'fail' or 'notify'"),  # type: ignore[arg-type]
        (lambda: Stall(5, "notify"), "an agent or a callback, one of them"),
        (lambda: Stall(5, "notify", agent="a", callback=print), "one of them"),
        (lambda: Stall(5, "fail", agent="a"), "tells nobody"),
        (lambda: Stall(5, callback=5), "is a function"),  # type: ignore[arg-type]
    ],
)
def test_what_a_body_or_a_job_asks_for_must_make_sense(wrong: Any, text: str) -> None:
    """Law: it is told where it is made."""
    with pytest.raises(ValueError, match=text):
        wrong()
