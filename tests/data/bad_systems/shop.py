"""Agents for the corpus of bad systems; ``Agent`` stands for the class that all agents inherit from."""

from __future__ import annotations

import msgspec


class Agent:
    config: object


class Limits(msgspec.Struct, frozen=True):
    low: int
    high: int = 10


class Pricing(msgspec.Struct, frozen=True):
    rate: float
    currency: str = "EUR"
    limits: Limits | None = None

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError("a rate is not negative")


class Pricer(Agent):
    config: Pricing


class Audit(Agent):
    pass


class Odd(Agent):
    config: dict[str, int]


class Lost(Agent):
    config: Nowhere  # noqa: F821


class Stranger:
    pass


def price() -> None:
    pass
