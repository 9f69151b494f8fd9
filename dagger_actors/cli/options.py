"""The options that several commands share: one name, one help text, one default each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.cli.exits import UsageError

__all__ = [
    "DEFAULT_DATABASE",
    "AnySpec",
    "AsJson",
    "ChannelName",
    "Database",
    "Imports",
    "Inputs",
    "JobFilter",
    "JobId",
    "OfSubscription",
    "OnlyVersion",
    "Processes",
    "Quiet",
    "Resources",
    "RunId",
    "Schema",
    "Spec",
    "SubscriptionName",
    "TaskId",
    "TaskIds",
    "Wait",
    "existing",
]

Database = Annotated[str, Parameter(name="--db", help="Database file.", show_default=True)]
DEFAULT_DATABASE = "dagger.db"
Imports = Annotated[
    tuple[str, ...],
    Parameter(name="--import", help="Where actions live: module, module:name, file.py or file.py:name; repeatable."),
]
Inputs = Annotated[
    tuple[str, ...], Parameter(name=("--input", "-i"), help="KEY=VALUE for an input of the flow; repeatable.")
]
Processes = Annotated[
    int | None,
    Parameter(name="--processes", help="Attempts of `isolation: process` at once; absent: as many as there are cores."),
]
Schema = Annotated[
    str | None, Parameter(name="--schema", help="SQL file with CREATE TABLE IF NOT EXISTS for tables of your own.")
]
Resources = Annotated[
    str | None,
    Parameter(
        name="--resources",
        help="Where your program's mapping for ActorSystem(resources=...) is: file.py:NAME or module:NAME.",
    ),
]
RunId = Annotated[str, Parameter(name="RUN", help="The run's id; `dagger-actors runs` lists them.")]
TaskId = Annotated[int, Parameter(name="TASK", help="The task's id; `dagger-actors tasks list` lists them.")]
TaskIds = Annotated[
    tuple[int, ...],
    Parameter(name="TASK", help="Ids of tasks, one or more; `dagger-actors tasks list` lists them.", required=True),
]
JobId = Annotated[str, Parameter(name="JOB", help="The job's id; `dagger-actors jobs list` lists them.")]
JobFilter = Annotated[str | None, Parameter(help="Only tasks of the job of this id.")]
ChannelName = Annotated[str, Parameter(name="CHANNEL", help="The channel's name; `dagger-actors channels` lists them.")]
SubscriptionName = Annotated[
    str,
    Parameter(name="SUBSCRIPTION", help="Its name, GROUP.HANDLER; `dagger-actors subscriptions list` lists them."),
]
OfSubscription = Annotated[
    str | None, Parameter(help="Only those of this subscription; `dagger-actors subscriptions list` lists them.")
]
OnlyVersion = Annotated[
    int | None,
    Parameter(
        name="--version",
        help="Only if the one task named is of this version, which `dagger-actors tasks show 7` tells; else it is refused.",
    ),
]
Spec = Annotated[str, Parameter(name="SPEC", help="The flow file.")]
AnySpec = Annotated[str, Parameter(name="SPEC", help="The flow file or system file.")]
Quiet = Annotated[
    bool,
    Parameter(name=("--quiet", "-q"), help="Say only what came of it: outputs, errors, the state, what to do next."),
]
Wait = Annotated[
    bool, Parameter(name="--wait", help="Stay while nothing but people are awaited, whose answers come from elsewhere.")
]
AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON, and nothing else, on stdout.")]


def existing(db: str) -> str:
    """Refuse a database that is not there: to look at one must not create it.

    Raises:
        UsageError: No such file, or none that can be looked at.
    """
    try:
        is_there = Path(db).exists()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the database {db!r} cannot be looked at: {_reason(error)}", "name another with --db"
        ) from None
    if not is_there:
        raise UsageError(
            f"there is no database {db!r}",
            "name yours with --db PATH; `dagger-actors run SPEC` or `dagger-actors worker --import X` makes one",
        )
    return db


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
