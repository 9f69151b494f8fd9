"""How retries are written, as Structs for the JSON Schema that editors read; ``retry_keys`` reads the same."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dagger_actors.reading.form import Form
from dagger_actors.reading.retry_keys import MAX_DELAY_SECS, MAX_TRIES

__all__ = ["ONE_OF_STRATEGY", "ExponentialForm", "ImmediateForm", "LinearForm", "Strategy", "StrategyForm", "Tries"]

Delay = Annotated[float, Meta(ge=0, le=MAX_DELAY_SECS)]
Tries = Annotated[int, Meta(ge=1, le=MAX_TRIES)]
ExceptionNames = list[Annotated[str, Meta(pattern=r"^[^\s.]+(\.[^\s.]+)*$")]]

ONE_OF_STRATEGY: list[dict[str, Any]] = [
    {"required": ["exponential"]},
    {"required": ["linear"]},
    {"required": ["immediate"]},
]
"""Of these keys a strategy has exactly one; Structs have no word for that."""


class ExponentialForm(Form, frozen=True, kw_only=True):
    """Wait longer after each failure: initial_delay_secs * multiplier ** (try - 1), at most max_delay_secs."""

    initial_delay_secs: Annotated[Delay, Meta(description="Seconds after the first failure.")] = 1.0
    max_delay_secs: Annotated[Delay, Meta(description="The longest wait, in seconds.")] = 60.0
    multiplier: Annotated[float, Meta(ge=1, description="Factor from one wait to the next.")] = 2.0
    jitter: Annotated[Delay, Meta(description="Up to so many seconds are added at random.")] = 0.0


class LinearForm(Form, frozen=True, kw_only=True):
    """Wait delay_secs after the first failure and increment_secs more after each further one."""

    delay_secs: Annotated[Delay, Meta(description="Seconds after the first failure.")]
    increment_secs: Annotated[Delay, Meta(description="Seconds more after each further failure.")] = 0.0
    max_delay_secs: Annotated[Delay, Meta(description="The longest wait, in seconds.")] = 86_400.0


class ImmediateForm(Form, frozen=True, kw_only=True):
    """Do not wait."""


class StrategyForm(Form, frozen=True, kw_only=True):
    """How long to wait between tries, and what is tried again: exactly one of exponential, linear, immediate."""

    exponential: ExponentialForm | msgspec.UnsetType = msgspec.UNSET
    linear: LinearForm | msgspec.UnsetType = msgspec.UNSET
    immediate: ImmediateForm | msgspec.UnsetType = msgspec.UNSET
    retry_on: (
        Annotated[
            ExceptionNames,
            Meta(
                description="Only these exceptions are tried again: builtin or dotted names, anywhere among the bases.",
                examples=[["ConnectionError", "httpx.HTTPError"]],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    give_up_on: (
        Annotated[ExceptionNames, Meta(description="These exceptions end it at once.", examples=[["ValueError"]])]
        | msgspec.UnsetType
    ) = msgspec.UNSET


Strategy = Annotated[
    Literal["immediate"] | StrategyForm,
    Meta(
        description="How long to wait between tries; with it there are 3 tries unless `try_count` says otherwise.",
        examples=[{"exponential": {"initial_delay_secs": 0.5}}, "immediate"],
    ),
]
