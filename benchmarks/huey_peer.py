"""The tasks on huey (``SqliteHuey``, ``fsync=True``); ``task_peers`` runs this in a process of its own."""

from __future__ import annotations

import sqlite3
import sys
import time

from huey import SqliteHuey
from task_peers import Peer, Timed, main
from task_work import answer, check, questions, sample

__all__ = ["run"]


def run(peer: Peer) -> Timed:
    """Enqueue one by one, for huey has no other way, with the consumer's threads at work meanwhile or afterwards."""
    huey = SqliteHuey(filename=peer.path, fsync=True, results=True)
    task = huey.task()(answer)
    consumer = huey.create_consumer(
        workers=peer.setting.threads, periodic=False, initial_delay=0.001, max_delay=0.01, check_worker_health=False
    )
    asked = list(questions(peer.count))
    watch = Timed.begin()
    if peer.setting.at_once:
        consumer.start()
    handles = [task(question) for question in asked]
    watch.enqueued()
    if not peer.setting.at_once:
        consumer.start()
    _wait_for_results(peer)
    timed = watch.end()
    consumer.stop(graceful=True)
    for number in sample(peer.count):
        check(asked[number], handles[number].get(preserve=True))
    return timed


def _wait_for_results(peer: Peer) -> None:
    # Its own connection: nothing of huey's waits for what is asked here. Counting the results takes long when there are
    # many, so it is only done once the queue is empty.
    connection = sqlite3.connect(peer.path)
    while True:
        (is_left,) = connection.execute("SELECT EXISTS (SELECT 1 FROM task)").fetchone()
        if not is_left and connection.execute("SELECT count(*) FROM kv").fetchone() == (peer.count,):
            break
        time.sleep(0.01)
    connection.close()


if __name__ == "__main__":
    sys.exit(main(run))
