"""A bank of keyed accounts: transfers are messages, each half of one a turn; and what must hold of it at rest."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import apsw
import msgspec

from dagger_actors import ActorSystem, Channel, RetryPolicy, Snooze, Subscriber, handler, subscribe
from dagger_actors.core.retry import Linear
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.testing.simulation import Simulation
from tests.simulation import channel_history
from tests.simulation.channel_history import Entry

ACCOUNTS = tuple(f"account {number}" for number in range(20))
TRIES = 3
DELAY_S = 0.2
RETRY = RetryPolicy(tries=TRIES, wait=Linear(delay_secs=DELAY_S))
SCHEMA = (
    channel_history.SCHEMA
    + """
CREATE TABLE IF NOT EXISTS balances (account TEXT PRIMARY KEY, balance INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS taken (one INTEGER PRIMARY KEY) STRICT;
INSERT OR IGNORE INTO taken VALUES (1);
"""
)
MOVE = "INSERT INTO balances VALUES (?1, ?2) ON CONFLICT (account) DO UPDATE SET balance = balance + ?2"


class Transfer(msgspec.Struct, frozen=True):
    """Money to be moved, and what goes wrong with the two turns that it takes.

    Attributes:
        number: Its number.
        source: The account it is taken from.
        target: The account it is given to.
        amount: How much.
        failures: So many tries of the debit fail.
        credit_failures: So many tries of the credit fail.
        how: ``raises``, or ``breaks`` the transaction it is committed with.
        snoozes: Whether its first debit is put off.
        remembers: Whether its debit sets a timer.
        duration_s: How long its turns take.
    """

    number: int
    source: str
    target: str
    amount: int
    failures: int = 0
    credit_failures: int = 0
    how: str = "raises"
    snoozes: bool = False
    remembers: bool = False
    duration_s: float = 0.0


class Credit(msgspec.Struct, frozen=True):
    """The second half."""

    transfer: Transfer
    target: str


class Reminder(msgspec.Struct, frozen=True):
    """A timer of a source's."""

    number: int


class Account(msgspec.Struct):
    """One account.

    Attributes:
        balance: What is in it.
        moves: How many turns it has seen; each leaves one more.
        debited: Transfers out of it, in order.
        credited: Transfers into it, in order.
        reminded: Reminders that came, in order.
    """

    balance: int = 0
    moves: int = 0
    debited: list[int] = []
    credited: list[int] = []
    reminded: list[int] = []


class Record:
    """What bodies do, across the deaths of workers; of one simulation at a time.

    Attributes:
        is_mended: Whether nothing fails any more.
        is_disturbed: Whether a supervisor has crashed, or a worker stood still: then a turn that was given up, or whose lease
            was lost, may not be out when the next of its key begins; nothing of it is written.
        snoozed: Transfers that were put off.
        failures: Tries that failed as they were to.
        owners: Workers that have taken turns.
        begun: How often each try of each message was begun; more than once is a redelivery of what was not stored.
        inside: Turns in their middle, by worker and key.
        complaints: Laws that were broken while it went.
    """

    def __init__(self) -> None:
        self.is_mended = False
        self.is_disturbed = False
        self.snoozed: set[int] = set()
        self.failures = 0
        self.owners: set[int] = set()
        self.begun: Counter[tuple[str, int, int, bool, bool]] = Counter()
        self.inside: Counter[tuple[int, str]] = Counter()
        self.complaints: list[str] = []

    def begin(self, ctx: TurnContext, number: int) -> None:
        """A turn has begun, of this transfer."""
        self.owners.add(ctx._start.owner)
        self.begun[ctx.channel, ctx.offset, ctx.attempt, self.is_mended, number in self.snoozed] += 1

    @property
    def redeliveries(self) -> int:
        """Turns that were begun again, though they had not failed."""
        return sum(self.begun.values()) - len(self.begun)


record = Record()


class Bank(Subscriber):
    """Moves money: what it does to an account in memory, it does to the table."""

    state: Account

    @subscribe("transfers", key="source", publishes="credits", retry=RETRY, concurrency=3)
    async def debit(self, one: Transfer, ctx: TurnContext) -> Any:
        """Take it from the source, and have it given to the target."""
        place = ctx._start.owner, ctx.key
        record.inside[place] += 1
        try:
            if record.inside[place] > 1 and not record.is_disturbed:
                record.complaints.append(f"two turns of {place} at once")
            self._enter(ctx, one)
            self.state.balance -= one.amount
            self.state.debited.append(one.number)
            ctx.execute(MOVE, (one.source, -one.amount))
            ctx.publish("credits", Credit(one, one.target))
            if one.remembers:
                ctx.set_timer("reminder", 0.3, Reminder(one.number))
            if one.duration_s:
                await asyncio.sleep(one.duration_s)
            if one.snoozes and one.number not in record.snoozed:
                record.snoozed.add(one.number)
                return Snooze(DELAY_S)
            _fail(one, ctx, one.failures)
            return None
        finally:
            record.inside[place] -= 1

    @subscribe("credits", key="target", retry=RETRY)
    def credit(self, one: Credit, ctx: TurnContext) -> None:
        """Give it to the target."""
        transfer = one.transfer
        self._enter(ctx, transfer)
        self.state.balance += transfer.amount
        self.state.credited.append(transfer.number)
        ctx.execute(MOVE, (one.target, transfer.amount))
        _fail(transfer, ctx, transfer.credit_failures)

    @handler
    def remind(self, one: Reminder, ctx: TurnContext) -> None:
        """Remember it."""
        self._enter(ctx, one)
        self.state.reminded.append(one.number)

    def _enter(self, ctx: TurnContext, one: Transfer | Reminder) -> None:
        record.begin(ctx, one.number)
        state = self.state
        ctx.execute(
            channel_history.INSERT,
            (ctx.subscription, ctx.channel, ctx.offset, ctx.key, state.moves, state.moves + 1),
        )
        state.moves += 1


def _fail(transfer: Transfer, ctx: TurnContext, failures: int) -> None:
    if record.is_mended or ctx.attempt > failures:
        return
    record.failures += 1
    if transfer.how == "raises":
        raise ValueError(f"try {ctx.attempt} of {transfer.number}")
    ctx.execute("INSERT INTO taken VALUES (1)")


def random_transfers(chance: random.Random, count: int) -> tuple[Transfer, ...]:
    """Make so many."""
    made = []
    for number in range(count):
        source, target = chance.sample(ACCOUNTS[: chance.choice((3, 20))], 2)
        made.append(
            Transfer(
                number,
                source,
                target,
                chance.randint(1, 100),
                failures=chance.choice((0, 0, 0, 0, 1, 2, 9)),
                credit_failures=chance.choice((0, 0, 0, 0, 1, 2, 9)),
                how=chance.choice(("raises", "breaks")),
                snoozes=chance.random() < 0.1,
                remembers=chance.random() < 0.2,
                duration_s=chance.choice((0.0, 0.0, 0.0, 0.01, 0.3)),
            )
        )
    return tuple(made)


class Bench:
    """Opens banks on one file, and looks at it.

    Args:
        sim: The simulation.
    """

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        record.__init__()  # type: ignore[misc]  # what was recorded is of another simulation
        self.schema = sim.path.with_name("schema.sql")
        self.schema.write_text(SCHEMA)
        self._connection: apsw.Connection | None = None

    def system(self, *, members: int = 1, **options: Any) -> ActorSystem:
        """Start a worker with so many members of the group."""
        more = [Bank.configured(name=f"bank{number}", group="bank") for number in range(1, members)]
        return self.sim.system(
            agents=[Bank, *more],
            channels=[Channel("transfers", Transfer), Channel("credits", Credit)],
            schema=self.schema,
            recover=True,
            **options,
        )

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read the file."""
        if self._connection is None:
            self._connection = apsw.Connection(str(self.sim.path), flags=apsw.SQLITE_OPEN_READONLY)
        return list(self._connection.execute(sql, parameters))

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()

    def undone(self) -> dict[str, Any]:
        """What is not done of all that is in the file: messages, deliveries and timers; empty at rest."""
        found: dict[str, Any] = {}
        logged = dict(self.query("SELECT name, count(*) FROM messages JOIN channels USING (channel_key) GROUP BY name"))
        handled = dict(self.query("SELECT channel, count(*) FROM entries GROUP BY 1"))
        dead = dict(self.query("SELECT channel, count(*) FROM dead_letters GROUP BY 1"))
        for channel, count in logged.items():
            left = count - handled.get(channel, 0) - dead.get(channel, 0)
            if left:
                found[channel] = left
        if deliveries := self.query("SELECT * FROM deliveries"):
            found["deliveries"] = deliveries
        if delayed := self.query("SELECT * FROM delayed_messages"):
            found["delayed"] = delayed
        return found

    def handovers(self) -> int:
        """How often a range had another holder than before."""
        return sum(epoch - 1 for (epoch,) in self.query("SELECT epoch FROM group_ranges WHERE epoch > 1"))

    def check(self, transfers: tuple[Transfer, ...]) -> None:
        """Raise what is wrong at rest, behind the redriving of all dead letters."""
        problems = [*record.complaints, *self._problems(transfers)]
        assert not problems, "\n".join(problems)

    def _problems(self, transfers: tuple[Transfer, ...]) -> Iterator[str]:
        states = {
            key: msgspec.msgpack.decode(state, type=Account)
            for key, state in self.query("SELECT key, state FROM subscriber_states")
        }
        history = [Entry(*row) for row in self.query(channel_history.READ)]
        yield from channel_history.complaints_of(history, {key: one.moves for key, one in states.items()})
        balances = dict(self.query("SELECT account, balance FROM balances"))
        if sum(balances.values()):
            yield f"the sum is {sum(balances.values())}"
        debited = Counter(number for one in states.values() for number in one.debited)
        credited = Counter(number for one in states.values() for number in one.credited)
        numbers = Counter(one.number for one in transfers)
        if debited != numbers or credited != numbers:
            yield f"debited {debited - numbers} too often, {numbers - debited} not; credited {credited - numbers}, {numbers - credited}"
        for account in ACCOUNTS:
            state = states.get(account, Account())
            expected = sum(one.amount * ((one.target == account) - (one.source == account)) for one in transfers)
            if not state.balance == balances.get(account, 0) == expected:
                yield f"{account}: {state.balance} in state, {balances.get(account)} in the table, {expected} is right"
            known = {one.number for one in transfers if one.source == account and one.remembers}
            came = Counter(state.reminded)
            if not came.keys() <= known or (known and not came) or max(came.values(), default=1) > 1:
                yield f"{account}: reminded of {came}, of {known}"
        if self.query("PRAGMA integrity_check") != [("ok",)]:
            yield "the file is damaged"
