"""What follows when a batch of a member is in the file: who is told of what, on the journal's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channels import PublishMessages, SetTimers
from dagger_actors.core.range_leases import ShareRanges
from dagger_actors.core.run_rows import StartRuns
from dagger_actors.core.tasks import SubmitTasks
from dagger_actors.pubsub.machine.events import End
from dagger_actors.pubsub.members.batch import Batch
from dagger_actors.pubsub.members.handover import MemberServices
from dagger_actors.pubsub.members.holdings import Holdings
from dagger_actors.pubsub.members.intake import Intake
from dagger_actors.pubsub.members.orders import Sharing

__all__ = ["Aftermath"]


class Aftermath:
    """Tells them; never blocks.

    Args:
        services: What the supervisor is made with.
        intake: What has been read; what is done is forgotten.
        holdings: Knows the channels of cursors.
        tell: Puts a message into the supervisor's mailbox.
        hold: Keeps the next batch until these are resolved.
    """

    def __init__(
        self,
        services: MemberServices,
        intake: Intake,
        holdings: Holdings,
        *,
        tell: Callable[[object], None],
        hold: Callable[[Sequence[ReplyFuture[Any]]], None],
    ) -> None:
        self._services = services
        self._intake = intake
        self._holdings = holdings
        self._tell = tell
        self._hold = hold

    def of(self, batch: Batch, work: Sequence[Any], answers: Sequence[Any]) -> None:
        """Let out what a batch has caused.

        Args:
            batch: The batch.
            work: Its operations.
            answers: Theirs.
        """
        for operation, its_answer in zip(work, answers, strict=True):
            self._tell_of(operation, its_answer)
        if batch.ephemeral:
            self._hold(self._services.ephemeral(batch.ephemeral))
        for reply in batch.replies:
            reply.set_once(None)
        if batch.ends:
            for end in batch.ends:
                if end.verdict.kind in ("handled", "dead"):  # not before: what is undone is taken again
                    for cursor_key, offset, *_ in end.turn.messages:
                        self._intake.forget(cursor_key, offset)
            self._services.activations.committed([end.turn.key for end in batch.ends if _has_state(end)])
            self._services.tally.count(batch.ends)
            self._services.moved(self._holdings.channels_of(batch.cursors))

    def _tell_of(self, operation: Any, its_answer: Any) -> None:
        match operation:
            case PublishMessages(messages=messages):
                self._services.appended(messages, its_answer)
            case SetTimers() if its_answer is not None:
                self._services.due(its_answer)
            case SubmitTasks() if (tasks := self._services.bridges.tasks) is not None:
                tasks.submitted(operation, its_answer)
            case StartRuns() if (flows := self._services.bridges.flows) is not None:
                flows.started(operation, its_answer)
            case ShareRanges():
                self._tell(Sharing(its_answer))


def _has_state(end: End) -> bool:
    return end.verdict.effects is not None and end.verdict.effects.state is not None
