"""What an attempt wants written with its own end: statements on users' tables, values of its run, shared ones, messages.

It runs in the transaction of the unit that ends the attempt, behind that unit's own rows. What a statement itself is to
blame for rejects the unit and names the attempt, so that its owner can let that attempt fail, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from dagger_actors.core.channels import Appended, PublishMessages
from dagger_actors.core.messages import RunValue, Statement
from dagger_actors.core.protocols import UserWork
from dagger_actors.core.tasks import ShareValues
from dagger_actors.errors import (
    ActionError,
    RequestError,
    RunValueRefused,
    SharedRefused,
    StatementFailed,
    WorkRejected,
)
from dagger_actors.store.channel_publishing import publish
from dagger_actors.store.guard import Guard
from dagger_actors.store.statements import sql
from dagger_actors.store.task_shared import share
from dagger_actors.store.user_tables import DISK, PROGRESS_OPS, step_limit

__all__ = ["WorkRunner"]

STATEMENT_STEPS = 200
"""Looks after which a statement is ended: it holds up every writer of the file. 200 million steps are some 10 s."""

MOST_KEYS = 10_000
LARGEST_VALUE = 64 * 1024


class WorkRunner:
    """Runs the work of attempts on the journal's connection, inside its transaction.

    Args:
        path: The database, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = Guard()
        self._guarded: apsw.Connection | None = None

    def run(self, connection: apsw.Connection, work: UserWork) -> tuple[Appended, ...]:
        """Run all of one attempt.

        Returns:
            What became of its messages.

        Raises:
            WorkRejected: Its own statements, values, shared changes or messages are to blame; the transaction may be gone with it.
            apsw.Error: The disk is.
        """
        if self._guarded is not connection:
            connection.authorizer = self._guard
            self._guarded = connection
        blamed: ActionError | None = None
        for statement in work.statements:
            blamed = self._statement(connection, statement)
            if blamed is not None:
                break
        else:
            for value in work.values:
                blamed = blamed or self._value(connection, work, value)
        if blamed is None and connection.in_transaction and connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
            # The commit would refuse everybody's work for it.
            blamed = StatementFailed(
                work.statements[-1].sql if work.statements else "", "FOREIGN KEY constraint failed"
            )
        if blamed is not None:
            raise WorkRejected(str(self._path), work.place, blamed)
        try:
            if work.shared:
                share(connection, ShareValues(work.shared, work.now_us))
            return publish(connection, PublishMessages(work.published, work.now_us)) if work.published else ()
        except (RequestError, SharedRefused) as error:
            raise WorkRejected(str(self._path), work.place, error) from error

    def _statement(self, connection: apsw.Connection, statement: Statement) -> StatementFailed | None:
        self._guard.mode, self._guard.reason = "change", ""
        connection.set_progress_handler(step_limit(STATEMENT_STEPS), PROGRESS_OPS)
        try:
            for _ in connection.execute(statement.sql, statement.args, can_cache=False):
                pass  # what RETURNING gives
        except DISK:
            raise
        except (apsw.Error, UnicodeEncodeError, OverflowError, ValueError) as error:
            reason = "it takes too long" if isinstance(error, apsw.InterruptError) else str(error)
            return StatementFailed(statement.sql, self._guard.reason or reason)
        finally:
            self._guard.mode = "off"
            connection.set_progress_handler(None)
        return None

    def _value(self, connection: apsw.Connection, work: UserWork, value: RunValue) -> RunValueRefused | None:
        run_key = work.place[0]
        try:
            if value.is_append:
                kinds = list(connection.execute(sql("read.run_value_kind"), (run_key, value.key)))
                if kinds not in ([], [("array",)]):
                    return RunValueRefused(value.key, "its value is no list, so nothing can be appended")
            name = "run_values.append" if value.is_append else "run_values.put"
            connection.execute(sql(name), (run_key, value.key, value.json.decode(), work.now_us))
        except DISK:
            raise
        except (apsw.Error, UnicodeDecodeError) as error:
            return RunValueRefused(value.key, str(error))
        keys, size = next(connection.execute(sql("read.run_values_size"), (run_key, value.key)))
        if keys > MOST_KEYS:
            return RunValueRefused(value.key, f"a run keeps at most {MOST_KEYS:,} keys")
        if size > LARGEST_VALUE:
            return RunValueRefused(value.key, f"its value would have more than {LARGEST_VALUE:,} bytes as JSON")
        return None
