"""Submitting tasks: judged all, then written a thousand to a commit, with a few commits on their way at once.

What is wrong with any of them is said before one is stored. A full queue takes what there is room for and, where the
agent's ``overflow`` is ``block``, the rest as it drains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Unpack

import msgspec

from dagger_actors.bodies.asking import Aside, Asking, Await
from dagger_actors.bodies.outputs import INLINE_BYTES
from dagger_actors.core.protocols import Write
from dagger_actors.core.wording import quoted
from dagger_actors.errors import PayloadRefused, RequestError
from dagger_actors.tasks.agents.doors import AgentName, Door
from dagger_actors.tasks.handles.given_values import one_try
from dagger_actors.tasks.handles.task import Task
from dagger_actors.tasks.verbs.base import TasksBase
from dagger_actors.tasks.verbs.sending import Draft, Sending
from dagger_actors.tasks.verbs.wishes import GivenWishes, judge

__all__ = ["Submission"]

MANY = 200
"""Payloads from which an event loop has them judged on a thread."""


class Submission(TasksBase):
    """The verbs that submit."""

    def submit(self, agent: AgentName, payload: Any = None, **options: Unpack[GivenWishes]) -> Task:
        """Submit a task; it is durable when this returns.

        Args:
            agent: Its class, its function, or its name; by its name also one that only another process has.
            payload: What its body takes: an instance of the annotated type, or plain data that makes one; at most 1 MiB. Where
                only another process has the agent, its fields and their plain types are checked here, by the JSON Schema in the
                database; the rest when it begins: then the task has failed with ``InputError``, and is not tried again.
            **options: See ``GivenWishes``.

        Returns:
            A handle, at once.

        Raises:
            UnknownAgent: There is none of that name; names the nearest.
            PayloadRefused: It does not fit, with the path to what does not, or is too large.
            RequestError: An option has a value that it cannot have.
            UnknownDependency, TaskConflict, JobClosed: What it names is not there, taken, or takes no more.
            TaskQueueFull: As many tasks are open as may be, and the agent's ``overflow`` is ``reject``.
            TimeoutError: The same, it is ``block``, and for 30 s nothing has left the queue.
            BlockingCall: On a running event loop; use ``await tasks.asubmit(...)``.
        """
        return self._asker.run(self._submitting(agent, [payload], options), "tasks.submit()", _AWAIT)[0]

    def submit_many(self, agent: AgentName, payloads: Iterable[Any], **options: Unpack[GivenWishes]) -> list[Task]:
        """Submit a task for each payload, a thousand to a commit; all are durable when this returns.

        Args:
            agent: As for ``submit``.
            payloads: Judged all before the first is stored.
            **options: Of each of them; ``key`` is for one.

        Returns:
            Their handles, in order.

        Raises:
            Exception: As ``submit``. When a full queue, or the disk, stops it halfway, a note of the error says how many were
                submitted.
        """
        asking = self._submitting(agent, _listed(payloads), options)
        return self._asker.run(asking, "tasks.submit_many()", "await tasks.asubmit_many(...)")

    async def asubmit(self, agent: AgentName, payload: Any = None, **options: Unpack[GivenWishes]) -> Task:
        """``submit``, without blocking the loop."""
        return (await self._asker.arun(self._submitting(agent, [payload], options)))[0]

    async def asubmit_many(
        self, agent: AgentName, payloads: Iterable[Any], **options: Unpack[GivenWishes]
    ) -> list[Task]:
        """``submit_many``, without blocking the loop."""
        return await self._asker.arun(self._submitting(agent, _listed(payloads), options))

    def _submitting(self, agent: AgentName, payloads: Sequence[Any], given: Mapping[str, Any]) -> Asking[list[Task]]:
        self._refuse_closed()
        self._hub.check()
        trace = self._hub.trace()  # of the code that calls: further on it may be another thread's
        door = self._doors.find(agent)
        wishes = judge(given, self._now_us(), count=len(payloads))
        if door.has_one_try and wishes.try_count is not None and wishes.try_count > 1:
            raise RequestError(one_try(wishes.try_count, door.name))
        if not payloads:
            return []
        judging = partial(_judged, door, payloads)
        drafts: list[Draft] = (yield Aside(judging)) if len(payloads) >= MANY else judging()
        if any(len(draft.text) > INLINE_BYTES for draft in drafts):
            yield Aside(partial(self._keep_large, drafts))
        if door.unknown is not None:
            yield Await(self._hub.ask((), [Write("task_agents.put", [door.unknown.row(self._now_us())], 1)]))
        job_key = yield from self._job_key(wishes.job)
        keys = yield from self._hub.keys.taking(len(drafts))
        sending = Sending(
            self._hub, door, wishes, job_key, trace=trace, room=self._doors.room, refuse_closed=self._refuse_closed
        )
        made = yield from sending.run(list(zip(keys, drafts, strict=True)))
        return [self._task(key) for key in made]

    def _keep_large(self, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            if len(draft.text) > INLINE_BYTES:
                draft.record = self._hub.artifacts.prepare(draft.text, kind="json", media_type="application/json")

    def _job_key(self, job: Any) -> Asking[int | None]:
        raise NotImplementedError


_AWAIT = "await tasks.asubmit(...)"


def _judged(door: Door, payloads: Sequence[Any]) -> list[Draft]:
    drafts: list[Draft] = []
    for at, payload in enumerate(payloads):
        try:
            drafts.append(Draft(*door.encode(payload)))
        except PayloadRefused as error:
            if len(payloads) > 1:
                error.add_note(f"it is payload {at:,} of {len(payloads):,}, counted from 0; nothing was submitted")
            raise
    return drafts


def _listed(payloads: Iterable[Any]) -> Sequence[Any]:
    if isinstance(payloads, str | bytes | Mapping | msgspec.Struct) or not isinstance(payloads, Iterable):
        raise RequestError(f"payloads are a list with one payload for each task, not {quoted(payloads)}")
    return payloads if isinstance(payloads, list | tuple) else list(payloads)
