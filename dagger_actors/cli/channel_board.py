"""What is seen of subscriptions while their turns are taken: a table that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time

from rich.table import Table
from rich.text import Text

from dagger_actors.cli.render import plain
from dagger_actors.cli.text import one_line
from dagger_actors.core.wording import counted
from dagger_actors.pubsub.verbs.at_work import SubscriptionStanding
from dagger_actors.pubsub.verbs.channels import Channels

__all__ = ["ChannelBoard"]

ROWS = 30
NUMBERS = ("lag", "in hand", "handled/s", "handled", "failed", "dead letters")


class ChannelBoard:
    """Looks at the subscriptions of a system.

    Args:
        channels: Its channels.

    Attributes:
        rows: The subscriptions, as they were looked at last.
    """

    def __init__(self, channels: Channels) -> None:
        self.rows: list[SubscriptionStanding] = []
        self._channels = channels
        self._rates: dict[str, float] = {}
        self._began = self._looked = time.monotonic()

    def look(self) -> None:
        """Look once."""
        now = time.monotonic()
        span, self._looked = now - self._looked, now
        before = {one.subscription: one.handled for one in self.rows}
        self.rows = self._channels.standing()
        for one in self.rows:
            name = one.subscription
            self._rates[name] = (one.handled - before.get(name, 0)) / span if span else 0.0

    def held(self) -> list[str]:
        """The subscriptions that are paused with something to do."""
        return [one.subscription for one in self.rows if one.is_paused and one.lag]

    def line(self) -> str:
        """How it stands, in one line."""
        rows = self.rows
        letters = sum(one.dead_letters for one in rows)
        return (
            f"{counted(len(rows), 'subscription')}, {sum(one.handled for one in rows):,} handled, "
            f"{sum(one.failed for one in rows):,} failed, lag {sum(one.lag for one in rows):,}, "
            f"{counted(letters, 'dead letter')}"
        )

    def table(self, *, is_last: bool = False) -> Table:
        """The subscriptions of this process; ``is_last``: the rate is that of all the time."""
        spent_s = max(self._looked - self._began, 1e-6)
        table = plain("subscription", *NUMBERS, "state", right=NUMBERS)
        for one in self.rows[:ROWS]:
            table.add_row(
                Text(one_line(one.subscription)),
                f"{one.lag:,}",
                f"{one.in_hand:,}",
                f"{one.handled / spent_s if is_last else self._rates[one.subscription]:,.0f}",
                f"{one.handled:,}",
                Text(f"{one.failed:,}", style="red" if one.failed else ""),
                Text(f"{one.dead_letters:,}", style="red" if one.dead_letters else ""),
                Text("paused" if one.is_paused else "", style="yellow"),
            )
        if len(self.rows) > ROWS:
            table.add_row(Text(f"... and {len(self.rows) - ROWS} more"))
        return table
