"""An attempt has failed whose statements the store refused, or whose nodes the run cannot take, though its body has not."""

from __future__ import annotations

from dagger_actors.core.messages import AttemptEnded, ErrorDetail, Failed, Succeeded, decode_ended, encode
from dagger_actors.core.retry import names_of
from dagger_actors.core.wording import as_written
from dagger_actors.errors import GrowthRefused, WorkRejected
from dagger_actors.flow.machine.events import BodyKey

__all__ = ["as_failed", "growth_refused"]


def as_failed(payload: bytes, error: WorkRejected) -> tuple[bytes, BodyKey] | None:
    """The completion to tell instead, and whose it is; None when it is another attempt's, or no success."""
    ended = decode_ended(payload)
    place = (ended.run_key, ended.node, ended.item, ended.attempt)
    if place != error.place or not isinstance(ended.outcome, Succeeded):
        return None
    kind = type(error.cause)
    detail = ErrorDetail(f"{as_written(kind.__module__)}.{kind.__qualname__}", str(error.cause)[:4096], names_of(kind))
    failed = AttemptEnded(*place, ended.started_us, ended.finished_us, Failed(detail))
    return encode(failed), (ended.node, ended.item, ended.attempt)


def growth_refused(reason: str) -> Failed:
    """How an attempt ends whose nodes the run cannot take."""
    error = GrowthRefused(reason)
    return Failed(ErrorDetail("dagger_actors.errors.GrowthRefused", str(error), names_of(GrowthRefused)))
