"""Bounds and words of what is said of channels and subscriptions, wherever it is said: in a class, in a system file."""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = [
    "MAX_BATCH",
    "MAX_CHANNELS",
    "MAX_CHANNEL_CAPACITY",
    "MAX_IN_FLIGHT",
    "MAX_KEPT_BYTES",
    "MAX_KEPT_MESSAGES",
    "MAX_KEPT_SECONDS",
    "MAX_PATTERNS",
    "MAX_SUBSCRIPTION_CONCURRENCY",
    "MAX_TRIGGERS",
    "ORDERS",
    "OVERFLOWS",
    "RETAIN_AGE_S",
    "ChannelOverflow",
    "Order",
]

Order = Literal["all", "key", "none"]
"""Messages in their order: all of them, those of one key, none."""
ChannelOverflow = Literal["block", "reject", "drop_oldest"]

ORDERS: Final[tuple[str, ...]] = get_args(Order)
OVERFLOWS: Final[tuple[str, ...]] = get_args(ChannelOverflow)

RETAIN_AGE_S: Final = 7 * 86_400.0
"""How long done messages are kept, where nothing is said of it."""

MAX_SUBSCRIPTION_CONCURRENCY: Final = 10_000
"""Turns of one subscription at once, in one process."""
MAX_BATCH: Final = 10_000
"""Messages in one turn."""
MAX_IN_FLIGHT: Final = 100_000
"""Messages of one subscription that are read and not done, in one process."""
MAX_PATTERNS: Final = 100
"""Channels and patterns that one subscription names."""
MAX_CHANNEL_CAPACITY: Final = 10_000_000
MAX_CHANNELS: Final = 100_000
"""Channels of one file."""
MAX_TRIGGERS: Final = 1_000
"""Triggers of one system."""
MAX_KEPT_SECONDS: Final = 100 * 366 * 86_400
MAX_KEPT_MESSAGES: Final = 1_000_000_000_000
MAX_KEPT_BYTES: Final = 1 << 50
