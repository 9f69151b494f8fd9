"""What a worker leaves for others: its row and its slot file stay while anything is still its own."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from dagger_actors import ActorSystem
from dagger_actors.store.connection import open_writer

AGENT = "INSERT INTO task_agents (name, place, payload_schema, result_schema, capacity, updated_at) VALUES ('a', '', '', '', 9, 0)"
TASK = "INSERT INTO tasks (task_key, agent, state, priority, created_at, owner, updated_at) VALUES (1, 'a', 'ready', 0, 0, ?, 0)"


def workers(db: Path) -> list[int]:
    connection = apsw.Connection(str(db), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [row[0] for row in connection.execute("SELECT worker_id FROM workers")]
    finally:
        connection.close()


@pytest.mark.parametrize("is_leased", [False, True])
def test_a_worker_with_a_leased_task_leaves_its_slots_for_who_takes_it_over(tmp_path: Path, is_leased: bool) -> None:
    """Law: what it had begun of the task is told by its slot file, so neither goes before the task is another's."""
    db = tmp_path / "t.db"
    with ActorSystem(db) as system:
        owner = system._store.worker_id
        connection = open_writer(db)
        connection.execute(AGENT)
        connection.execute(TASK, (owner if is_leased else None,))
        connection.close()
        slot_file = system._store.membership.slots.path
    assert workers(db) == ([owner] if is_leased else [])
    assert slot_file.exists() == is_leased
