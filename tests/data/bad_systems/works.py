"""Task agents for the corpus of bad systems."""

from __future__ import annotations

import msgspec

from dagger_actors import TaskAgent, task_agent


class Topic(msgspec.Struct, frozen=True):
    text: str
    customer: str = ""


class Sources(msgspec.Struct, frozen=True):
    folder: str


class Research(TaskAgent):
    config: Sources

    def execute(self, task: Topic) -> str:
        return task.text


class Base(TaskAgent):
    pass


@task_agent
async def shout(task: Topic) -> str:
    return task.text
