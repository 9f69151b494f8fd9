"""``subscriptions list`` and ``show``: look at the subscriptions of a database; they change nothing."""

from __future__ import annotations

import sys

from dagger_actors.cli.channel_pages import subscription_page, subscriptions_table
from dagger_actors.cli.channel_steps import next_for_subscriptions
from dagger_actors.cli.exits import OK
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, SubscriptionName
from dagger_actors.cli.render import stdout
from dagger_actors.cli.text import printable

__all__ = ["list_subscriptions", "show"]


def list_subscriptions(*, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """List the subscriptions of a database: how far behind they are, what waits, what is dead, who takes their turns.

    Changes nothing, and works on a read-only folder. What reads ephemeral channels alone is in the memory of the process that
    has it, and so in no list: system.channels.ephemeral() there.
    """
    with look(db) as here:
        found = here.channels.subscriptions()
    if as_json:
        write_json(found)
        return OK
    if found:
        stdout().print(subscriptions_table(found))
    else:
        sys.stderr.write("no subscriptions yet; a system with subscribers makes them when it is opened\n")
    for step in next_for_subscriptions(found, db):
        sys.stderr.write(printable(f"next: {step}\n"))
    return OK


def show(subscription: SubscriptionName, /, *, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """Show a subscription: its options, how far it is on each channel, who takes its turns; changes nothing."""
    with look(db) as here:
        found = here.channels.subscriptions(subscription)
    if as_json:
        write_json(found[0])
        return OK
    subscription_page(stdout(), found[0])
    for step in next_for_subscriptions(found, db):
        sys.stderr.write(printable(f"next: {step}\n"))
    return OK
