"""How far a run is: counts from its events, cheap enough for the thread that commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import assert_never

import msgspec

from dagger_actors.cli.text import invocation
from dagger_actors.core.states import FINAL_NODE
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.running.run_events import (
    HookEmitted,
    NodeChanged,
    NodeCount,
    NodeProgress,
    RunChanged,
    RunEvent,
)

__all__ = ["Standing", "Tally"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of a tally.

    Attributes:
        total: Invocations known so far; a map adds its items when its list is known.
        done: Invocations in a final state.
        running: Invocations running now.
        failed: Of ``done``: failed or timed out, retries apart.
        rate: Invocations ended a second, since the start.
        elapsed_us: Since the start.
        detail: What a running body told last of its progress; "" when none did.
    """

    total: int
    done: int
    running: int
    failed: int
    rate: float
    elapsed_us: int
    detail: str = ""


class Tally:
    """Counts the invocations of all runs of this process by state.

    Thread-safe: the journal's thread applies events while the display's reads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[str, int] = {}
        self._states: dict[tuple[str, str, str], str] = {}
        self._running = 0
        self._failed = 0
        self._done = 0
        self._before = 0
        self._told: tuple[tuple[str, str, str], str] | None = None
        self._started = time.monotonic()

    def begin(self, report: Report) -> None:
        """Take over what a run had done before; to be called before its events arrive."""
        with self._lock:
            for node in report.nodes:
                self._change((report.run_id, node.node_id, node.invocation_key), node.state)
            self._totals[report.run_id] = len(report.nodes)
            self._before = self._done

    def apply(self, events: Sequence[RunEvent]) -> None:
        """Count a group of events."""
        with self._lock:
            for event in events:
                match event:
                    case NodeChanged(run_id=run_id, node_id=node_id, invocation_key=key, state=state):
                        self._change((run_id, node_id, key), state)
                    case NodeCount(run_id=run_id, total=total):
                        self._totals[run_id] = total
                    case NodeProgress(run_id=run_id, node_id=node_id, invocation_key=key, done=done, total=total):
                        self._told = (run_id, node_id, key), f"{done:g}/{total:g}" if total is not None else f"{done:g}"
                    case RunChanged() | HookEmitted():
                        pass
                    case _:
                        assert_never(event)

    def read(self) -> Standing:
        """Tell how things stand."""
        with self._lock:
            elapsed = time.monotonic() - self._started
            return Standing(
                total=max(sum(self._totals.values()), self._done),
                done=self._done,
                running=self._running,
                failed=self._failed,
                rate=(self._done - self._before) / elapsed if elapsed else 0.0,
                elapsed_us=round(elapsed * 1_000_000),
                detail=f"{invocation(*self._told[0][1:])} {self._told[1]}" if self._told else "",
            )

    def _change(self, one: tuple[str, str, str], state: str) -> None:
        # The old state is taken back first: a failed attempt whose retry waits is no failure yet.
        self._count(self._states.get(one, ""), -1)
        self._count(state, 1)
        self._states[one] = state
        if self._told and self._told[0] == one:
            self._told = None

    def _count(self, state: str, by: int) -> None:
        if state == "running":
            self._running += by
        elif state in FINAL_NODE:
            self._done += by
            if state in ("failed", "timed_out"):
                self._failed += by
