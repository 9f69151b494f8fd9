"""The journal answers every unit, whatever the disk or its callers do, and goes on afterwards."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw
import pytest

from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.core.protocols import Unit, Write
from dagger_actors.errors import StoreError, UnitRejected
from dagger_actors.store.connection import open_writer
from dagger_actors.store.journal import Journal
from dagger_actors.store.migrate import migrate
from dagger_actors.store.writer import Call

PATIENCE_S = 20


class FlakyFile(apsw.VFSFile):
    """A file whose reads or syncs fail as often as they are told to."""

    reads = 0
    syncs = 0

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - as apsw calls it
        if FlakyFile.reads:
            FlakyFile.reads -= 1
            raise apsw.IOError("disk I/O error")
        return super().xRead(amount, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - the same
        if FlakyFile.syncs:
            FlakyFile.syncs -= 1
            raise apsw.IOError("disk I/O error")
        super().xSync(flags)


class FlakyVfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("flaky-journal", "")

    def xOpen(self, name, flags):  # noqa: N802 - the same
        return FlakyFile("", name, flags)


@pytest.fixture
def path(tmp_path: Path):
    vfs = FlakyVfs()
    path = tmp_path / "a.db"
    connection = open_writer(path, vfs="flaky-journal")
    migrate(connection, path)
    connection.close()
    yield path
    FlakyFile.reads = FlakyFile.syncs = 0
    vfs.unregister()


@pytest.fixture
def journal(path: Path):
    dispatcher = ThreadDispatcher("journal", 1)
    journal = Journal(path, dispatcher=dispatcher, vfs="flaky-journal")
    yield journal
    assert dispatcher.close(PATIENCE_S)
    journal.close()


def write(journal: Journal, worker: int) -> Exception | None:
    """Hand over a unit, and wait for its answer."""
    answered = threading.Event()
    outcome: list[Exception | None] = []

    def answer(error: Exception | None = None) -> None:
        outcome.append(error)
        answered.set()

    journal.submit(Unit([Write("workers.insert", ((worker, 1, 0, 0, "1.slots"),), None)], answer, answer))
    assert answered.wait(PATIENCE_S), "nobody was told what became of the unit"
    return outcome[0]


def stored(path: Path) -> list[int]:
    connection = open_writer(path)
    try:
        return [row[0] for row in connection.execute("SELECT worker_id FROM workers ORDER BY 1")]
    finally:
        connection.close()


@pytest.mark.parametrize("reads", [1, 4])
def test_a_read_that_fails_as_the_transaction_begins_is_answered_and_then_all_is_well(path, journal, reads: int):
    """Fault 6: what is acknowledged is stored, what is not is told; the journal itself goes on."""
    assert write(journal, 1) is None
    other = open_writer(path)  # so that the journal must read the first page anew
    other.execute(
        "INSERT INTO workers (worker_id, pid, started_at, lease_expires_at, slot_file) VALUES (2, 1, 0, 0, 'x')"
    )
    FlakyFile.reads = reads
    first = write(journal, 3)
    FlakyFile.reads = 0
    assert first is None or isinstance(first, StoreError)
    assert write(journal, 4) is None
    other.close()
    assert stored(path) == ([1, 2, 3, 4] if first is None else [1, 2, 4])


@pytest.mark.parametrize("syncs", [1, 50])
def test_a_sync_that_fails_is_never_taken_for_a_commit(path, journal, syncs: int):
    """Fault 6: never acknowledged; the connection is opened anew, and when the disk is fine again all is well."""
    assert write(journal, 1) is None
    FlakyFile.syncs = syncs
    failed = write(journal, 2)
    FlakyFile.syncs = 0
    assert write(journal, 3) is None
    # Of a commit whose sync failed nobody can say whether it is stored: so its owner is told, and reads the file anew.
    assert stored(path) in ([1, 2, 3], [1, 3])
    assert failed is None or isinstance(failed, StoreError)
    assert failed is not None or 2 in stored(path)


def test_a_caller_that_raises_does_not_stop_the_journal(path, journal):
    """Law: it belongs to all: a bad transaction is told to whoever asked for it, a bad answer to nobody."""
    told: list[Exception] = []
    asked = threading.Event()

    def bad(_connection: apsw.Connection) -> None:
        raise ZeroDivisionError

    def failed(error: Exception) -> None:
        told.append(error)
        asked.set()
        raise KeyError("in the answer")

    journal.transact(Call(bad, lambda _result: None, failed))
    assert asked.wait(PATIENCE_S)
    assert isinstance(told[0], ZeroDivisionError)
    assert write(journal, 1) is None
    assert stored(path) == [1]


def test_what_waits_for_the_lock_keeps_its_order(path, journal):
    """Law: a call stays behind the units before it, also when somebody else holds the file for a while."""
    journal.writer._connection.set_busy_timeout(0)
    other = open_writer(path)
    other.execute("BEGIN IMMEDIATE")
    order: list[str] = []
    done, refused = threading.Event(), threading.Event()
    row = (1, 1, 0, 0, "1.slots")
    begin = journal.writer._begin

    def begins() -> None:
        try:
            begin()
        except StoreError:
            refused.set()
            raise

    journal.writer._begin = begins
    journal.submit(Unit([Write("workers.insert", (row,), 1)], lambda: order.append("unit"), order.append))
    journal.transact(Call(lambda _connection: None, lambda _: (order.append("call"), done.set()), order.append))
    assert refused.wait(PATIENCE_S)
    other.execute("ROLLBACK")
    other.close()
    assert done.wait(PATIENCE_S)
    assert order == ["unit", "call"]


def test_an_operation_that_fails_as_nobody_thought_of_takes_no_other_unit_of_its_group_with_it(path, journal):
    """Law: whatever an operation raises refuses its own unit alone, and leaves no transaction open."""
    held, go, answered = threading.Event(), threading.Event(), threading.Event()

    def hold(_connection: apsw.Connection) -> None:
        held.set()
        assert go.wait(PATIENCE_S)

    outcomes: dict[int, Exception | None] = {}

    def submit(worker: int, work: tuple[object, ...]) -> None:
        def answer(error: Exception | None = None) -> None:
            outcomes[worker] = error
            if len(outcomes) == 3:
                answered.set()

        row = (worker, 1, 0, 0, "1.slots")
        journal.submit(Unit([Write("workers.insert", (row,), 1)], answer, answer, work))

    journal.transact(Call(hold, lambda _result: None, lambda _error: None))
    assert held.wait(PATIENCE_S)
    for worker, work in ((1, ()), (2, (object(),)), (3, ())):  # all three in one group
        submit(worker, work)
    go.set()
    assert answered.wait(PATIENCE_S)
    assert outcomes[1] is None
    assert isinstance(outcomes[2], UnitRejected)
    assert outcomes[3] is None
    assert write(journal, 4) is None
    assert stored(path) == [1, 3, 4]
