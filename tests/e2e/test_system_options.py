"""Every option of ``ActorSystem`` has an effect that can be seen."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from dagger_actors import ActorSystem, action


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
