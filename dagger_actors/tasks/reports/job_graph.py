"""A job as a graph: its tasks, who waits for whom, and who spawned whom; bounded, however large the job is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from dagger_actors.drawing.picture import STATES, Picture, PictureNode, line
from dagger_actors.drawing.text import duration
from dagger_actors.store.reader import Readers
from dagger_actors.tasks.reports.report import JobReport, TaskSummary
from dagger_actors.tasks.reports.rows import summary_of

__all__ = ["DRAWN", "MOST_DRAWN", "JobGraph", "picture_of_job", "read_graph", "without_circles"]

DRAWN = 200
"""Tasks that are drawn unless more are asked for; more of them nobody can read."""
MOST_DRAWN = 1_900
"""What the drawing of SVG takes, and some to spare."""
MOST_ARROWS = 8_000

Edge = tuple[int, int]


class JobGraph(msgspec.Struct, frozen=True, kw_only=True):
    """What a picture of a job is made of.

    Attributes:
        report: The job.
        tasks: Those that are drawn, by id.
        dependencies: Pairs of ids: a task, and one of ``tasks`` that it waits for, or waited for.
        left_out: How many tasks in which state are not drawn.
    """

    report: JobReport
    tasks: tuple[TaskSummary, ...]
    dependencies: tuple[Edge, ...]
    left_out: dict[str, int]


def read_graph(readers: Readers, job_key: int, report: JobReport, limit: int) -> JobGraph:
    """Read the graph of a job.

    Args:
        readers: The database.
        job_key: The job's.
        report: The job.
        limit: Tasks at most: those that need a look first, then those that run, then the first that were submitted.
    """
    keys = sorted(row[0] for row in readers.query("read.job_drawn", job_key, limit))
    asked = msgspec.json.encode(keys).decode()
    tasks = tuple(summary_of(row) for row in reversed(readers.query("read.tasks", asked)))
    pairs = tuple((task, on) for task, on in readers.query("read.dependencies_among", asked, MOST_ARROWS))
    left_out = dict(readers.query("read.job_states", job_key))
    for one in tasks:
        state = _state(one)
        left_out[state] = left_out.get(state, 0) - 1
    # Between the looks some may have moved from one state to another: what is left is no less than nothing.
    left_out = {state: left_out[state] for state in STATES if left_out.get(state, 0) > 0}
    return JobGraph(report=report, tasks=tasks, dependencies=pairs, left_out=left_out)


def picture_of_job(graph: JobGraph) -> Picture:
    """Make the picture of a job: an arrow to each task from those that it waits for, and from the one that spawned it.

    A task that waits for those it spawned has no arrows back from them: its box says what it waits for.
    """
    report, places = graph.report, {one.id: at for at, one in enumerate(graph.tasks)}
    parents = {one.id: one.parent for one in graph.tasks if one.parent in places}
    spawned = [(places[parent], places[child]) for child, parent in parents.items() if parent is not None]
    needed = [
        (places[on], places[task])
        for task, on in graph.dependencies
        if task in places and on in places and not _is_above(task, on, parents)
    ]
    waits: dict[int, list[int]] = {}
    for task, on in graph.dependencies:
        waits.setdefault(task, []).append(on)
    nodes = [_node(one, waits.get(one.id, ())) for one in graph.tasks]
    rest = sum(graph.left_out.values())
    if rest:
        note = ", ".join(f"{count:,} {state}" for state, count in graph.left_out.items())
        subtitle = f"of {rest + len(nodes):,} left out; --limit draws more"
        nodes.append(PictureNode(title=f"{rest:,} more", subtitle=subtitle, is_mapped=True, note=line(note)))
    progress = report.progress
    parts = [f"{report.state}", f"{progress.total - progress.open:,}/{progress.total:,} done"]
    if report.why:
        parts.append(report.why)
    return Picture(
        title=line(f"job {report.id}"),
        subtitle=line(" · ".join(parts)),
        nodes=tuple(nodes),
        edges=without_circles(len(nodes), [*spawned, *needed]),
        state=report.state,
    )


def _is_above(task: int, other: int, parents: Mapping[int, int | None]) -> bool:
    """Whether a task spawned another one, or one of those that did."""
    seen = {other}
    above = parents.get(other)
    while above is not None and above not in seen:
        if above == task:
            return True
        seen.add(above)
        above = parents.get(above)
    return False


def _state(task: TaskSummary) -> str:
    return "stuck" if task.is_stuck else task.state


def _node(task: TaskSummary, waits: Sequence[int]) -> PictureNode:
    note = []
    facts = [("priority", str(task.priority)), ("attempts", str(task.attempt))]
    if task.attempt > 1:
        note.append(f"{task.attempt:,} attempts")
    if task.started_us is not None and task.finished_us is not None:
        took = duration(task.finished_us - task.started_us)
        note.append(took)
        facts.append(("took", took))
    if waits:
        facts.append(("waits for", line(", ".join(f"task {one}" for one in waits[:20]))))
    if task.reason:
        facts.append(("error" if task.state == "failed" else "reason", line(task.reason)))
    return PictureNode(
        title=line(f"{task.agent} {task.id}"),
        subtitle=line(f"key {task.key}") if task.key is not None else "",
        state=_state(task),
        note=" · ".join(note),
        remark=line(task.reason or ""),
        facts=tuple(facts),
    )


def without_circles(count: int, edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Leave out the edges that close a circle, as few as a walk from the first nodes on finds; doubles too.

    Each kind of arrow has no circles of its own; together they may: a task may wait for what its child's child needs.
    """
    edges = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    follows: list[list[int]] = [[] for _ in range(count)]
    is_reached = [False] * count
    for source, target in edges:
        follows[source].append(target)
        is_reached[target] = True
    left_out: set[Edge] = set()
    on_path, is_done = [False] * count, [False] * count
    for start in sorted(range(count), key=lambda node: is_reached[node]):
        stack = [] if is_done[start] else [(start, iter(follows[start]))]
        while stack:
            node, rest = stack[-1]
            on_path[node] = True
            for target in rest:
                if on_path[target]:
                    left_out.add((node, target))
                elif not is_done[target]:
                    stack.append((target, iter(follows[target])))
                    break
            else:
                on_path[node], is_done[node] = False, True
                stack.pop()
    return tuple(edge for edge in edges if edge not in left_out)
