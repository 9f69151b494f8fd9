"""When each message is due: an open loop, for all senders together.

A message's time is set by the rate and not by how the system fares. Latency is counted from it, so a system that holds the
senders up does not hide what others would have waited meanwhile. Source: Gil Tene, "coordinated omission".
"""

from __future__ import annotations

import threading
from typing import Literal

import msgspec

__all__ = ["Plan", "Schedule"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is to be sent.

    Attributes:
        rate: Messages a second, more than 0; None = as fast as it goes.
        count: Messages at most, warm-up apart, 1 or more; None = no such end.
        duration_s: Seconds, warm-up apart, more than 0; None = no such end.
        warmup_s: Seconds at the start that are not measured; 0 or more.
    """

    rate: float | None = None
    count: int | None = None
    duration_s: float | None = None
    warmup_s: float = 0.0


class Schedule:
    """Hands out the times; any thread.

    Args:
        plan: How much is to be sent.
        start_ns: When the first message is due.

    Attributes:
        from_ns: From then on is measured.
        until_ns: Nothing is due from then on; None = no such end.
        counted: Times handed out that are measured.
        ended: Why there is none any more; None = there are.
    """

    def __init__(self, plan: Plan, start_ns: int) -> None:
        self.from_ns = start_ns + round(plan.warmup_s * 1e9)
        self.until_ns = None if plan.duration_s is None else self.from_ns + round(plan.duration_s * 1e9)
        self.counted = 0
        self.ended: Literal["count", "duration"] | None = None
        self._plan = plan
        self._start_ns = start_ns
        self._handed_out = 0
        self._lock = threading.Lock()

    def next_ns(self, now_ns: int) -> int | None:
        """When the next message is due; None = there is none any more.

        Args:
            now_ns: The time, on the same clock; without a rate the next is due now.
        """
        rate, count = self._plan.rate, self._plan.count
        with self._lock:
            due_ns = now_ns if rate is None else self._start_ns + round(self._handed_out / rate * 1e9)
            if self.counted == count:
                self.ended = "count"
            elif self.until_ns is not None and due_ns >= self.until_ns:
                self.ended = "duration"
            if self.ended is not None:
                return None
            self._handed_out += 1
            self.counted += due_ns >= self.from_ns
            return due_ns
