"""The machine of one run: events in, decisions out; deterministic, without clock, thread or disk.

It owns the dependency counters, the queue of what is ready and the state of what has begun. Its owner may run ahead of
the commits: a decision's effects must wait for its rows. Rules (DECISIONS.md has their reasons):

* An attempt ends once; whatever comes later for it is only the late end of its body.
* A node starts only when all it depends on has succeeded; dependents of anything else are skipped.
* ``interrupted`` attempts do not use up the user's tries; after ``CRASH_CAP`` crashes the work is parked.
* Grants run ahead of the concurrency limit by ``window``; the gate keeps the limit.
"""

from __future__ import annotations

import heapq
from typing import assert_never

from dagger_actors.core.messages import ErrorDetail, Failed, Gathered, Inline, Succeeded
from dagger_actors.core.protocols import Now
from dagger_actors.core.states import FINAL_RUN, RUN_TRANSITIONS, is_legal
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.events import (
    ArmTimer,
    BodyKey,
    Cancelled,
    Decision,
    Detached,
    Drain,
    Effect,
    Ended,
    Event,
    Expand,
    Expanded,
    ExpansionFailed,
    Finish,
    Flushed,
    Grant,
    NodeRow,
    Opened,
    Release,
    RetryDue,
    Started,
    StopBody,
    Stuck,
    TimedOut,
    TimeUp,
)
from dagger_actors.flow.invocations import Invocations, Live, RunIdentity
from dagger_actors.flow.stored_error import describe, encode_error

__all__ = ["CRASH_CAP", "WINDOW", "FlowMachine"]

CRASH_CAP = 3
"""Crashes one piece of work may cause or meet before it is parked for a person to look at."""

WINDOW = 512
"""Grants that may be committed ahead of what has ended; wide enough to cover one commit at full speed."""


class FlowMachine:
    """One run.

    Args:
        definition: What to run; its actions are bound.
        identity: Under which keys its rows are written.
        status: The run's state as stored.
        elapsed_us: Time it has run before.
        error: Its first failure so far.
        started_at: When it first ran, if it has.
    """

    def __init__(
        self,
        definition: FlowDefinition,
        identity: RunIdentity,
        *,
        status: str = "pending",
        elapsed_us: int = 0,
        error: str | None = None,
        started_at: int | None = None,
    ) -> None:
        self.work = Invocations(definition, identity)
        self.status = status
        self.error = error
        self.started_at = started_at
        self.finished_at: int | None = None
        self.live: dict[int, Live] = {}
        self.past: dict[int, Live] = {}
        """What is known of vertices that will be tried again: their last attempt."""
        self.lingering: dict[int, int] = {}
        """Vertices whose abandoned body still runs: the attempt it belongs to."""
        self.ready: list[int] = []
        self.is_pausing = False
        self.is_detached = False
        self._elapsed_us = elapsed_us
        self._running_since: int | None = None
        self._open = len(self.work.graph)
        self._granted = 0
        self._expanding = 0
        self._waiting = 0
        self._unsaved: list[Live] = []
        self._rows: list[NodeRow] = []
        self._effects: list[Effect] = []
        self._is_changed = False

    def add_open(self, count: int) -> None:
        """Correct the number of vertices still to end; for ``restore``."""
        self._open += count

    def elapsed_us(self, now: Now) -> int:
        """Time the run has run until ``now``, pauses apart."""
        since = self._running_since
        return self._elapsed_us + (now.mono_us - since if since is not None else 0)

    def run_row(self, now: Now) -> tuple[int | str | None, ...]:
        """The run's own row, as ``flow_runs.put`` takes it; a run at rest, or given back, is nobody's."""
        identity = self.work.identity
        is_kept = self.status == "running" and not self.is_detached
        return (
            identity.run_key,
            identity.owner,
            identity.epoch,
            self.status,
            self.error,
            self.started_at,
            self.finished_at,
            self.elapsed_us(now),
            identity.owner if is_kept else None,
        )

    def is_running(self, node: int, item: int, attempt: int) -> bool:
        """Tell whether that attempt has been granted and has not ended."""
        live = self._find(node, item, attempt)
        return live is not None and live.state in ("ready", "running")

    def try_no(self, node: int, item: int) -> int:
        """The user's count of tries of an invocation that has begun; 1 when it has not."""
        live = self.live.get(self.work.vertex(node, item)) if item < 0 or node in self.work.first_item else None
        return live.try_no if live is not None else 1

    def apply(self, event: Event, now: Now) -> Decision:
        """Take one event and decide; never raises for an event that comes too late."""
        if self.is_detached:
            return Decision()
        match event:
            case Ended():
                self._ended(event, now)
            case Started(attempts=attempts):
                self._started(attempts)
            case Flushed():
                self._flush()
            case Expanded(node=node, size=size):
                self._expanded(node, size, now)
            case ExpansionFailed(node=node, error=error):
                self._expansion_failed(node, error, now)
            case TimedOut():
                self._timed_out(event, now)
            case RetryDue(node=node, item=item, attempt=attempt):
                self._retry_due(node, item, attempt)
            case Stuck(node=node, item=item, attempt=attempt):
                self._stuck(node, item, attempt, now)
            case Cancelled():
                self._stop("cancelled", "run cancelled", now)
            case TimeUp():
                self._fail_run("the run used up its timeout_seconds")
                self._stop("timed_out", "run timed out", now)
            case Detached():
                self._detached(now)
            case Opened():
                self._opened(event, now)
            case _:
                assert_never(event)
        if self.status == "running" and not self.is_detached:
            self._fill()
            self._settle(now)
        decision = Decision(tuple(self._rows), tuple(self._effects), self._is_changed)
        self._rows, self._effects, self._is_changed = [], [], False
        return decision

    # --- opening

    def _opened(self, event: Opened, now: Now) -> None:
        assert is_legal(RUN_TRANSITIONS, self.status, "running")
        self._become("running", now)
        self.finished_at = None
        timeout = self.work.definition.config.timeout_seconds
        if timeout is not None:
            self._effects.append(ArmTimer("run", max(0, round(timeout * 1e6) - self._elapsed_us)))
        for live in list(self.live.values()):
            self._reopen(live, event, now)
        self._reopen_maps(now)
        for vertex in list(self.work.unended()):
            is_begun = vertex in self.live or (self.is_pausing and vertex in self.past)
            if not is_begun and not self.work.graph.is_waiting(vertex):
                self._became_ready(vertex, now)

    def _reopen_maps(self, now: Now) -> None:
        """A mapped node that is tried again keeps its items; only its own row begins anew."""
        for node in [node for node in self.past if node in self.work.sizes and not self.is_pausing]:
            attempt = self.work.map_attempts[node] = self.past.pop(node).attempt + 1
            size = self.work.sizes[node]
            self._rows.append(self.work.row(node, -1, attempt, "running", size=size, started_at=now.wall_us))

    def _reopen(self, live: Live, event: Opened, now: Now) -> None:
        key: BodyKey = (live.node, live.item, live.attempt)
        if live.state == "parked":
            if event.mode == "retry":
                live.crash_no, live.try_no = 0, 1
                self._waiting += 1
                self._due(live)
            return
        if live.state == "waiting":
            self._waiting += 1
            due = max(0, (live.due_at or 0) - now.wall_us)
            self._effects.append(ArmTimer("retry", due, live.node, live.item, live.attempt))
            return
        self._granted += 1
        if key in event.live:
            live.state = "running"
        elif key in event.crashed or live.state == "running":
            self._interrupted(live, now)
        else:
            self._grant(live)

    def _grant(self, live: Live) -> None:
        """Let it through the gate; not while pausing: then it stays ready, for the resume."""
        if not self.is_pausing:
            self._effects.append(Grant(live.node, live.item, live.attempt))

    def _interrupted(self, live: Live, now: Now) -> None:
        """The process died under this attempt: it is over, and the same try is made again, or parked."""
        self._write(live, "interrupted", finished_at=now.wall_us, reason="its process died")
        live.crash_no += 1
        live.attempt += 1
        live.started_us = None
        if live.crash_no < CRASH_CAP:
            live.state = "ready"
            self._write(live, "ready")
            self._grant(live)
            return
        self._granted -= 1
        live.state = "parked"
        self._write(live, "waiting", reason="poison")
        node = self.work.definition.nodes[live.node]
        self._fail_run(f"{node.id}: parked, its process died {live.crash_no} times under it", is_final=False)

    # --- becoming ready, being granted

    def _became_ready(self, vertex: int, now: Now) -> None:
        """Everything this vertex waited for has ended; skipping may end others in turn, so this is a loop."""
        stack = [vertex]
        graph = self.work.graph
        count = len(self.work.definition.nodes)
        while stack:
            one = stack.pop()
            if one >= count:
                heapq.heappush(self.ready, one)
            elif one in self.work.sizes:
                stack.extend(reversed(self._gathered(one, now)))
            elif not graph.is_unhindered(one):
                self._rows.append(self.work.row(one, -1, 0, "skipped", reason=self.work.culprit(one)))
                self._open -= 1
                stack.extend(reversed(graph.end(one, "skipped")))
            elif self.work.definition.nodes[one].map is not None:
                self._expanding += 1
                self._effects.append(Expand(one))
            else:
                heapq.heappush(self.ready, one)

    def _fill(self) -> None:
        """Grant what is ready, up to the window."""
        ready = self.ready
        if self.is_pausing:
            return
        while ready and self._granted < WINDOW:
            vertex = heapq.heappop(ready)
            live = self.live.get(vertex)
            if live is None:
                past = self.past.pop(vertex, None)
                live = self._begin(vertex, past)
            else:
                self._waiting -= 1
            live.state = "ready"
            self._granted += 1
            self._write(live, "ready")
            self._grant(live)

    def _begin(self, vertex: int, past: Live | None) -> Live:
        node, item = self.work.place(vertex)
        live = Live(vertex, node, item, 1)
        if past is not None:
            live.attempt, live.try_no, live.crash_no = past.attempt + 1, past.try_no, past.crash_no
        self.live[vertex] = live
        return live

    # --- attempts

    def _started(self, attempts: tuple[tuple[int, int, int, int], ...]) -> None:
        for node, item, attempt, started_us in attempts:
            live = self._find(node, item, attempt)
            if live is not None and live.state == "ready":
                live.state = "running"
                live.started_us = started_us
                self._unsaved.append(live)

    def _flush(self) -> None:
        for live in self._unsaved:
            if live.state == "running" and not live.is_saved and self.live.get(live.vertex) is live:
                live.is_saved = True
                self._write(live, "running")
        self._unsaved = []

    def _ended(self, event: Ended, now: Now) -> None:
        live = self._find(event.node, event.item, event.attempt)
        if live is None or live.state not in ("ready", "running"):
            self._body_gone(event)
            return
        live.started_us = event.started_us
        match event.outcome:
            case Succeeded(output=output):
                del self.live[live.vertex]
                self._granted -= 1
                cells: dict[str, int | str | None] = {"finished_at": event.finished_us}
                if isinstance(output, Inline):
                    cells["output"] = output.json.decode()
                else:
                    cells["output_artifact_id"] = output.artifact_id
                self.work.outputs[live.vertex] = output
                self._write(live, "succeeded", **cells)
                self._end(live.vertex, "succeeded", now)
            case Failed(error=error):
                self._attempt_failed(live, "failed", error, event.finished_us, event.retry_after_us, now)
                self._release()

    def _timed_out(self, event: TimedOut, now: Now) -> None:
        live = self._find(event.node, event.item, event.attempt)
        if live is None or live.state not in ("ready", "running"):
            self._release()
            return
        self.lingering[live.vertex] = live.attempt
        self._effects.append(StopBody(live.node, live.item, live.attempt))
        node = self.work.definition.nodes[live.node]
        error = ErrorDetail("builtins.TimeoutError", f"no end within its timeout of {node.timeout_s:g} s")
        self._attempt_failed(live, "timed_out", error, now.wall_us, event.retry_after_us, now)
        self._release()

    def _release(self) -> None:
        """Last of its effects, and only while the run goes on: what is drained must be out before the gate opens."""
        if self.status == "running" and not self.is_pausing:
            self._effects.append(Release())

    def _attempt_failed(
        self, live: Live, state: str, error: ErrorDetail, finished_us: int, retry_after_us: int | None, now: Now
    ) -> None:
        self._granted -= 1
        self._write(live, state, finished_at=finished_us, error=encode_error(error))
        if retry_after_us is None:
            self._give_up(live, state, error, now)
            return
        live.attempt += 1
        live.try_no += 1
        live.started_us = None
        live.is_saved = False
        live.state = "waiting"
        live.due_at = now.wall_us + retry_after_us
        self._waiting += 1
        self._write(live, "waiting", due_at=live.due_at, reason="retry")
        self._effects.append(ArmTimer("retry", retry_after_us, live.node, live.item, live.attempt))

    def _give_up(self, live: Live, state: str, error: ErrorDetail, now: Now) -> None:
        """No tries are left: the node's policy decides about the run."""
        del self.live[live.vertex]
        if live.item >= 0:
            # The mapped node fails as one, once its items have ended; its policy is asked then.
            self._end(live.vertex, "timed_out" if state == "timed_out" else "failed", now)
            return
        self._node_failed(live.node, state, error, live, now)

    def _node_failed(self, node: int, state: str, error: ErrorDetail, live: Live, now: Now) -> None:
        definition = self.work.definition.nodes[node]
        self._fail_run(f"{definition.id}: {describe(error)}")
        if definition.on_failure == "pause":
            # It stays open: `resume` gives it a fresh set of tries.
            self.past[node] = live
            live.try_no, live.crash_no = 1, 0
            self.is_pausing = True
            self._effects.append(Drain())
            return
        self._end(node, "timed_out" if state == "timed_out" else "failed", now)
        if definition.on_failure == "stop":
            self._stop("failed", "run stopped", now)

    def _retry_due(self, node: int, item: int, attempt: int) -> None:
        live = self._find(node, item, attempt)
        if live is None or live.state != "waiting":
            return
        if live.vertex in self.lingering:
            live.state = "due"
            timeout = self.work.definition.nodes[node].timeout_s or 0.0
            self._effects.append(ArmTimer("stuck", round(timeout * 1e6), node, item, attempt))
            return
        self._due(live)

    def _due(self, live: Live) -> None:
        live.state = "due"
        heapq.heappush(self.ready, live.vertex)

    def _body_gone(self, event: Ended) -> None:
        """The late end of a body whose attempt is over: a retry may have waited for it."""
        vertex = self.work.vertex(event.node, event.item)
        if self.lingering.get(vertex) != event.attempt:
            return
        del self.lingering[vertex]
        live = self.live.get(vertex)
        if live is not None and live.state == "due":
            self._due(live)

    def _stuck(self, node: int, item: int, attempt: int, now: Now) -> None:
        live = self._find(node, item, attempt)
        if live is None or live.state != "due" or live.vertex not in self.lingering:
            return
        error = ErrorDetail("dagger_actors.Stuck", "stuck: the body of the attempt before still runs")
        self._waiting -= 1
        self._write(live, "failed", finished_at=now.wall_us, error=encode_error(error))
        self._give_up(live, "failed", error, now)

    # --- maps

    def _expanded(self, node: int, size: int, now: Now) -> None:
        if node in self.work.sizes or self.work.graph.state(node) is not None or self.status != "running":
            return
        self._expanding -= 1
        past = self.past.pop(node, None)
        attempt = self.work.map_attempts[node] = past.attempt + 1 if past is not None else 1
        if not size:
            self.work.sizes[node] = 0
            self._node_done(node, attempt, now)
            return
        for vertex in self.work.expand(node, size):
            heapq.heappush(self.ready, vertex)
        self._open += size
        self._rows.append(self.work.row(node, -1, attempt, "running", size=size, started_at=now.wall_us))

    def _expansion_failed(self, node: int, error: ErrorDetail, now: Now) -> None:
        if self.work.graph.state(node) is not None or self.status != "running":
            return
        self._expanding -= 1
        live = self._begin(node, self.past.pop(node, None))
        del self.live[node]
        self._write(live, "failed", started_at=now.wall_us, finished_at=now.wall_us, error=encode_error(error))
        self._node_failed(node, "failed", error, live, now)

    def _gathered(self, node: int, now: Now) -> list[int]:
        """All items of a mapped node have ended."""
        size = self.work.sizes[node]
        attempt = self.work.map_attempts[node]
        failures = self.work.graph.tally(node).unsuccessful
        if not failures:
            return self._node_ready_list(node, attempt, now)
        error = ErrorDetail("dagger_actors.MapFailed", f"{failures} of {size} items failed")
        live = Live(node, node, -1, attempt)
        self._write(live, "failed", size=size, finished_at=now.wall_us, error=encode_error(error))
        self._node_failed(node, "failed", error, live, now)
        return []

    def _node_done(self, node: int, attempt: int, now: Now) -> None:
        for vertex in self._node_ready_list(node, attempt, now):
            self._became_ready(vertex, now)

    def _node_ready_list(self, node: int, attempt: int, now: Now) -> list[int]:
        size = self.work.sizes[node]
        self.work.outputs[node] = self.work.gather(node) if size else Gathered(())
        self._rows.append(self.work.row(node, -1, attempt, "succeeded", size=size, finished_at=now.wall_us))
        self._open -= 1
        return self.work.graph.end(node, "succeeded")

    # --- ends

    def _end(self, vertex: int, state: str, now: Now) -> None:
        self._open -= 1
        for dependent in self.work.graph.end(vertex, state):  # type: ignore[arg-type]  # one of FinalState
            self._became_ready(dependent, now)

    def _settle(self, now: Now) -> None:
        """Tell whether the run has come to rest."""
        if not self._open:
            self._finish("failed" if self.error else "succeeded", now)
        elif self.is_pausing:
            if not any(live.state == "running" for live in self.live.values()):
                self._finish("paused", now)
        elif not (self._granted or self._waiting or self._expanding or self.ready):
            self._finish("paused", now)

    def _stop(self, status: str, reason: str, now: Now) -> None:
        """End the run now: what runs is cancelled, what has not begun is skipped."""
        if self.status in FINAL_RUN:
            return
        for live in list(self.live.values()):
            if live.state == "running":
                self._write(live, "cancelled", finished_at=now.wall_us, reason=reason)
                self._effects.append(StopBody(live.node, live.item, live.attempt))
            else:
                self._write(live, "skipped", reason=reason)
        begun = self.live
        self._rows += [
            self.work.row(
                *self.work.place(vertex),
                self._skip_attempt(vertex),
                "skipped",
                reason=reason,
                size=self.work.sizes.get(vertex),
            )
            for vertex in self.work.unended()
            if vertex not in begun and vertex not in self.past
        ]
        self.live = {}
        self._effects.append(Drain())
        self._finish(status, now)

    def _skip_attempt(self, vertex: int) -> int:
        """A mapped node that has fanned out has a row of its own already: that one is ended."""
        return self.work.map_attempts.get(vertex, 0)

    def _detached(self, now: Now) -> None:
        for live in self.live.values():
            if live.state == "running":
                self._write(live, "interrupted", finished_at=now.wall_us, reason="its process was stopped")
                self._effects.append(StopBody(live.node, live.item, live.attempt))
        self._pause_clock(now)
        self._effects += [Drain(), Finish(self.status)]
        self._is_changed = self.is_detached = True

    def _finish(self, status: str, now: Now) -> None:
        self._become(status, now)
        if status != "paused":
            self.finished_at = now.wall_us
        self._effects.append(Finish(status))

    def _become(self, status: str, now: Now) -> None:
        assert is_legal(RUN_TRANSITIONS, self.status, status), (self.status, status)
        self.status = status
        self._is_changed = True
        if status != "running":
            self._pause_clock(now)
            return
        self._running_since = now.mono_us
        if self.started_at is None:
            self.started_at = now.wall_us

    def _pause_clock(self, now: Now) -> None:
        self._elapsed_us = self.elapsed_us(now)
        self._running_since = None

    def _fail_run(self, error: str, *, is_final: bool = True) -> None:
        if self.error is None and is_final:
            self.error = error
            self._is_changed = True

    def _find(self, node: int, item: int, attempt: int) -> Live | None:
        if item >= 0 and node not in self.work.first_item:
            return None
        live = self.live.get(self.work.vertex(node, item))
        return live if live is not None and live.attempt == attempt else None

    def _write(self, live: Live, state: str, **cells: int | str | None) -> None:
        cells.setdefault("started_at", live.started_us)
        self._rows.append(
            self.work.row(
                live.node, live.item, live.attempt, state, try_no=live.try_no, crash_no=live.crash_no, **cells
            )
        )
