"""The chart of a run: when each node waited, ran, and waited for its next try; what is too much is shown as how many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from dagger_actors.core.states import FINAL_RUN
from dagger_actors.core.wording import counted
from dagger_actors.drawing.chart import Chart, Row, Segment
from dagger_actors.drawing.picture import line
from dagger_actors.drawing.text import duration
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.definition.streams import is_streamed, source_of
from dagger_actors.flow.reports.attempt_wording import moment
from dagger_actors.flow.reports.origin import innermost
from dagger_actors.flow.reports.report import AttemptReport, NodeReport, Report
from dagger_actors.flow.reports.run_picture import NodeSummary, problem_of, remark_of, summaries
from dagger_actors.flow.stored.shared_rows import maker_of

__all__ = ["chart_of_run"]

MOST_ROWS = 200
"""Nodes that have a row of their own: those that failed, then those that began first; the rest shares one."""
ITEMS = 6
"""Items of a map that have one: those that failed, then those that took longest."""
ATTEMPTS = 50
"""Attempts that a row shows: the last ones."""
TROUBLED = ("failed", "timed_out", "interrupted", "running", "waiting")


def chart_of_run(definition: FlowDefinition, report: Report, *, now_us: int, calls: bool = False) -> Chart:
    """Make the chart of a run.

    Args:
        definition: What it is pinned to.
        report: What it has done; as ``interrupted`` says it, where its process is gone.
        now_us: The time now, microseconds UTC: until then goes what has not ended.
        calls: Whether the hooks and failure actions that it has called have rows too.
    """
    return _Charter(definition, report, now_us).chart(calls=calls)


class _Charter:
    def __init__(self, definition: FlowDefinition, report: Report, now_us: int) -> None:
        self._definition = definition
        self._report = report
        self._summaries = summaries(report)
        self._awaiting = frozenset(node.id for node in definition.nodes if node.awaits is not None)
        self._by_node: dict[str, list[NodeReport]] = {}
        for one in report.nodes:
            self._by_node.setdefault(one.node_id, []).append(one)
        times = [
            us
            for one in report.nodes
            for each in one.attempts
            for us in (each.started_us, each.finished_us)
            if us is not None and us >= report.created_us  # else another run did it, of which this one has the outputs
        ]
        self._start_us = min([report.created_us if report.started_us is None else report.started_us, *times])
        is_over = report.state in FINAL_RUN or report.state in ("paused", "interrupted")
        last_us = max([self._start_us, *times, *([report.finished_us] if report.finished_us is not None else [])])
        self._end_us = last_us if is_over else max(now_us, last_us)
        self._ends = {node_id: _last_end(found) for node_id, found in self._by_node.items()}
        self._item_ends = {(one.node_id, one.invocation_key): _last_end([one]) for one in report.nodes}

    def chart(self, *, calls: bool) -> Chart:
        report = self._report
        nodes = [position for position in self._definition.drawn(calls=calls) if self._begun(position) is not None]
        nodes.sort(key=lambda position: (self._begun(position) or 0, position))
        own = self._chosen(nodes)
        rows = [row for position in nodes if position in own for row in self._rows(position)]
        more = [position for position in nodes if position not in own]
        if more:
            rows.append(self._rest(more))
        unbegun = [position for position in self._definition.drawn(calls=calls) if self._begun(position) is None]
        shared = sum(any(maker_of(one.reason) for one in self._reports(position)) for position in unbegun)
        parts = [f"run {report.run_id}", report.state.replace("_", " "), duration(self._end_us - self._start_us)]
        parts.append(f"since {moment(self._start_us)}")
        if shared:
            parts.append(f"{counted(shared, 'node')} shared with another run")
        if len(unbegun) > shared:
            parts.append(f"{counted(len(unbegun) - shared, 'node')} without an attempt")
        if report.error:
            parts.append(innermost(report.error))
        return Chart(
            title=line(report.flow_name),
            subtitle=line(" · ".join(parts)),
            start_us=self._start_us,
            end_us=self._end_us,
            rows=tuple(rows),
        )

    def _state(self, position: int) -> str:
        return self._summaries[self._definition.nodes[position].id].state

    def _chosen(self, nodes: Sequence[int]) -> frozenset[int]:
        """Those that have a row of their own: the ones in trouble, as far as half the rows go, then those that began first."""
        troubled = [position for position in nodes if self._state(position) in TROUBLED][: MOST_ROWS // 2]
        return frozenset([*dict.fromkeys([*troubled, *nodes])][:MOST_ROWS])

    def _rest(self, nodes: Sequence[int]) -> Row:
        segments = [one for position in nodes for one in self._all_running(self._reports(position))]
        states = Counter(map(self._state, nodes))
        note = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in states.most_common())
        return Row(title=f"{len(nodes):,} more", state="", note=note, segments=tuple(segments), is_many=True)

    def _note(self, position: int, summary: NodeSummary) -> str:
        begun = self._begun(position)
        parts = [] if summary.size is None else [f"{summary.states.get('succeeded', 0):,}/{summary.size:,}"]
        if summary.took_us is not None:
            parts.append(duration(summary.took_us))
        elif begun is not None and summary.state == "running":
            parts.append(f"{duration(self._end_us - begun)} so far")
        if summary.attempts > max(summary.size or 0, 1):
            parts.append(f"{summary.attempts:,} attempts")
        if summary.state in TROUBLED:
            parts.append(remark_of(self._definition.nodes[position], summary))
        return line(" · ".join(part for part in parts if part))

    def _reports(self, position: int) -> Sequence[NodeReport]:
        return self._by_node.get(self._definition.nodes[position].id, ())

    def _begun(self, position: int) -> int | None:
        return min(
            (
                each.started_us
                for one in self._reports(position)
                for each in one.attempts
                if each.started_us is not None
            ),
            default=None,
        )

    def _ready_us(self, position: int, key: str = "") -> int:
        """When the last of what a node, or one of its items, waited for had ended."""
        nodes = self._definition.nodes
        node = nodes[position]
        maker = node.added_by if node.call is None else node.call.node
        before = {*node.dependencies, *([] if maker is None else [maker])}
        source = source_of(node, nodes)
        ends = [self._ends.get(nodes[on].id) for on in before if on != source]
        if source is not None:
            whole, item = self._ends.get(nodes[source].id), self._item_ends.get((nodes[source].id, key))
            ends.append(item if key and item is not None and is_streamed(node, source) else whole)
        if node.call is not None and node.call.node is None:
            ends.append(self._begun(position))  # it is called when the run comes to that, not when there is room for it
        return max((end for end in ends if end is not None), default=self._start_us)

    def _rows(self, position: int) -> Iterator[Row]:
        node_id = self._definition.nodes[position].id
        found, summary = self._reports(position), self._summaries[node_id]
        items = [one for one in found if one.invocation_key]
        if not items:
            segments = self._segments(found[0], self._ready_us(position))
            yield Row(
                title=line(node_id), state=summary.state, note=self._note(position, summary), segments=tuple(segments)
            )
            return
        yield Row(
            title=line(node_id),
            state=summary.state,
            note=self._note(position, summary),
            segments=tuple(self._all_running(items)),
            is_many=True,
        )
        shown = sorted(items, key=lambda one: (one.state not in TROUBLED, -_took(one)))[:ITEMS]
        begun = [one for one in items if one in shown] if len(items) > ITEMS else items
        for one in begun:
            segments = self._segments(one, self._ready_us(position, one.invocation_key))
            yield Row(
                title=line(one.invocation_key),
                state=one.state,
                note=_item_note(one),
                segments=tuple(segments),
                is_item=True,
            )

    def _all_running(self, nodes: Iterable[NodeReport]) -> Iterator[Segment]:
        return (self._running(one, each) for one in nodes for each in one.attempts if each.started_us is not None)

    def _segments(self, node: NodeReport, ready_us: int) -> Iterator[Segment]:
        before: AttemptReport | None = None
        left_out = max(0, len(node.attempts) - ATTEMPTS)
        for each in node.attempts[left_out:]:
            since = ready_us if before is None else before.finished_us
            until = self._end_us if each.started_us is None else each.started_us
            if since is not None and until > since and not (before is None and left_out):
                is_retry = before is not None and before.state in ("failed", "timed_out")
                told = f"waits for attempt {each.attempt}, {duration(until - since)}"
                yield Segment(kind="retry" if is_retry else "waiting", start_us=since, end_us=until, told=told)
            if each.started_us is not None:
                yield self._running(node, each)
            before = each

    def _running(self, node: NodeReport, each: AttemptReport) -> Segment:
        started = self._start_us if each.started_us is None else each.started_us
        ended = max(started, self._end_us if each.finished_us is None else each.finished_us)
        is_outside = node.node_id in self._awaiting
        state = "running" if each.state == "waiting" else each.state  # a flow inside is at work
        told = [f"attempt {each.attempt}: {each.state.replace('_', ' ')}"]
        told.append(f"from {duration(max(0, started - self._start_us))} on, {duration(ended - started)}")
        if each.error is not None:
            told.append(f"{each.error.type.rpartition('.')[2]}: {each.error.message}")
        name = f"{node.node_id}[{node.invocation_key}]" if node.invocation_key else node.node_id
        return Segment(
            kind="outside" if is_outside else "running",
            start_us=started,
            end_us=ended,
            state="" if is_outside else state,
            told="\n".join(line(text) for text in (name, *told)),
        )


def _last_end(nodes: Iterable[NodeReport]) -> int | None:
    ends = (each.finished_us for one in nodes for each in one.attempts)
    return max((end for end in ends if end is not None), default=None)


def _took(node: NodeReport) -> int:
    return sum(
        each.finished_us - each.started_us
        for each in node.attempts
        if each.finished_us is not None and each.started_us is not None
    )


def _item_note(node: NodeReport) -> str:
    parts = [duration(_took(node))] if _took(node) else []
    if len(node.attempts) > 1:
        parts.append(f"{len(node.attempts)} attempts")
    if node.state in TROUBLED:
        parts.append(problem_of(node))
    return line(" · ".join(part for part in parts if part))
