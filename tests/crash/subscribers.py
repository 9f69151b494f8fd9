"""The subscribers of the crash tests: each turn writes down that it begins, in one append, and leaves an effect with its end.

The log is the outside witness of beginnings: a line is in the kernel as soon as ``write`` returns. The table ``effects``
is the inside one of ends: its rows are committed with them, in the order of commits.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from dagger_actors import Channel, RetryPolicy, Subscriber, subscribe
from dagger_actors.core.retry import Linear
from dagger_actors.pubsub.turns.context import TurnContext

_log = os.open(os.environ["BODY_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

GATE = Path(os.environ["BODY_LOG"] + ".gate")

TWICE = RetryPolicy(tries=5, wait=Linear(delay_secs=0.01))


class Transfer(msgspec.Struct, frozen=True):
    """An order to move money."""

    number: int
    source: str
    target: str
    amount: int


class Deposit(msgspec.Struct, frozen=True):
    """Its second half."""

    number: int
    target: str
    amount: int


class Account(msgspec.Struct):
    """What stands on an account."""

    balance: int = 0
    turns: int = 0


def note(ctx: TurnContext, number: int) -> None:
    """Tell both witnesses."""
    os.write(_log, f"start {ctx.channel} {number} {ctx.attempt} {os.getpid()}\n".encode())
    ctx.execute(
        "INSERT INTO effects (channel, offset, key, number, pid) VALUES (?, ?, ?, ?, ?)",
        (ctx.channel, ctx.offset, ctx.key, number, os.getpid()),
    )


class Ledger(Subscriber):
    """Keeps accounts; every eleventh turn fails at first, behind what it has changed."""

    state: Account

    @subscribe("transfers", key="source", publishes="deposits", retry=TWICE)
    def withdraw(self, transfer: Transfer, ctx: TurnContext) -> Deposit:
        """Take it from one."""
        self._move(-transfer.amount, transfer.number, ctx)
        return Deposit(transfer.number, transfer.target, transfer.amount)

    @subscribe("deposits", key="target", retry=TWICE, echo=True)
    def deposit(self, deposit: Deposit, ctx: TurnContext) -> None:
        """Give it to the other."""
        self._move(deposit.amount, deposit.number, ctx)

    def _move(self, amount: int, number: int, ctx: TurnContext) -> None:
        self.state.balance += amount
        self.state.turns += 1
        note(ctx, number)
        time.sleep(0.0005)
        if number % 11 == 0 and ctx.attempt == 1:
            raise ValueError("bad luck")


class Counter(Subscriber):
    """Handles messages of no order."""

    @subscribe("loose", order="none", concurrency=4)
    def loose(self, number: int, ctx: TurnContext) -> None:
        """Without order."""
        note(ctx, number)
        time.sleep(0.0005)


class Gated(Subscriber):
    """A turn may last until it is killed, or until a file is there; others are quick."""

    @subscribe("numbers", key="source")
    def take(self, transfer: Transfer, ctx: TurnContext) -> None:
        """Wait, if it is the one to wait for."""
        note(ctx, transfer.number)
        while transfer.target == "waits" and not GATE.exists():
            time.sleep(0.002)


class Late(Subscriber):
    """Writes down how late it is."""

    @subscribe("loose")
    def take(self, number: int, ctx: TurnContext) -> None:
        """Tell when, microseconds after it was published."""
        os.write(_log, f"{number} {time.time_ns() // 1_000 - ctx.published_at}\n".encode())


TRANSFERS = Channel("transfers", Transfer, capacity=1_000_000)
LOOSE = Channel("loose", int, capacity=1_000_000)

SETS: dict[str, tuple[list[type[Subscriber]], list[Channel]]] = {
    "ledger": ([Ledger], [TRANSFERS]),
    "both": ([Ledger, Counter], [TRANSFERS, LOOSE]),
    "gated": ([Gated], [Channel("numbers", Transfer)]),
    "late": ([Late], [LOOSE]),
    "none": ([], [TRANSFERS, LOOSE]),
}
