"""Makes the configs of agents that do tasks and judges their options; every mistake is told at its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dagger_actors.errors import ActorClassError
from dagger_actors.reading.tree import Fields, Table
from dagger_actors.supervised.files.complaints import Complaints, Placed
from dagger_actors.supervised.files.definition import TaskOptionsSpec
from dagger_actors.supervised.files.task_keys import UNSUPERVISED, TaskSource, given_of, key_of

__all__ = ["ResolvedTasks", "resolve_tasks"]


class ResolvedTasks(msgspec.Struct, frozen=True):
    """What a task agent is made of.

    Attributes:
        source: Its class or function.
        config: What its class's ``config`` is; None when it has none.
        given: The options that the file gives, as class keywords would give them.
    """

    source: Any
    config: msgspec.Struct | None = None
    given: dict[str, object] = {}


def resolve_tasks(
    found: Any, source: TaskSource, agents: Sequence[Placed], complaints: Complaints, resolved: dict[str, ResolvedTasks]
) -> None:
    """Resolve the agents of one class or function.

    Args:
        found: The class or function.
        source: What it says of itself.
        agents: The agents.
        complaints: Take what is wrong.
        resolved: Takes what they are made of, by their ids.
    """
    for agent in agents:
        _refuse_supervision(found, agent, complaints)
        given = _judged(found, source, agent, complaints)
        config = complaints.config_of(found, source.config, agent)
        resolved[agent.spec.id] = ResolvedTasks(found, config, given)


def _refuse_supervision(found: Any, agent: Placed, complaints: Complaints) -> None:
    if agent.place.is_nested:
        message = f"{found.__name__} does tasks, and no supervisor has to do with that"
        complaints.of_agent(agent, agent.place.at, message, "Write it under the `agents` of the system itself.")
    for key, at in agent.place.supervised:
        advice = UNSUPERVISED[key]
        message = f"`{key}` does nothing, for {found.__name__} does tasks"
        complaints.of_agent(agent, at, message, f"Remove it; {advice}.")


def _judged(found: Any, source: TaskSource, agent: Placed, complaints: Complaints) -> dict[str, object]:
    given = given_of(agent.spec.tasks or TaskOptionsSpec(), source.retry)
    options, problems = source.judge(given)
    place = agent.place
    written: Fields = {}
    if place.tasks is not None and isinstance(place.tasks.value, Table):
        written = place.tasks.value.entries
    for problem in problems:
        key = key_of(problem.option, written)
        at = written[key].at if key in written else place.at if place.tasks is None else place.tasks.at
        advice = f"{problem.advice[0].upper()}{problem.advice[1:]}{'' if problem.advice.endswith('?') else '.'}"
        complaints.of_agent(agent, at, f"tasks.{key}: {problem.message}", advice)
    if not problems:
        try:
            source.check(agent.spec.id, options)
        except ActorClassError as error:
            complaints.of_agent(agent, place.class_at, f"class: {found.__name__} can do no tasks", f"{error}.")
    return given
