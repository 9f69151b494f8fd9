"""The progress of runs as lines, for a pipe or a log file: written by a thread of their own, so that nothing waits for a reader."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Self, TextIO, assert_never

from dagger_actors.cli.text import invocation, one_line, printable, shorten
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

__all__ = ["Lines"]

LONGEST_LINE = 400


class ItemCounts:
    """The items of maps in lines: counted while they go well, so that a map of thousands does not flood a log.

    Nodes of the run that was seen first go by their name alone, those of others (that run inside it) by run and name.
    """

    EVERY_S = 1.0

    def __init__(self) -> None:
        self._first: str | None = None
        self._done: Counter[tuple[str, str]] = Counter()
        self._told: dict[tuple[str, str], int] = {}
        self._told_at: dict[tuple[str, str], float] = {}

    def lines(self, event: RunEvent, at: float) -> Iterator[str]:
        """Write an event as lines, none when it is only counted.

        Args:
            event: The event.
            at: When it was observed, in seconds.
        """
        self._first = self._first or event.run_id
        if not isinstance(event, NodeChanged):
            yield describe(event)
            return
        node = event.run_id, event.node_id
        if not event.invocation_key:
            if event.state in FINAL_NODE and self._done[node] > self._told.get(node, 0):
                yield self._count(node, at)
            yield self._where(event.run_id) + describe(event)
        elif event.state in ("succeeded", "skipped"):
            self._done[node] += 1
            if at - self._told_at.setdefault(node, at) >= self.EVERY_S:
                yield self._count(node, at)
        elif event.error is not None or event.reason or event.state not in ("ready", "running"):
            yield self._where(event.run_id) + describe(event)

    def _where(self, run_id: str) -> str:
        return "" if run_id == self._first else f"{one_line(run_id)}: "

    def _count(self, node: tuple[str, str], at: float) -> str:
        self._told[node] = self._done[node]
        self._told_at[node] = at
        return self._where(node[0]) + one_line(f"{node[1]} {self._done[node]} items done")


class Lines:
    """One line per state change of a node, and of an item that does not go well, for a pipe or a log file.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._words: queue.SimpleQueue[tuple[float, Sequence[RunEvent] | str] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="progress lines", daemon=True)
        self._started = time.monotonic()
        self._items = ItemCounts()
        self._is_over = False
        self._door = threading.Lock()
        """Held while a line is queued, so that none is queued behind the end."""

    def begin(self, report: Report) -> None:
        """Take no notice: what is behind was told when it happened."""

    def observe(self, events: Sequence[RunEvent]) -> None:
        """Queue them for the writer."""
        self._words.put((time.monotonic() - self._started, events))

    def tell(self, text: str) -> None:
        """Queue it for the writer; write it, once that has ended."""
        word = (time.monotonic() - self._started, text)
        with self._door:
            if not self._is_over:
                self._words.put(word)
                return
        self._writer.join()
        self._write_down(*word)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._door:
            self._is_over = True
            self._words.put(None)
        self._writer.join()

    def _write(self) -> None:
        while (word := self._words.get()) is not None and self._write_down(*word):
            pass

    def _write_down(self, at: float, what: Sequence[RunEvent] | str) -> bool:
        if isinstance(what, str):
            told = [printable(what)]
        else:
            told = [line for event in what for line in self._items.lines(event, at) if line]
        lines = [f"{at:9.3f} {line}\n" for line in told]
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            return False  # the reader is gone; the run does not depend on being watched
        return True


def describe(event: RunEvent) -> str:
    """Write an event as one line; "" for those that are no change of state."""
    match event:
        case RunChanged(run_id=run_id, state=state, error=why):
            line = f"run {run_id} {state}"
        case NodeChanged(node_id=node_id, invocation_key=key, attempt=attempt, state=state, error=error):
            line = f"{invocation(node_id, key)} {state}" + (f" (attempt {attempt})" if attempt > 1 else "")
            why = f"{error.type.removeprefix('builtins.')}: {error.message}" if error else event.reason
        case HookEmitted(node_id=node_id, name=name, data=data):
            line, why = f"{node_id} emitted {name}", "" if data == "null" else data
        case NodeProgress() | NodeCount():
            return ""
        case _:
            assert_never(event)
    return shorten(one_line(line + (f": {why}" if why else "")), LONGEST_LINE)
