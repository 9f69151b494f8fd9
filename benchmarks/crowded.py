"""The figures beside one action that computes in Python and leaves the interpreter to nobody."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import workloads
from figures import Sample, Scale
from limits import BareFile, Recording, hand_offs_s
from spine import open_system, run_to_end

from dagger_actors import ActorSystem
from dagger_actors.core.protocols import Unit, Write
from dagger_actors.flow.machine.decisions import NodeRow
from dagger_actors.store.connection import open_reader, open_writer

__all__ = ["cancel", "chain", "group"]

PATIENCE_S = 60.0
BEHIND = 1_000_000
"""Node numbers from here on belong to no flow of ours."""


def group(folder: Path, scale: Scale) -> dict[str, Sample]:
    """One unit of many rows, from its hand-over to the journal until its effects may go out."""
    with open_system(folder) as system:
        timed = run_to_end(system, workloads.independent(scale.group))
        recording = Recording(folder / "dagger.db", timed.run_id)
        spinning = _spin(system)
        value = _write_s(system, [_fresh(row) for row in recording.grants])
        system.flows.cancel(spinning)
    bare = BareFile(folder / "bare.db", recording)
    limit = bare.group_s(scale.group)
    bare.close()
    return {"group_beside_cpu": Sample(value=value, limit=limit)}


def _spin(system: ActorSystem) -> str:
    """Start the action that computes until its run is cancelled; gives the run's id once it runs."""
    run = system.flows.start(workloads.waiting())
    _wait_for(system.path, "SELECT count(*) FROM node_runs WHERE run_id = ? AND state = 'running'", run.id)
    return run.id


def _fresh(grant: tuple[Any, ...]) -> NodeRow:
    run_key, node, item, attempt, run_id, node_id, key = grant
    return NodeRow(run_key, BEHIND + node, item, attempt, run_id, node_id, key, "ready")


def _write_s(system: ActorSystem, rows: list[NodeRow]) -> float:
    is_written = threading.Lock()
    is_written.acquire()
    refused: list[Exception] = []

    def rejected(error: Exception) -> None:
        refused.append(error)
        is_written.release()

    began = time.perf_counter()
    system.journal.submit(Unit([Write("node_runs.put", rows, len(rows))], is_written.release, rejected))
    if not is_written.acquire(timeout=PATIENCE_S) or refused:
        raise SystemExit(f"the group was not written: {refused}")
    return time.perf_counter() - began


def chain(folder: Path, scale: Scale) -> dict[str, Sample]:
    """A chain; its limit, beside the same action, is a bare commit and a bare hand-off for each node."""
    with open_system(folder) as system:
        spinning = _spin(system)
        timed = run_to_end(system, workloads.chain(scale.chain))
        bare = BareFile(folder / "bare.db", Recording(folder / "dagger.db", timed.run_id))
        limit = bare.commits_s() + hand_offs_s(scale.chain)
        bare.close()
        system.flows.cancel(spinning)
    return {"chain_beside_cpu": Sample(value=timed.wall_s, limit=limit)}


def cancel(folder: Path, scale: Scale) -> dict[str, Sample]:
    """A cancel, from the request until the file says so: by a call, and by another process's row in the file."""
    del scale
    with open_system(folder) as system:
        spinning = _spin(system)
        began = time.perf_counter()
        system.flows.cancel(spinning)
        by_call = time.perf_counter() - began
        by_row = _cancel_by_row_s(system.path, _spin(system))
    return {"cancel_beside_cpu": Sample(value=by_call), "cancel_by_row_beside_cpu": Sample(value=by_row)}


def _cancel_by_row_s(path: Path, run_id: str) -> float:
    connection = open_writer(path)
    try:
        began = time.perf_counter()
        connection.execute(
            "INSERT INTO commands (run_key, verb, created_at) "
            "SELECT run_key, 'cancel', 0 FROM flow_runs WHERE run_id = ?",
            (run_id,),
        )
        _wait_for(path, "SELECT count(*) FROM flow_runs WHERE run_id = ? AND status = 'cancelled'", run_id)
        return time.perf_counter() - began
    finally:
        connection.close()


def _wait_for(path: Path, sql: str, run_id: str) -> None:
    connection = open_reader(path)
    try:
        until = time.perf_counter() + PATIENCE_S
        while not next(connection.execute(sql, (run_id,)))[0]:
            if time.perf_counter() > until:
                raise SystemExit(f"run {run_id} did not come to: {sql}")
            time.sleep(0.001)
    finally:
        connection.close()
