"""What the supervisor of a member has decided in one turn: one unit of work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import msgspec

from dagger_actors.bodies.artifacts import artifact_row
from dagger_actors.core.channel_rows import NewMessage, NewTimer
from dagger_actors.core.channels import ChannelOperation, PauseSubscription, PublishMessages, SetTimers
from dagger_actors.core.declarations import ChannelRow, Declare
from dagger_actors.core.member_rows import CursorRow, DeadLetterRow, DeliveryRow, StateRow
from dagger_actors.core.messages import A_DELIVERY, ArtifactRecord
from dagger_actors.core.protocols import Cell, UserWork, Write
from dagger_actors.core.range_leases import ReleaseRanges, ShareRanges
from dagger_actors.core.run_rows import NewRun, StartRuns
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SubmitTasks, TaskOperation
from dagger_actors.core.turns import Misfit
from dagger_actors.pubsub.machine.events import Decision, End, TurnRef

__all__ = ["FENCE", "Batch", "Outlets", "Place"]

FENCE = "cursors.put"
"""The statement that changes nothing when a lease was lost."""


class Place:
    """Who writes: the fence of all that is written.

    Attributes:
        group_key: The group.
        worker: This worker.
        member: The member's name in it.
    """

    __slots__ = ("group_key", "member", "worker")

    def __init__(self, group_key: int, worker: int, member: str) -> None:
        self.group_key = group_key
        self.worker = worker
        self.member = member


class Outlets(Protocol):
    """Knows the channels that turns publish to."""

    def is_ephemeral(self, channel: str) -> bool:
        """Whether nothing of it is stored."""
        ...

    def waits(self, channel: str) -> bool:
        """Whether publishers wait for room in it."""
        ...

    def new_rows(self, channels: Collection[str]) -> tuple[ChannelRow, ...]:
        """The rows of those that may not be in the database yet."""
        ...


class Batch:
    """Collects decisions.

    Args:
        place: Who writes.

    Attributes:
        is_redone: Whether it is a turn that was told again.
        ends: Turns that ended, in order.
        give_back: Ranges to release, behind all of it.
        is_sharing: Whether the ranges are shared out anew, behind all of it.
        is_leaving: Whether the member leaves its group, behind all of it.
        pauses: Subscriptions that are paused, and why.
        replies: Futures to resolve after the commit.
        ephemeral: Messages for channels of which nothing is stored, to be handed over after it.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.is_redone = False
        self.ends: list[End] = []
        self.cursors: dict[tuple[int, int], CursorRow] = {}
        self.give_back: list[int] = []
        self.is_sharing = False
        self.is_leaving = False
        self.pauses: list[tuple[str, str]] = []
        self.replies: list[Any] = []
        self.ephemeral: list[NewMessage] = []

    def add(self, decision: Decision) -> None:
        """Add what follows from one event, its effects apart."""
        self.ends += decision.ends
        for row in decision.cursors:
            self.cursors[row.cursor_key, row.range] = row

    def take(self, other: Batch) -> None:
        """Take a later batch in."""
        self.ends += other.ends
        self.cursors.update(other.cursors)
        self.take_rest(other)

    def take_rest(self, other: Batch) -> None:
        """Take over what a batch wants besides ends and cursors: it holds though those were refused."""
        self.give_back += other.give_back
        self.is_sharing = self.is_sharing or other.is_sharing
        self.is_leaving = self.is_leaving or other.is_leaving
        self.pauses += other.pauses
        self.replies += other.replies

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything to write or to answer."""
        return bool(
            self.cursors
            or self.ends
            or self.give_back
            or self.is_sharing
            or self.is_leaving
            or self.pauses
            or self.replies
        )

    def writes(self, now_us: int) -> list[Write]:
        """The rows; those of cursors are the fence."""
        deliveries: dict[tuple[int, int], DeliveryRow | None] = {}
        states: dict[str, StateRow] = {}
        dead: list[DeadLetterRow] = []
        artifacts: dict[str, ArtifactRecord] = {}
        stepped: list[tuple[Cell, ...]] = []
        for end in self.ends:
            for place in end.clear:
                deliveries[place] = None
            for row in end.deliveries:
                deliveries[row.cursor_key, row.offset] = row
            dead += end.dead_letters
            stepped += _may_have_steps(end)
            effects = end.verdict.effects
            if effects is None:
                continue
            key = end.turn.key
            dead += [_refused(end.turn, one, now_us) for one in effects.misfits]
            if effects.state is not None:
                states[key] = StateRow(self._place.group_key, key, effects.state.hex(), now_us)
            if effects.turn is not None:
                artifacts.update((one.artifact_id, one) for one in effects.turn.artifacts if one.location != "stored")
        puts = [row for row in deliveries.values() if row is not None]
        found: tuple[tuple[str, list[Any], bool], ...] = (
            (FENCE, list(self.cursors.values()), True),
            ("artifacts.put", [artifact_row(record, now_us) for record in artifacts.values()], False),
            ("deliveries.clear", [place for place, row in deliveries.items() if row is None], False),
            ("deliveries.put", puts, False),
            ("dead_letters.put", dead, False),
            ("subscriber_states.put", list(states.values()), False),
            ("subscriber_steps.forget", stepped, False),
        )
        return [Write(name, rows, len(rows) if is_expected else None) for name, rows, is_expected in found if rows]

    def work(self, now_us: int, outlets: Outlets) -> list[UserWork | TaskOperation | ChannelOperation | StartRuns]:
        """What must read before it writes; the sharing last.

        Args:
            now_us: Wall microseconds.
            outlets: Knows the channels.
        """
        work: list[UserWork | TaskOperation | ChannelOperation | StartRuns] = []
        timers: list[NewTimer] = []
        spawned: list[NewTask] = []
        started: list[NewRun] = []
        published: list[NewMessage] = []
        for end in self.ends:
            effects = end.verdict.effects
            if effects is None:
                continue
            published += effects.published
            timers += effects.timers
            if effects.turn is not None:
                spawned += effects.turn.spawned
                started += effects.turn.started
                if effects.turn.statements:
                    cursor_key, offset, _range, try_no = end.turn.messages[0]
                    place = (cursor_key, A_DELIVERY, offset, try_no)
                    work.append(UserWork(place, effects.turn.statements, (), now_us))
        if spawned:
            work.append(SubmitTasks(tuple(spawned), now_us))
        if started:
            work.append(StartRuns(tuple(started), now_us))
        place_of = (self._place.group_key, self._place.worker, self._place.member)
        work += [PauseSubscription(name, reason, now_us) for name, reason in self.pauses]
        if timers:
            work.append(SetTimers(tuple(timers), now_us))
        durable = [message for message in published if not outlets.is_ephemeral(message.channel)]
        self.ephemeral = [message for message in published if outlets.is_ephemeral(message.channel)]
        if durable:
            rows = outlets.new_rows({message.channel for message in durable})
            if rows:
                work.append(Declare(rows, (), now_us))
            work.append(PublishMessages(tuple(durable), now_us))
        if self.give_back or self.is_leaving:
            work.append(ReleaseRanges(*place_of, None if self.is_leaving else tuple(self.give_back)))
        if self.is_sharing:
            work.append(ShareRanges(*place_of, now_us))
        return work


def _may_have_steps(end: End) -> Sequence[tuple[Cell, ...]]:
    """The messages that are done whose steps may be there: of this try, or of one before it."""
    effects = end.verdict.effects
    if end.verdict.kind == "dead" or (effects is not None and effects.has_steps):
        return [(cursor_key, offset) for cursor_key, offset, *_ in end.turn.messages]
    return end.clear


def _refused(turn: TurnRef, misfit: Misfit, now_us: int) -> DeadLetterRow:
    error = msgspec.json.encode(misfit.error).decode()
    tries = max(place[3] for place in turn.messages)
    return DeadLetterRow(misfit.cursor_key, misfit.offset, turn.key, "refused", tries, error, now_us)
