"""What a node awaits, put together from what its ancestors gave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.core.awaits import Wanted
from dagger_actors.core.comparisons import ABSENT
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.errors import StoreError
from dagger_actors.flow.definition import Approval, Awaited, Reference

__all__ = ["wanted_of"]

LONGEST: Final = 10_000
"""Characters of all that a message is compared with; they are kept with the wait."""

FAILED: Final = "dagger_actors.AwaitFailed"


def wanted_of(awaited: Awaited, look_up: Callable[[Reference], object]) -> Wanted | ErrorDetail:
    """Put together what a node awaits, or tell why it cannot be.

    Args:
        awaited: What the definition says.
        look_up: Gives the value of a reference, or ``ABSENT``; raises ``UnresolvedReference`` and ``StoreError``.
    """
    if isinstance(awaited, Approval):
        return Wanted(awaited.kind, msgspec.json.encode({"type": awaited.type}).decode())
    match: dict[str, object] = {}
    for path, reference in awaited.match:
        try:
            match[path] = look_up(reference)
        except (UnresolvedReference, StoreError) as error:
            return ErrorDetail(FAILED, f"await_message.match: {path}: {error}")
        if match[path] is ABSENT:
            return ErrorDetail(FAILED, f"await_message.match: {path}: the reference leads to no value")
    text = msgspec.json.encode(match).decode()
    if len(text) > LONGEST:
        return ErrorDetail(
            FAILED, f"await_message.match: its values have {len(text):,} characters, and {LONGEST:,} may be"
        )
    return Wanted(awaited.kind, text, awaited.channel, awaited.is_earliest)
