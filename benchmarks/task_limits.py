"""The limit of tasks: the rows of each, written by bare APSW in groups, and nothing else.

An insert, a claim and an end for each task, in a table like the product's with the indexes that claim and recovery need, in
a fresh file opened by the product's own connection rules (WAL, ``synchronous=FULL``), one sync for each group. No task runs,
nothing is encoded, and no thread waits for another.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from task_work import answer, questions

from dagger_actors.store.connection import open_writer, transaction

__all__ = ["GROUP", "bare_s", "commits_ms"]

GROUP = 500
"""Rows of one transaction."""

SCHEMA = """
CREATE TABLE tasks (
  task_key INTEGER PRIMARY KEY, agent TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL, job_key INTEGER,
  parent_key INTEGER, unique_key TEXT, payload TEXT NOT NULL, result TEXT, error TEXT, owner INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0, version INTEGER NOT NULL DEFAULT 1, try_no INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL, due_at INTEGER, started_at INTEGER, finished_at INTEGER
) STRICT;
CREATE INDEX tasks_ready ON tasks (agent, priority DESC, created_at)
  WHERE state = 'ready' AND owner IS NULL AND due_at IS NULL;
CREATE INDEX tasks_owner ON tasks (owner) WHERE owner IS NOT NULL;
CREATE INDEX tasks_job ON tasks (job_key) WHERE job_key IS NOT NULL;
"""
INSERT = (
    "INSERT INTO tasks (task_key, agent, state, priority, job_key, payload, created_at) "
    "VALUES (?, 'Answering', 'ready', 0, 1, ?, ?)"
)
CLAIM = (
    "UPDATE tasks SET state = 'running', owner = 1, epoch = epoch + 1, version = version + 1, try_no = try_no + 1, "
    "started_at = ? WHERE task_key IN (SELECT task_key FROM tasks WHERE state = 'ready' AND agent = 'Answering' "
    "AND owner IS NULL AND due_at IS NULL ORDER BY priority DESC, created_at LIMIT ?) RETURNING task_key, epoch, payload"
)
END = (
    "UPDATE tasks SET state = 'completed', result = ?, owner = NULL, version = version + 1, finished_at = ? "
    "WHERE task_key = ? AND owner = 1 AND epoch = ?"
)
NOW_US = 1_800_000_000_000_000


def bare_s(path: Path, count: int, group: int) -> float:
    """Write the rows of ``count`` tasks in transactions of ``group`` rows, into a file that does not exist.

    Returns:
        Seconds.
    """
    asked = list(questions(count))
    new = [(key, _text(question), NOW_US + key) for key, question in enumerate(asked)]
    results = [_text(answer(question)) for question in asked]
    connection = open_writer(path)
    try:
        connection.execute(SCHEMA)
        began = time.perf_counter()
        for at in range(0, count, group):
            with transaction(connection):
                connection.executemany(INSERT, new[at : at + group])
        left = count
        while left:
            with transaction(connection):
                claimed = list(connection.execute(CLAIM, (NOW_US, group)))
            ends: Sequence[tuple[object, ...]] = [(results[key], NOW_US, key, epoch) for key, epoch, _ in claimed]
            with transaction(connection):
                connection.executemany(END, ends)
            left -= len(claimed)
        return time.perf_counter() - began
    finally:
        connection.close()


def commits_ms(path: Path, count: int) -> list[float]:
    """Write ``count`` tasks into a file that does not exist, each by a commit of its own: milliseconds of each."""
    connection = open_writer(path)
    took: list[float] = []
    try:
        connection.execute(SCHEMA)
        for question in questions(count):
            began = time.perf_counter()
            with transaction(connection):
                connection.execute(INSERT, (question.number, _text(question), NOW_US))
            took.append((time.perf_counter() - began) * 1e3)
    finally:
        connection.close()
    return took


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
