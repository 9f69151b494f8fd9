"""A process that is stopped inside a transaction: nobody can write, and the alarm says who it is and what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from dagger_actors import ActorSystem, action
from dagger_actors.errors import StoreBusy
from dagger_actors.store.connection import open_writer
from dagger_actors.store.holder import LockHolder, write_lock_holder
from dagger_actors.store.refusals import translate

HOLDS = """
import sys
from dagger_actors.store.connection import open_writer
connection = open_writer(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("holds", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@action
def one() -> int:
    return 1


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "runs.db"
    ActorSystem(path).stop()
    # Somebody who has the file open keeps its -wal and -shm there.
    keeper = open_writer(path)
    yield path
    keeper.close()


@pytest.fixture
def holder(database):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "holds\n"
    yield process
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=30)


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def test_who_holds_the_write_lock_is_found_and_whether_it_is_stopped(database, holder):
    """Law: the alarm names the process, and tells one that works from one that waiting will not free."""
    assert write_lock_holder(database) == LockHolder(pid=holder.pid, is_stopped=False)
    stop(holder)
    assert write_lock_holder(database) == LockHolder(pid=holder.pid, is_stopped=True)
    holder.send_signal(signal.SIGCONT)
    holder.communicate(timeout=30)
    assert write_lock_holder(database) is None


def test_a_refused_writer_is_told_who_is_in_the_way(database, holder):
    """Law: one sentence, with the process and what to do about it."""
    stop(holder)
    connection = open_writer(database, busy_timeout_ms=1)
    with pytest.raises(Exception, match="locked") as caught:
        connection.execute("BEGIN IMMEDIATE")
    connection.close()
    error = translate(caught.value, database)
    assert isinstance(error, StoreBusy)
    assert (error.pid, error.is_stopped) == (holder.pid, True)
    assert f"kill -CONT {holder.pid}" in str(error)


def test_a_system_waits_for_the_lock_says_so_and_goes_on_when_it_is_free(tmp_path, caplog, monkeypatch):
    """Fault 8: back-pressure and an alarm, no crash; what was accepted meanwhile is done."""
    path = tmp_path / "runs.db"
    with ActorSystem(path, actions=[one]) as system:
        system.journal.writer._connection.set_busy_timeout(20)
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "holds\n"
        stop(child)
        is_alarmed = threading.Event()
        monkeypatch.setattr("dagger_actors.store.journal.logger.warning", lambda *_, **_extra: is_alarmed.set())
        found = []
        starter = threading.Thread(
            target=lambda: found.append(
                system.flows.start({"name": "f", "nodes": [{"id": "a", "action": "one"}]}).result(30)
            )
        )
        starter.start()
        assert is_alarmed.wait(30)
        assert not found
        child.send_signal(signal.SIGCONT)
        child.communicate(timeout=30)
        starter.join(30)
        assert found == [{"a": 1}]
