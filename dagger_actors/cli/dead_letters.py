"""``dead-letters list`` and ``show``: look at the messages that subscriptions have given up; they change nothing."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.cli.channel_pages import dead_letter_page, dead_letters_table
from dagger_actors.cli.channel_steps import next_for_dead_letters
from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, OfSubscription
from dagger_actors.cli.render import stdout
from dagger_actors.cli.text import printable
from dagger_actors.reading.filters import LISTED

__all__ = ["list_dead_letters", "show"]


def list_dead_letters(
    *,
    subscription: OfSubscription = None,
    redriven: Annotated[bool, Parameter(help="Those too that were published again.", negative=())] = False,
    limit: Annotated[int, Parameter(help="At most so many, the newest.", show_default=True)] = LISTED,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """List the messages that were given up, the newest first; changes nothing, and works on a read-only folder."""
    with look(db) as here:
        found = here.channels.dead_letters(subscription, redriven=redriven, limit=limit)
    if as_json:
        write_json(found)
    elif found:
        stdout().print(dead_letters_table(found))
        if len(found) == limit:
            sys.stderr.write(f"the newest {limit:,}; --limit N shows more\n")
        sys.stderr.write(printable(f"next: {command('dead-letters show', str(found[0].id), db=db)}\n"))
    else:
        sys.stderr.write("no dead letters\n")
    return OK


def show(
    letters: Annotated[
        tuple[int, ...],
        Parameter(name="ID", help="Ids, one or more; `dagger-actors dead-letters list` lists them.", required=True),
    ],
    /,
    *,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Show dead letters: the message, and why it was given up; changes nothing.

    --json prints a list of them when several are named.
    """
    with look(db) as here:
        found = [here.channels.dead_letter(one) for one in letters]
    if as_json:
        write_json(found if len(found) > 1 else found[0])
        return OK
    console = stdout()
    for at, one in enumerate(found):
        if at:
            console.print()
        dead_letter_page(console, one)
    for step in next_for_dead_letters(found, db):
        sys.stderr.write(printable(f"next: {step}\n"))
    return OK
