"""``subscriptions pause``, ``resume``, ``seek`` and ``forget``, and ``dead-letters redrive``: decide about subscriptions.

Their system takes no turns itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Literal

from cyclopts import Parameter

from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, OfSubscription, SubscriptionName, existing
from dagger_actors.cli.text import one_line
from dagger_actors.core.wording import counted
from dagger_actors.pubsub.verbs.channels import Channels
from dagger_actors.system import ActorSystem

__all__ = ["forget", "pause", "redrive", "resume", "seek"]


def pause(
    subscription: SubscriptionName,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why, for people; kept until it is resumed.")] = "",
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Stop the turns of a subscription, in all processes, until it is resumed; what is in hand ends."""
    told = ("is paused", "was paused already")
    return _decide(subscription, lambda here: here.pause(subscription, reason=reason), told, db, as_json=as_json)


def resume(subscription: SubscriptionName, /, *, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """Have a paused subscription go on."""
    return _decide(
        subscription, lambda here: here.resume(subscription), ("goes on", "was not paused"), db, as_json=as_json
    )


def seek(
    subscription: SubscriptionName,
    /,
    *,
    to: Annotated[
        Literal["earliest", "latest"] | None,
        Parameter(help="earliest: all that is kept comes again; latest: all that is there is passed over."),
    ] = None,
    offset: Annotated[int | None, Parameter(help="From this offset on.")] = None,
    since: Annotated[
        str | None, Parameter(help="From the first message of then on: an age (30m, 2h, 7d), a date or a time (UTC).")
    ] = None,
    channel: Annotated[str | None, Parameter(help="Only on this channel; absent: on all that it reads.")] = None,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Have a subscription go on from another place, whatever it has done; no other one is disturbed.

    Again from yesterday on: dagger-actors subscriptions seek shop.count --since 1d
    """
    given = [name for name, value in (("--to", to), ("--offset", offset), ("--since", since)) if value is not None]
    if len(given) != 1:
        said = f"not {' and '.join(given)}" if given else "and none is given"
        raise UsageError(f"seek goes to one place, {said}", "give one of --to, --offset and --since")

    def move(here: Channels) -> bool:
        moved = here.seek(subscription, to=to, offset=offset, since=since, channel=channel)
        if not as_json:
            sys.stderr.write(f"moved on {counted(moved, 'channel')}\n")
        return moved > 0

    return _decide(subscription, move, ("goes on from there", "reads no channel"), db, as_json=as_json)


def _decide(
    subscription: str, decide: Callable[[Channels], bool], told: tuple[str, str], db: str, *, as_json: bool
) -> int:
    with ActorSystem(existing(db), recover=False) as system:
        is_changed = decide(system.channels)
        found = system.channels.subscriptions(subscription)[0]
    if as_json:
        write_json(found)
    else:
        sys.stderr.write(f"subscription {one_line(subscription)} {told[0] if is_changed else told[1]}\n")
    return OK


def forget(
    subscription: SubscriptionName,
    /,
    *,
    yes: Annotated[
        bool, Parameter(help="Also when it has unread messages or dead letters, which are lost.", negative=())
    ] = False,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Delete a subscription whose code is gone, which else would fill its channels for ever, and say what went with it.

    With the last one of a group its states and timers go too. Refused while a living process has its code. Channels stay.
    """
    with ActorSystem(existing(db), recover=False) as system:
        gone = system.channels.forget(subscription, discard=yes)
    if as_json:
        write_json(gone)
        return OK
    unread, dead = counted(gone.unread, "unread message"), counted(gone.dead_letters, "dead letter")
    lost = f"{unread}, {dead} and {counted(gone.timers, 'timer')}"
    sys.stderr.write(f"subscription {one_line(subscription)} is forgotten, with {lost}\n")
    if gone.group:
        sys.stderr.write(
            f"it was the last one of group {one_line(gone.group)}: {counted(gone.states, 'state')} deleted\n"
        )
    return OK


def redrive(
    letters: Annotated[
        tuple[int, ...], Parameter(name="ID", help="Ids of dead letters; without any, all of --subscription.")
    ] = (),
    /,
    *,
    subscription: OfSubscription = None,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Publish dead letters again, each for the subscription alone that had given it up, with fresh tries.

    After the fault is mended: dagger-actors dead-letters redrive --subscription shop.count
    """
    if not letters and subscription is None:
        raise UsageError("redrive takes ids of dead letters, or --subscription for all of one", "give one of them")
    with ActorSystem(existing(db), recover=False) as system:
        count = system.channels.redrive(letters or None, subscription=subscription)
    if as_json:
        write_json({"redriven": count})
    else:
        sys.stderr.write(f"{counted(count, 'dead letter')} redriven\n")
    return OK
