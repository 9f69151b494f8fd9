"""What people answer where a run asks them, and what becomes of their nodes."""

from __future__ import annotations

from typing import Final

import msgspec

from dagger_actors.core.messages import ArtifactRecord, ErrorDetail, Failed, Output, Succeeded, Turn

__all__ = ["REJECTED", "Answerer", "outcome_of"]

REJECTED: Final = "dagger_actors.Rejected"


class Answerer(msgspec.Struct, frozen=True, kw_only=True):
    """Who has answered, and when.

    Attributes:
        user: The name of the user whose process it was.
        pid: The process.
        at: Microseconds UTC.
    """

    user: str
    pid: int
    at: int


def outcome_of(
    output: Output, who: str, why: str = "", *, is_rejected: bool, artifacts: tuple[ArtifactRecord, ...] = ()
) -> Succeeded | Failed:
    """The outcome of a node whose person has answered.

    Args:
        output: The answer.
        who: Who gave it.
        why: Their reason; may be empty.
        is_rejected: Whether it is a rejection: the node fails.
        artifacts: Where the answer is stored, when it is a large one.
    """
    because = f": {why}" if why else ""
    if is_rejected:
        return Failed(ErrorDetail(REJECTED, f"rejected by {who}{because}"))
    return Succeeded(output, Turn(artifacts, reason=f"answered by {who}{because}"))
