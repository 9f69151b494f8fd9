"""Steps of turns in the store: the same for every try at a message, and forgotten with its acknowledgement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagger_actors.bodies.backends import StepPlace
from dagger_actors.bodies.stored_steps import StoredSteps
from dagger_actors.core.protocols import Write

__all__ = ["TurnPlace", "TurnSteps"]


class TurnPlace(StepPlace, frozen=True, kw_only=True):
    """Where the steps of a turn are kept: by the cursor (``run_key``) and the offset (``item``) of its first message.

    The fence is the lease of its range, whatever its epoch: who has lost it and has it again finds the same steps.

    Attributes:
        group_key: The group.
        member: The name of the member that has the range.
        range: The range of the message.
    """

    group_key: int
    member: str
    range: int


class TurnSteps(StoredSteps):
    """Keeps them by message."""

    def read(self, place: StepPlace, name: str) -> Sequence[tuple[Any, ...]]:
        """Read a step."""
        return self._store.readers.query("read.subscriber_step", place.run_key, place.item, name)

    def written(self, place: StepPlace, name: str, text: str | None, artifact_id: str | None, now_us: int) -> Write:
        """The row of a step."""
        assert isinstance(place, TurnPlace), "steps of turns are asked for by their contexts"
        fence = (place.group_key, place.range, place.owner, place.member)
        return Write("subscriber_steps.put", ((place.run_key, place.item, *fence, name, text, artifact_id, now_us),), 1)

    def is_owned(self, place: StepPlace) -> bool:
        """Whether the lease of the range still is this member's."""
        assert isinstance(place, TurnPlace), "steps of turns are asked for by their contexts"
        rows = self._store.readers.query("read.range_owner", place.group_key, place.range)
        return rows == [(place.owner, place.member)]
