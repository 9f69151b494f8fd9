"""Operations on channels on a real file, each in a transaction of its own as the journal runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, ChannelOperation, PublishMessages
from dagger_actors.core.declarations import ChannelRow, Declare, Declared, SubscriptionRow
from dagger_actors.core.member_rows import CursorRow
from dagger_actors.core.range_leases import Shared, ShareRanges
from dagger_actors.errors import DaggerError, RequestRefused
from dagger_actors.store.connection import open_writer, transaction
from dagger_actors.store.migrate import migrate
from dagger_actors.store.operations import Operations
from dagger_actors.store.statements import sql

__all__ = ["ChannelsOnFile"]

TABLES = (
    "channels", "messages", "delayed_messages", "subscription_groups", "subscriptions", "subscription_channels", "cursors",
    "subscription_workers", "group_members", "group_ranges", "deliveries", "dead_letters", "subscriber_states", "subscriber_steps",
)  # fmt: skip


class ChannelsOnFile:
    """One database with channels, and workers 1 to 3.

    Args:
        path: The database; made.
        synchronous: As in ``open_writer``.
    """

    def __init__(self, path: Path, *, synchronous: Any = "normal") -> None:
        self.connection = open_writer(path, synchronous=synchronous)
        migrate(self.connection, path)
        with transaction(self.connection):
            self.put("workers.insert", *((worker, worker, 0, 0, f"{worker}") for worker in (1, 2, 3)))
        self._work = Operations(path)
        self.declared = Declared({}, {}, ())

    def close(self) -> None:
        self.connection.close()

    def put(self, name: str, *rows: Any) -> int:
        """Execute a statement of the journal's groups inside the running transaction."""
        self.connection.execute(sql(name), (msgspec.json.encode(rows).decode(),))
        return self.connection.changes()

    def write(self, name: str, *rows: Any) -> int:
        """Execute such a statement in a transaction of its own."""
        with transaction(self.connection):
            return self.put(name, *rows)

    def run(self, *operations: ChannelOperation) -> Any:
        """Run operations in one transaction; the last one's answer. What refused it is raised as whoever asked hears it."""
        try:
            with transaction(self.connection):
                return [self._work.run(self.connection, operation) for operation in operations][-1]
        except RequestRefused as refused:
            raise refused.cause from refused

    def refusal(self, *operations: ChannelOperation) -> DaggerError:
        """The error that refuses them; nothing of them stays."""
        before = self.everything()
        try:
            self.run(*operations)
        except DaggerError as error:
            assert self.everything() == before, "half stored"
            return error
        raise AssertionError(f"not refused: {operations}")

    def declare(self, *what: ChannelRow | SubscriptionRow, now_us: int = 0, worker: int | None = None) -> Declared:
        channels = tuple(one for one in what if isinstance(one, ChannelRow))
        subscriptions = tuple(one for one in what if isinstance(one, SubscriptionRow))
        self.declared = self.run(Declare(channels, subscriptions, now_us, worker))
        return self.declared

    def cursor(self, subscription: str, channel: str) -> int:
        return next(key for key, *names in self.declared.cursors if names == [subscription, channel])

    def publish(self, *messages: NewMessage, now_us: int = 0, is_whole: bool = True) -> tuple[Appended, ...]:
        answer: tuple[Appended, ...] = self.run(PublishMessages(messages, now_us, is_whole))
        return answer

    def share(self, group: str, worker: int = 1, member: str = "m", now_us: int = 0) -> Shared:
        answer: Shared = self.run(ShareRanges(self.declared.groups[group], worker, member, now_us))
        return answer

    def acknowledge(
        self,
        cursor: int,
        at: int,
        group: str,
        epoch: int,
        floor: int,
        gaps: str = "[]",
        *,
        worker: int = 1,
        member: str = "m",
    ) -> bool:
        """Write a cursor as a member does; False when the lease was lost: nothing is written."""
        row = CursorRow(cursor, at, self.declared.groups[group], worker, member, epoch, floor, gaps)
        return self.write("cursors.put", row) == 1

    def acknowledge_all(self, cursor: int, group: str, floor: int, *, worker: int = 1, member: str = "m") -> None:
        """Have all ranges, which are in the hands of one member, done up to an offset."""
        leases = self.share(group, worker, member).held
        group_key = self.declared.groups[group]
        rows = [CursorRow(cursor, lease.range, group_key, worker, member, lease.epoch, floor) for lease in leases]
        assert self.write("cursors.put", *rows) == 64

    def read(self, name: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql(name), parameters))

    def read_json(self, name: str, *parameters: Any) -> Any:
        ((answer,),) = self.read(name, *parameters)
        return msgspec.json.decode(answer)

    def cursors(self, group: str, *ranges: int) -> dict[int, Any]:
        """Start and ranges of each cursor of a group."""
        keys = [key for key, *_ in self.read_json("read.group_cursors", self.declared.groups[group])]
        rows = self.read_json("read.cursors", msgspec.json.encode(keys).decode(), msgspec.json.encode(ranges).decode())
        return {key: rest for key, *rest in rows}

    def waiting(self, *cursors: int) -> list[list[Any]]:
        """All that waits of cursors."""
        ranges = msgspec.json.encode(list(range(64))).decode()
        found: list[list[Any]] = self.read_json("read.deliveries", msgspec.json.encode(cursors).decode(), ranges)
        return found

    def messages(self, channel: str) -> list[tuple[int, str]]:
        """Offset and payload of all that is kept."""
        return self.rows(
            "SELECT offset, payload FROM messages JOIN channels USING (channel_key) WHERE name = ? ORDER BY offset",
            channel,
        )

    def channel(self, name: str) -> dict[str, Any]:
        cursor = self.connection.execute("SELECT * FROM channels WHERE name = ?", (name,))
        names = [column[0] for column in cursor.get_description()]
        return dict(zip(names, next(cursor), strict=True))

    def rows(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(text, parameters))

    def everything(self) -> list[list[tuple[Any, ...]]]:
        return [self.rows(f"SELECT * FROM {table}") for table in TABLES]
