"""The fields that log records of this package carry besides their text: here, and nowhere else, are their names.

Every record that is about something names it: ``logger.warning("...", extra=LogFields(actor=..., seconds=...))``; a formatter
finds them as attributes of the record. The loggers are ``dagger_actors.actors`` (actors, their supervisors, threads),
``dagger_actors.flow`` (runs, and what keeps them going), ``dagger_actors.tasks`` and ``dagger_actors.pubsub`` (the same of tasks,
and of channels), ``dagger_actors.store`` (the file) and ``dagger_actors.run`` (what actions, tasks and subscribers say with
``ctx.log``).
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["LogFields"]


class LogFields(TypedDict, total=False):
    """What a record is about; only the fields that apply are there.

    ``message`` and ``name`` are not among them: ``logging`` keeps those two for itself.

    Attributes:
        actor: An actor's name in its system.
        incarnation: Which of its incarnations, from 1.
        message_type: Name of a message's class.
        handler: The method that handles it, with its class.
        reason: Why, in a word or a line.
        seconds: How long, so far.
        stack: Where code stands at this moment, as a traceback shows it.
        pool: A pool of threads.
        holders: Who holds its threads.
        waiting: How many wait for one.
        run_id: A run's id.
        node_id: A node's id in its flow.
        invocation_key: The map item's key; empty when the node is not mapped.
        task: A task's id.
        agent: The name of a task's agent.
        attempt: Which attempt, from 1.
        subscription: The name of a subscription.
        channel: The name of a channel.
        offset: A message's place on it.
        worker: A worker's number in the file.
        path: The database.
    """

    actor: str
    incarnation: int
    message_type: str
    handler: str
    reason: str
    seconds: float
    stack: str
    pool: str
    holders: tuple[str, ...]
    waiting: int
    run_id: str
    node_id: str
    invocation_key: str
    task: int
    agent: str
    attempt: int
    subscription: str
    channel: str
    offset: int
    worker: int
    path: str
