"""Every option of ``ActorSystem`` has an effect that can be seen."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import apsw
import pytest

from dagger_actors import ActorSystem, action
from dagger_actors.errors import RequestError


@action
def page() -> str:
    return "x" * 2000


@pytest.mark.parametrize(("threshold", "location"), [(1500, "file"), (32 * 1024, "inline")])
def test_the_artifact_threshold_decides_between_row_and_file(tmp_path: Path, threshold: int, location: str) -> None:
    """From that size on an artifact is a file."""
    path = tmp_path / "options.db"
    with ActorSystem(path, actions=[page], artifact_threshold=threshold) as system:
        spec = {"name": "f", "nodes": [{"id": "n", "action": "page", "dependencies": []}]}
        assert system.flows.start(spec).result(timeout=30) == {"n": "x" * 2000}
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert list(connection.execute("SELECT storage_location FROM artifacts")) == [(location,)]
    connection.close()


@pytest.mark.parametrize("readers", [1, 2])
def test_so_many_read_at_once_and_the_next_one_waits(tmp_path: Path, readers: int) -> None:
    """Connections are bounded; whoever comes too many gets one as soon as one is given back."""
    with (
        ActorSystem(tmp_path / "options.db", actions=[page], readers=readers) as system,
        contextlib.ExitStack() as busy,
    ):
        for _ in range(readers - 1):
            busy.enter_context(system._store.readers.use())
        came = threading.Event()
        with system._store.readers.use():
            waiting = threading.Thread(target=lambda: (system.flows.runs(), came.set()))
            waiting.start()
            assert not system._store.readers._permits.acquire(blocking=False), "all are taken"
            assert not came.is_set()
        assert came.wait(30)
        waiting.join(30)


@pytest.mark.parametrize("synchronous", ["full", "normal"])
def test_synchronous_decides_what_a_commit_waits_for(tmp_path: Path, synchronous: str) -> None:
    """FULL syncs each commit, NORMAL only each checkpoint."""
    with ActorSystem(tmp_path / "options.db", synchronous=synchronous) as system:
        assert system.journal.writer._connection.pragma("synchronous") == {"full": 2, "normal": 1}[synchronous]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"readers": 0}, "readers is a whole number, 1 or more, not 0"),
        ({"readers": 1.5}, "readers is a whole number, 1 or more, not 1.5"),
        ({"artifact_threshold": "1 KiB"}, "artifact_threshold is a size in bytes, 0 or more, not '1 KiB'"),
        ({"artifact_threshold": -1}, "artifact_threshold is a size in bytes, 0 or more, not -1"),
        ({"synchronous": "off"}, "synchronous is 'full' or 'normal', not 'off'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, option: dict, message: str
) -> None:
    """Nothing is left behind by a mistake in the arguments."""
    with pytest.raises(RequestError, match=message):
        ActorSystem(tmp_path / "options.db", **option)
    assert list(tmp_path.iterdir()) == []
