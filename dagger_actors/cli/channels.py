"""``channels`` and ``tail``: look at the channels of a database and their messages, and the events of runs; they change nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter

from dagger_actors.cli.channel_pages import channels_table, message_line
from dagger_actors.cli.exits import INTERRUPTED, OK, UsageError
from dagger_actors.cli.json_report import write_json, write_json_lines
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database
from dagger_actors.cli.render import stdout
from dagger_actors.cli.run_events import Tailing, tail_run
from dagger_actors.cli.text import printable
from dagger_actors.cli.watch import Interrupts
from dagger_actors.core.wording import quoted
from dagger_actors.errors import RequestError, UnknownChannel
from dagger_actors.inspection import Inspection
from dagger_actors.pubsub.reports.looking import Start
from dagger_actors.pubsub.reports.report import StoredMessage

__all__ = ["list_channels", "tail"]

LAST: Final = 10
"""Messages that are shown when nothing is said."""

PAGE: Final = 500
"""Messages that are read at once."""

LOOK_S: Final = 0.1
"""How often it is looked for more."""


def list_channels(*, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """List the channels of a database: what they take, hold and keep; changes nothing, and works on a read-only folder.

    Ephemeral channels are in the memory of the process that has them, and so in no list: system.channels.ephemeral() there.
    """
    with look(db) as here:
        found = here.channels.channels()
    if as_json:
        write_json(found)
    elif found:
        stdout().print(channels_table(found))
    else:
        sys.stderr.write("no channels yet; a system that publishes or reads some makes them when it is opened\n")
    return OK


def tail(
    channel: Annotated[
        str,
        Parameter(
            name="CHANNEL|RUN",
            help="The name of a channel, or the id of a run; `dagger-actors channels` and `dagger-actors runs` list them.",
        ),
    ],
    /,
    *,
    from_: Annotated[
        str | None,
        Parameter(
            name="--from",
            help="Where to begin: earliest, latest, an offset, an age (30m, 2h, 7d), a date or a time (UTC); absent: the last 10, "
            "or --limit.",
        ),
    ] = None,
    after: Annotated[
        int | None,
        Parameter(
            help="Of a run: only the events behind the one of this number. (What is also a channel is a run with it.)"
        ),
    ] = None,
    follow: Annotated[
        bool,
        Parameter(
            name=("--follow", "-f"),
            help="Go on with what comes: until Ctrl-C, or until the run is at rest.",
            negative=(),
        ),
    ] = False,
    limit: Annotated[
        int | None,
        Parameter(help="The last so many, and with --follow what comes; behind --from or --after: end after so many."),
    ] = None,
    db: Database = DEFAULT_DATABASE,
    as_json: Annotated[
        bool,
        Parameter(
            name="--json",
            help="Print each message, or event, as a JSON object, one a line, and nothing else on stdout.",
        ),
    ] = False,
) -> int:
    """Print the messages of a channel, or the events of a run, one a line; changes nothing.

    A message: offset, time (UTC), class, key, content. It is no subscription: nothing is acknowledged, and nobody is
    disturbed. Go on from an offset with: --from OFFSET

    An event: number, time (UTC), node, what happened, how long it took. Go on behind one with: --after NUMBER
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit} is out of range", "give 1 or more")
    with Interrupts() as interrupts, look(db) as here:
        if from_ is None and _is_run(here, channel, after):
            return tail_run(here, channel, after, Tailing(interrupts, follow=follow, limit=limit, as_json=as_json))
        if after is not None:
            raise UsageError("--after is of runs, and --from of channels", "give one of them")
        if from_ is not None and _is_run(here, channel, None):
            raise UsageError(f"{quoted(channel)} is a run, and --from is of channels", "its events: --after NUMBER")
        place = _begin(here, channel, from_, LAST if limit is None else limit)
        left = None if from_ is None else limit
        while interrupts.first is None:
            found = here.channels.read(channel, place, limit=PAGE if left is None else min(PAGE, left))
            if found:
                place = found[-1].offset + 1
                left = None if left is None else left - len(found)
                _write(found, as_json=as_json)
            if left == 0 or not (follow or found):
                return OK
            if not found:
                interrupts.pause(LOOK_S)
    return INTERRUPTED


def _is_run(here: Inspection, name: str, after: int | None) -> bool:
    """Whether a name means a run: of what is both, the channel is meant, unless a place among events is named."""
    if after is not None:
        return True
    if here.flows.find(name) is None:
        return False
    try:
        here.channels.channels(name)
    except (UnknownChannel, RequestError):
        return True
    return False


def _begin(here: Inspection, channel: str, given: str | None, last: int) -> Start:
    if given is None:
        try:
            (found,) = here.channels.channels(channel)
        except UnknownChannel as error:
            raise UsageError(str(error), "nor is there such a run: `dagger-actors runs` lists them") from error
        return max(found.first_offset, found.next_offset - last)
    return int(given) if given.isascii() and given.isdigit() else given


def _write(messages: Sequence[StoredMessage], *, as_json: bool) -> None:
    if as_json:
        write_json_lines(messages)
    else:
        sys.stdout.write("".join(printable(message_line(one)) + "\n" for one in messages))
        sys.stdout.flush()
