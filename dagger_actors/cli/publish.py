"""``publish``: messages from the command line, from a file, or from a stream of lines."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Union

from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.message_source import Line, Source
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, ChannelName, Database, Quiet
from dagger_actors.cli.text import printable
from dagger_actors.core.wording import counted, nearest, quoted
from dagger_actors.errors import DaggerError, PublicationRefused, UnknownChannel
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.importing import wiring_at
from dagger_actors.pubsub.declared.wired import WiredChannel
from dagger_actors.pubsub.outgoing.encoding import Encoding, NamedMessages, TypedMessages
from dagger_actors.pubsub.reports.report import Published
from dagger_actors.system import ActorSystem

__all__ = ["publish"]


def publish(
    channel: ChannelName,
    message: Annotated[
        str,
        Parameter(
            name="JSON",
            help="The message as JSON; `@FILE` reads it from a file (of .jsonl and .ndjson each line is a message), `-` reads a "
            "message from each line of stdin.",
            allow_leading_hyphen=True,
        ),
    ],
    /,
    *,
    imports: Annotated[
        tuple[str, ...],
        Parameter(
            name="--import",
            help="Where the channel's classes are: module, module:name, file.py or file.py:name, with its subscribers or its "
            "Channel; repeatable. The message is then checked by its class before it is stored. Without, the class's name is "
            "checked, and what it holds only when it is read.",
        ),
    ] = (),
    type_: Annotated[
        str | None, Parameter(name="--type", help="The name of its class, where the channel takes several.")
    ] = None,
    key: Annotated[str | None, Parameter(help="The key of its turns; absent: its fields say it.")] = None,
    id_: Annotated[
        str | None, Parameter(name="--id", help="Unique on its channel: the same id again is the same message.")
    ] = None,
    delay: Annotated[float | None, Parameter(help="Seconds until it is appended.")] = None,
    header: Annotated[tuple[str, ...], Parameter(help="K=V, a text that goes with it; repeatable.")] = (),
    timeout: Annotated[
        float, Parameter(help="Seconds to wait for room, when the channel is full.", show_default=True)
    ] = 30.0,
    db: Database = DEFAULT_DATABASE,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Publish a message to a channel; it is durable when this returns, and its offset is on stdout."""
    headers = _headers(header)
    source = Source(message)
    if source.are_many and id_ is not None:
        raise UsageError("--id names one message, and these are many", "publish each with its own, or leave it out")
    encoding, declared = _channel(channel, imports, db)
    given = {"key": key, "id": id_, "delay": delay, "headers": headers, "timeout": timeout}
    said: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    sent = Sent(channel)
    with ActorSystem(db, channels=declared, recover=False) as system:
        try:
            for lines in source:
                good, problem = _judged_all(encoding, type_, lines)
                for name, run in itertools.groupby(good, key=lambda pair: pair[0]):
                    values = [value for _name, value in run]
                    named = {"type": name} if name else {}
                    sent.add(system.channels.publish_many(channel, values, **said, **named))
                if problem is not None:
                    raise problem
        except (UsageError, DaggerError) as error:
            if not sent.count:
                raise
            raise UsageError(str(error), f"{counted(sent.count, 'message')} before it were published") from None
    sent.tell(db, is_one=not source.are_many, is_quiet=quiet, as_json=as_json)
    return OK


def _judged_all(
    encoding: Encoding, type_: str | None, lines: Sequence[Line]
) -> tuple[list[tuple[str, Any]], UsageError | None]:
    """The messages of lines with the names of their classes, up to the first that is none; and what is wrong with that."""
    good: list[tuple[str, Any]] = []
    for line in lines:
        try:
            value = line.decode()
            good.append((_judged(encoding, type_, line.number, value), value))
        except UsageError as error:
            return good, error
    return good, None


def _judged(encoding: Encoding, type_: str | None, number: int, value: Any) -> str:
    """The name of the class of a message.

    Raises:
        UsageError: It is none; says on which line.
    """
    try:
        return encoding.encode(value, type_)[0]
    except PublicationRefused as error:
        advice = error.advice.replace("type=", "--type").replace(
            "import the classes", "give their module with --import"
        )
        told = PublicationRefused(error.channel, error.reason, advice)
        raise UsageError(f"line {number:,}: {told}" if number else str(told)) from None


def _channel(channel: str, imports: tuple[str, ...], db: str) -> tuple[Encoding, list[Channel]]:
    """What a channel takes, and the declaration of one of which the database has never heard.

    Raises:
        UnknownChannel: There is none of that name; names the nearest.
        UsageError: Its messages cannot come from another process.
    """
    stored = None
    if not imports or Path(db).exists():
        with look(db) as here:
            stored = next((one for one in here.channels.channels() if one.name == channel), None)
            if stored is None and not imports:
                here.channels.channels(channel)  # which says so
    if not imports:
        assert stored is not None, "an unknown channel has been told"
        return NamedMessages(channel, stored.types), []
    wiring = wiring_at(imports, Path.cwd())
    wired = wiring.channel(channel)
    if wired is None:
        raise UnknownChannel(channel, nearest(channel, wiring.channels) or "")
    if wired.ephemeral:
        raise UsageError(
            f"the channel {channel!r} is ephemeral: a message reaches the subscribers of its own process alone",
            "publish it there, with system.channels.publish(...)",
        )
    return TypedMessages(channel, wired.types), [] if stored is not None else [_declaration(wired)]


def _declaration(wired: WiredChannel) -> Channel:
    hints = tuple(hint for name, hint in wired.types.items() if name)
    return Channel(
        wired.name,
        Union[hints] if hints else None,  # noqa: UP007 - of as many as there are
        capacity=wired.capacity,
        overflow=wired.overflow,
        retain_age_s=None if wired.retain_age_us is None else wired.retain_age_us / 1e6,
        retain_count=wired.retain_count,
        retain_bytes=wired.retain_bytes,
    )


def _headers(pairs: Sequence[str]) -> dict[str, str] | None:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--header {quoted(pair)} is no NAME=TEXT", "for example: --header origin=shop")
        found[name] = value
    return found or None


class Sent:
    """What has been published.

    Args:
        channel: The channel.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._one: Published | None = None
        self._offsets: list[int] = []
        self.count = 0
        self._new = 0

    def add(self, published: Sequence[Published]) -> None:
        """Count some."""
        for one in published:
            self.count += 1
            self._new += bool(one.is_new)
            self._one = one
            if one.offset is not None:
                self._offsets = [*self._offsets[:1], one.offset]

    def tell(self, db: str, *, is_one: bool, is_quiet: bool, as_json: bool) -> None:
        """Say what became of them."""
        if as_json:
            write_json(self._one if is_one else self._summary())
            return
        if is_one and self._offsets:
            sys.stdout.write(f"{self._offsets[0]}\n")
        if is_quiet:
            return
        if is_one and self._one is not None and not (self._one.offset is not None and self._one.is_new):
            sys.stderr.write(printable(f"{self._one}\n"))
        if not is_one:
            places = f", offsets {self._offsets[0]:,} to {self._offsets[-1]:,}" if self._offsets else ""
            sys.stderr.write(printable(f"{counted(self.count, 'message')} published to {self._channel}{places}\n"))
        if self._offsets:
            place = [("--from", str(self._offsets[0]))]
            sys.stderr.write(printable(f"next: {command('tail', self._channel, options=place, db=db)}\n"))

    def _summary(self) -> dict[str, Any]:
        first, last = (self._offsets[0], self._offsets[-1]) if self._offsets else (None, None)
        return {
            "channel": self._channel,
            "count": self.count,
            "new": self._new,
            "first_offset": first,
            "last_offset": last,
        }
