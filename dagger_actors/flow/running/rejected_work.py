"""An attempt has failed whose statements the store refused, or whose nodes the run cannot take, though its body has not."""

from __future__ import annotations

from dagger_actors.core.messages import AttemptEnded, ErrorDetail, Failed, Succeeded, decode_ended, encode
from dagger_actors.core.retry import names_of
from dagger_actors.core.wording import as_written
from dagger_actors.errors import WorkRejected
from dagger_actors.flow.machine.events import BodyKey

__all__ = ["as_failed", "failed_with"]


def as_failed(payload: bytes, error: WorkRejected) -> tuple[bytes, BodyKey] | None:
    """The completion to tell instead, and whose it is; None when it is another attempt's, or no success."""
    ended = decode_ended(payload)
    place = (ended.run_key, ended.node, ended.item, ended.attempt)
    if place != error.place or not isinstance(ended.outcome, Succeeded):
        return None
    failed = AttemptEnded(*place, ended.started_us, ended.finished_us, failed_with(error.cause))
    return encode(failed), (ended.node, ended.item, ended.attempt)


def failed_with(error: Exception) -> Failed:
    """How an attempt ends that asks of its run what that cannot do."""
    return Failed(_detail(error))


def _detail(error: Exception) -> ErrorDetail:
    kind = type(error)
    return ErrorDetail(f"{as_written(kind.__module__)}.{kind.__qualname__}", str(error)[:4096], names_of(kind))
