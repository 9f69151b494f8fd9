"""The tasks on DBOS Transact; ``task_peers`` runs this in a process of its own.

Each task is a workflow on a queue, its way to have many; it has no steps. The system database is SQLite, in WAL mode, which
is faster than the rollback journal it has by itself, and its connections stay at ``synchronous=FULL``, their default.
Workflows are enqueued through its client, which can put many into one transaction.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path

from dbos import DBOS, DBOSClient
from task_peers import GROUP, Peer, Timed, main
from task_work import Answer, Question, answer, check, questions, sample

__all__ = ["run"]

POLLING_S = 0.01
CLAIMED = 1_000
"""Workflows that the queue may have claimed and not ended: it claims as many as there is room for in one transaction."""


@DBOS.workflow(name="answer")
def workflow(question: Question) -> Answer:
    """Do the work, as a workflow without steps: its result is stored, nothing else."""
    return answer(question)


def run(peer: Peer) -> Timed:
    """Enqueue in groups, with the queue at work from the first one on."""
    assert peer.setting.at_once, "the queue is there from the start"
    url = _database(peer)
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": url,
            "log_level": "ERROR",
            "max_executor_threads": peer.setting.threads,
            "run_admin_server": False,
        }
    )
    DBOS.launch()
    DBOS.register_queue("tasks", worker_concurrency=CLAIMED, polling_interval_sec=POLLING_S)
    client = DBOSClient(system_database_url=url)
    asked = list(questions(peer.count))
    watch = Timed.begin()
    ids = _enqueue(client, asked)
    watch.enqueued()
    _wait_for_results(peer)
    timed = watch.end()
    for number in sample(peer.count):
        check(asked[number], DBOS.retrieve_workflow(ids[number]).get_result())
    client.destroy()
    DBOS.destroy()
    return timed


def _database(peer: Peer) -> str:
    connection = sqlite3.connect(peer.path)
    connection.execute("PRAGMA journal_mode = wal")
    connection.close()
    return f"sqlite:///{Path(peer.path).absolute()}"


def _enqueue(client: DBOSClient, asked: list[Question]) -> list[str]:
    ids: list[str] = []
    for at in range(0, len(asked), GROUP):
        with client._sys_db.engine.begin() as transaction:
            for question in asked[at : at + GROUP]:
                options = {"queue_name": "tasks", "workflow_name": "answer"}
                ids.append(client.enqueue_in_transaction(transaction, options, question).workflow_id)
    return ids


def _wait_for_results(peer: Peer) -> None:
    connection = sqlite3.connect(peer.path)
    left = (
        "SELECT EXISTS (SELECT 1 FROM workflow_status WHERE queue_name = 'tasks' AND status IN ('ENQUEUED', 'PENDING'))"
    )
    while connection.execute(left).fetchone() == (1,):
        time.sleep(0.01)
    connection.close()


if __name__ == "__main__":
    sys.exit(main(run))
