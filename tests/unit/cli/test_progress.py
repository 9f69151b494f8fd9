"""Progress on a pipe: one line per state change, and a reader that is gone stops nothing."""

import io
import logging
import queue
import threading

import msgspec
from rich.console import Console

from dagger_actors.cli.log_lines import LogLines
from dagger_actors.cli.progress import Moving
from dagger_actors.cli.progress_lines import Lines, describe
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.flow.running.run_events import NodeChanged, NodeCount, NodeProgress, RunChanged


def changed(state: str, *, key: str = "", attempt: int = 1, error: str = "", reason: str | None = None) -> NodeChanged:
    detail = ErrorDetail(type="builtins.ValueError", message=error) if error else None
    return NodeChanged(
        run_id="r", node_id="n", invocation_key=key, attempt=attempt, state=state, reason=reason, error=detail
    )


def test_each_state_change_is_described_in_one_printable_line():
    """Law: who, what, which attempt, why; nothing that a terminal would obey."""
    assert describe(changed("running")) == "n running"
    assert describe(changed("succeeded", key="7")) == "n[7] succeeded"
    assert describe(changed("failed", attempt=2, error="two\nlines\x1b[2J")) == (
        "n failed (attempt 2): ValueError: two\\nlines\\x1b[2J"
    )
    assert describe(changed("skipped", reason="a failed")) == "n skipped: a failed"
    assert describe(RunChanged(run_id="r", state="failed", error="n failed")) == "run r failed: n failed"
    assert describe(NodeCount(run_id="r", total=3)) == ""
    assert describe(NodeProgress(run_id="r", node_id="n", invocation_key="", done=1, total=2)) == ""


def test_lines_come_in_order_with_what_actions_log_among_them():
    """Law: nothing is lost: leaving the display writes all that was queued, and what is told later is written too."""
    stream = io.StringIO()
    lines = Lines(stream)
    lines.observe([changed("running")])
    with lines, LogLines(lines.tell):
        logging.getLogger("dagger_actors.run").info("r/n: half\x1b[2J way")
        logging.getLogger("dagger_actors.run").debug("too much detail")
        logging.getLogger("dagger_actors.flow").info("of no interest here")
        logging.getLogger("dagger_actors.actors").warning("%s does not come back", "a")
        lines.observe([changed("succeeded"), NodeCount(run_id="r", total=1)])
    lines.tell("late")
    told = [line.split(maxsplit=1)[1] for line in stream.getvalue().splitlines()]
    assert told == ["n running", "r/n: half\\x1b[2J way", "warning: a does not come back", "n succeeded", "late"]


def test_a_line_that_is_told_while_the_display_closes_is_not_lost():
    """Law: an action of the last body may log as the command leaves; its line comes behind those that were told before."""
    lines = Lines(stream := io.StringIO())
    closer = threading.Thread(target=lines.__exit__)

    class Doorway(queue.SimpleQueue):
        """Somebody has come so far when the display is closed."""

        def put(self, word):
            if word is not None and word[1] == "the last":
                closer.start()
                closer.join(0.1)
            super().put(word)

    lines._words = Doorway()
    lines.__enter__()
    lines.tell("the first")
    lines.tell("the last")
    closer.join()
    lines.tell("behind it")
    assert [line.split(maxsplit=1)[1] for line in stream.getvalue().splitlines()] == [
        "the first",
        "the last",
        "behind it",
    ]


def test_a_terminal_shows_counts_and_how_far_a_running_body_is():
    """Law: what ctx.progress tells is part of the moving line, without anything that a terminal would obey."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=160)
    with Moving(console, "census") as moving:
        told = NodeProgress(run_id="r", node_id="n", invocation_key="\x1b[2J", done=40, total=100)
        moving.observe([NodeCount(run_id="r", total=3), changed("succeeded"), changed("running", key="\x1b[2J"), told])
    last = console.file.getvalue().split("\r")[-1]
    for part in ("census", "1/3 done", "1 running", "0 failed", "n[\\x1b[2J] 40/100"):
        assert part in last


def test_a_reader_that_is_gone_stops_nothing():
    """Law: a closed stream ends the writing, not the run."""
    stream = io.StringIO()
    stream.close()
    lines = Lines(stream)
    with lines:
        lines.observe([changed("running")])
        lines.observe([changed("succeeded")])
    lines.observe([changed("succeeded")])


def test_items_that_go_well_are_counted_and_those_that_do_not_are_told():
    """Law: a map of thousands is a few lines; each failure, retry and reason is one of its own."""
    stream = io.StringIO()
    lines = Lines(stream)
    with lines:
        lines.observe([changed("running")])
        lines.observe([changed(state, key=str(item)) for item in range(1000) for state in ("running", "succeeded")])
        lines.observe([changed("failed", key="7", error="no"), changed("waiting", key="7", reason="retry")])
        lines.observe([changed("succeeded")])
    told = [line.split(maxsplit=1)[1] for line in stream.getvalue().splitlines()]
    assert told == [
        "n running",
        "n[7] failed: ValueError: no",
        "n[7] waiting: retry",
        "n 1000 items done",
        "n succeeded",
    ]


def test_nodes_of_runs_inside_are_told_by_run_and_name():
    """Law: whose node it is stands in the line, but for the run that the command is about."""
    stream = io.StringIO()
    lines = Lines(stream)
    with lines:
        for run_id in ("r", "r/n"):
            lines.observe([msgspec.structs.replace(changed("running"), run_id=run_id)])
    told = [line.split(maxsplit=1)[1] for line in stream.getvalue().splitlines()]
    assert told == ["n running", "r/n: n running"]
