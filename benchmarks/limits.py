"""The limits: the same rows written by bare APSW, the same number of thread hand-offs, and nothing else.

"The same file conditions": a fresh file in the same folder, opened by the product's own connection rules (WAL,
``synchronous=FULL``, its page size, cache and schema), one sync for each commit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dagger_actors.store.connection import open_reader, open_writer
from dagger_actors.store.migrate import migrate

__all__ = ["BareFile", "Recording", "hand_offs_s"]

GRANT = (
    "INSERT INTO node_runs (run_key, node, item, attempt, run_id, node_id, invocation_key, state) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, 'ready')"
)
END = (
    "UPDATE node_runs SET state = ?, output = ?, output_artifact_id = ?, size = ?, started_at = ?, finished_at = ? "
    "WHERE run_key = ? AND node = ? AND item = ? AND attempt = ?"
)
FENCE = "UPDATE flow_runs SET elapsed_us = elapsed_us + 1 WHERE run_key = ? AND owner IS ? AND epoch = ?"
KEY = "run_key, node, item, attempt"
CELLS = "state, output, output_artifact_id, size, started_at, finished_at"
PARENTS = {
    "definitions": "SELECT d.* FROM definitions AS d JOIN flow_runs USING (definition_id) WHERE run_id = ?",
    "flow_runs": "SELECT * FROM flow_runs WHERE run_id = ?",
}

Rows = Sequence[tuple[Any, ...]]


class Recording:
    """The rows that a run has left in its file.

    Args:
        path: The file.
        run_id: The run.

    Attributes:
        grants: What was inserted for each attempt, in the order of the table.
        ends: What each of these rows was changed to.
    """

    def __init__(self, path: Path, run_id: str) -> None:
        connection = open_reader(path)
        try:
            columns = f"{KEY}, run_id, node_id, invocation_key, {CELLS}"
            rows = list(connection.execute(f"SELECT {columns} FROM node_runs WHERE run_id = ?", (run_id,)))
            self.fence: Any = next(
                connection.execute("SELECT run_key, owner, epoch FROM flow_runs WHERE run_id = ?", (run_id,))
            )
            self.parents = {table: list(connection.execute(sql, (run_id,))) for table, sql in PARENTS.items()}
        finally:
            connection.close()
        self.grants = [row[:7] for row in rows]
        self.ends = [(*row[7:], *row[:4]) for row in rows]


class BareFile:
    """A fresh file with the schema and the run's own row, and bare statements on it.

    Args:
        path: A file that does not exist.
        recording: Whose rows are to be written.
    """

    def __init__(self, path: Path, recording: Recording) -> None:
        self._recording = recording
        self._connection = open_writer(path, synchronous="full")
        migrate(self._connection, path)
        with self._connection:
            for table, rows in recording.parents.items():
                marks = ", ".join("?" * len(rows[0]))
                self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def commits_s(self) -> float:
        """Write a chain's rows, one transaction a node: its end and the next one's grant."""
        grants, ends = self._recording.grants, self._recording.ends
        with self._connection:
            self._connection.executemany(GRANT, grants[:1])
        return self._time([(grants[at + 1 : at + 2], ends[at : at + 1]) for at in range(len(ends))])

    def groups_s(self, rows: int) -> float:
        """Write a grant and an end for each node, in transactions of ``rows`` rows."""
        grants, ends = self._recording.grants, self._recording.ends
        groups: list[tuple[Rows, Rows]] = []
        for at in range(0, len(grants), rows):
            groups += [(grants[at : at + rows], ()), ((), ends[at : at + rows])]
        return self._time(groups)

    def group_s(self, rows: int) -> float:
        """Write the grants of ``rows`` nodes in one transaction."""
        return self._time([(self._recording.grants[:rows], ())])

    def _time(self, transactions: Sequence[tuple[Rows, Rows]]) -> float:
        began = time.perf_counter()
        for grants, ends in transactions:
            self._connection.execute("BEGIN IMMEDIATE")
            self._write(grants, ends)
            self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def _write(self, grants: Rows, ends: Rows) -> None:
        self._connection.execute(FENCE, self._recording.fence)
        if grants:
            self._connection.executemany(GRANT, grants)
        if ends:
            self._connection.executemany(END, ends)


def hand_offs_s(count: int) -> float:
    """Pass a token from thread to thread, ``count`` times."""
    there: queue.SimpleQueue[str] = queue.SimpleQueue()
    back: queue.SimpleQueue[str] = queue.SimpleQueue()

    def answer() -> None:
        while (token := there.get()) != "stop":
            back.put(token)

    other = threading.Thread(target=answer)
    other.start()
    began = time.perf_counter()
    for _ in range(count // 2):
        there.put("token")
        back.get()
    passed = time.perf_counter() - began
    there.put("stop")
    other.join()
    return passed
