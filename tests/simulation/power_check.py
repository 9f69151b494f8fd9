"""The check of what a power cut left of the session: against what had been promised, and by going on from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec

from dagger_actors import ActorSystem
from dagger_actors.core.states import FINAL_NODE, FINAL_RUN
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.reports.rows import build_report
from dagger_actors.flow.stored.rows import RunRow, StoredArtifact, StoredRow
from dagger_actors.store.statements import sql
from dagger_actors.testing.power_states import CrashState
from dagger_actors.testing.simulation import simulate
from tests.simulation.power_cuts import Slots
from tests.simulation.power_story import OUTPUTS, Bodies, Mark, Story, Subject, subject_of


class Checker:
    """Compares what a cut left with what had been promised by then.

    Attributes:
        sequences: The states that each subject was seen in, in order.
    """

    def __init__(self, story: Story) -> None:
        self._story = story
        self.sequences: dict[Subject, list[str]] = {}
        for mark in story.marks:
            if mark.state is not None:
                self.sequences.setdefault(mark.subject, []).append(mark.state)

    def ends_told(self) -> dict[Subject, list[str]]:
        """What was told of each attempt from its first end on; more than one is one too many."""
        told: dict[Subject, list[str]] = {}
        for subject, states in self.sequences.items():
            if len(subject) == 1:
                continue
            first = next((at for at, state in enumerate(states) if state in FINAL_NODE), len(states))
            told[subject] = states[first:]
        return told

    def complaints(self, state: CrashState) -> list[str]:
        """All that is wrong with what the cut left; each begins with its kind."""
        path = state.folder / "sim.db"
        marks = [mark for mark in state.acknowledged if isinstance(mark, Mark)]
        if not path.exists():
            return ["lost: the whole file"] if marks else []
        try:
            return self._compare(path, marks)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            return [f"damaged: {error}"]

    def _compare(self, path: Path, marks: list[Mark]) -> list[str]:
        connection = apsw.Connection(str(path))
        try:
            if (verdict := connection.pragma("integrity_check")) != "ok":
                return [f"damaged: {verdict}"]
            if not connection.table_exists("main", "node_runs"):
                return ["lost: the tables"] if marks else []
            return [*self._rows(states_in(connection), marks), *_outputs(connection, path, marks)]
        finally:
            connection.close()

    def _rows(self, found: dict[Subject, str], marks: list[Mark]) -> Iterator[str]:
        seen: dict[Subject, int] = {}
        for mark in marks:
            seen[mark.subject] = seen.get(mark.subject, 0) + (mark.state is not None)
        for subject, count in seen.items():
            # From the last one that was seen on: the disk may be ahead of what was told.
            possible = self.sequences.get(subject, [])[max(0, count - 1) :]
            state = found.get(subject)
            if state is None:
                yield f"lost: {subject} was {possible[:1]}, has no row"
            elif state not in possible:
                has_ended_twice = len(subject) > 1 and {state, possible[0]} <= FINAL_NODE
                kind = "two ends" if has_ended_twice else "lost"
                yield f"{kind}: {subject} was {possible[:1]}, is {state}"
        for subject, state in found.items():
            if subject not in seen and state not in (*self.sequences.get(subject, ()), "pending"):
                yield f"invented: {subject} is {state}"


def states_in(connection: apsw.Connection) -> dict[Subject, str]:
    """The state of every run and every attempt."""
    found: dict[Subject, str] = {
        (run_id,): status for run_id, status in connection.execute("SELECT run_id, status FROM flow_runs")
    }
    for run_id, node_id, key, attempt, state in connection.execute(
        "SELECT run_id, node_id, invocation_key, attempt, state FROM node_runs"
    ):
        found[subject_of(run_id, node_id, key, attempt)] = state
    return found


def _outputs(connection: apsw.Connection, path: Path, marks: list[Mark]) -> Iterator[str]:
    for mark in marks:
        if mark.outputs:
            outputs = outputs_in(connection, mark.subject[0])
            if outputs != mark.outputs:
                yield f"outputs: {mark.subject} had other outputs than {outputs}"


def outputs_in(connection: apsw.Connection, run_id: str) -> dict[str, Any]:
    """A run's outputs as its report gives them; empty when it has not succeeded."""
    found = list(connection.execute(sql("read.run"), (run_id,)))
    if not found:
        return {}
    row = RunRow(*found[0])
    body = next(connection.execute(sql("read.definition"), (row.definition_id,)))[0]

    def load(artifact_id: str) -> bytes:
        return bytes(next(connection.execute(sql("read.artifact"), (artifact_id,)))[4])

    return build_report(
        row,
        msgspec.json.decode(body, type=FlowDefinition),
        (StoredRow(*one) for one in connection.execute(sql("read.nodes"), (row.run_key,))),
        (StoredArtifact(*one) for one in connection.execute(sql("read.artifact_names"), (row.run_key,))),
        load,
    ).outputs


def go_on(story: Story, state: CrashState, folder: Path, slots: Slots, *, recover: bool) -> list[str]:
    """Open what a cut left, take every run to its end, and tell what is wrong with that.

    Args:
        story: What was cut.
        state: What is left of it.
        folder: Where to go on; made, and removed at the end.
        slots: What is left of the slot files.
        recover: Whether what was running goes on by itself; else it is resumed.
    """
    folder.mkdir()
    for file in state.folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    path = folder / "sim.db"
    story.slots.put(state.position, path, slots)
    before = _ended_rows(path)
    began: list[Subject] = []
    bodies = Bodies(began.append)
    bodies.is_repaired = True
    complaints: list[str] = []
    with simulate(state.position, folder) as sim:
        sim.world.wall_offset_us += round(story.ended_s * 1e6)
        system = sim.system(actions=bodies.actions(), recover=recover)
        for summary in system.flows.runs():
            complaints += _finish(system, summary.run_id, summary.state, recover=recover)
        system.stop()
    after = _ended_rows(path)
    complaints += [
        f"two ends: {key} was {row}, is {after.get(key)}" for key, row in before.items() if after.get(key) != row
    ]
    complaints += [f"done again: {one}" for one in began if one in before]
    if slots == "as it was":
        # The slot file tells which bodies had begun; without it nothing does, and the same attempt is made again.
        began += [mark.subject for mark in state.acknowledged if isinstance(mark, Mark) and mark.state is None]
    complaints += [f"twice: {one}" for one in set(began) if began.count(one) > 1]
    shutil.rmtree(folder)
    return complaints


def _finish(system: ActorSystem, run_id: str, found: str, *, recover: bool) -> Iterator[str]:
    flows, state = system.flows, found
    for _ in range(4):
        if state == "failed":
            state = flows.retry(run_id).wait(timeout=600).state
        elif state == "paused" or (state in ("pending", "running") and not recover):
            state = flows.resume(run_id).wait(timeout=600).state
        elif state not in FINAL_RUN:
            state = flows.run(run_id).wait(timeout=600).state
    expected = ("succeeded",) if run_id in OUTPUTS else ("succeeded", "cancelled")
    if state not in expected:
        yield f"stranded: {run_id} was {found} and ended {state}"
    elif run_id in OUTPUTS and flows.report(run_id).outputs != OUTPUTS[run_id]:
        yield f"outputs: {run_id} was {found} and ended with {flows.report(run_id).outputs}"


def _ended_rows(path: Path) -> dict[Subject, tuple[Any, ...]]:
    if not path.exists():
        return {}
    connection = apsw.Connection(str(path))
    try:
        if not connection.table_exists("main", "node_runs"):
            return {}
        rows = connection.execute(
            "SELECT run_id, node_id, invocation_key, attempt, state, output, output_artifact_id, error, reason, "
            "started_at, finished_at FROM node_runs"
        )
        return {subject_of(*row[:4]): row[4:] for row in rows if row[4] in FINAL_NODE and row[4] != "skipped"}
    finally:
        connection.close()
