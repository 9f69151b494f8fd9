"""Reports as text: maps are counted, tables cut aloud, nothing from a flow is obeyed as markup or by the terminal."""

import io

import msgspec
from rich.console import Console

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.cli.render import failures, outputs
from dagger_actors.cli.run_pages import report_page, runs_table
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.flow.reports.interrupted import interrupted
from dagger_actors.flow.reports.report import AttemptReport, NodeReport, Report, RunSummary


def attempt(
    number: int, state: str, error: str = "", start_us: int = 0, end_us: int | None = 1_000_000
) -> AttemptReport:
    detail = ErrorDetail(type="builtins.ValueError", message=error) if error else None
    return AttemptReport(
        attempt=number, state=state, reason=None, error=detail, started_us=start_us, finished_us=end_us, due_us=None
    )


def node(node_id: str, state: str, *attempts: AttemptReport, key: str = "", reason: str | None = None) -> NodeReport:
    return NodeReport(
        node_id=node_id, invocation_key=key, state=state, reason=reason, output=None, attempts=tuple(attempts)
    )


def report(state: str, *nodes: NodeReport, **more: object) -> Report:
    facts: dict[str, object] = {
        "run_id": "r1",
        "flow_name": "fan",
        "error": None,
        "inputs": {},
        "outputs": {},
        "created_us": 1_700_000_000_000_000,
        "started_us": 1_700_000_000_000_000,
        "finished_us": None,
        "elapsed_us": 2_500_000,
    }
    return Report(**{**facts, "state": state, "nodes": tuple(nodes), **more})


def shown(print_it) -> str:
    stream = io.StringIO()
    print_it(Console(file=stream, width=120, markup=False, highlight=False))
    return stream.getvalue()


def page(one: Report) -> str:
    return shown(lambda console: report_page(console, one, now_us=1_700_000_060_000_000))


def test_the_items_of_a_map_are_counted_and_only_its_failures_named():
    """Law: a map of a thousand items is one line of the table."""
    items = [node("measure", "succeeded", attempt(1, "succeeded"), key=str(n)) for n in range(998)]
    items += [node("measure", "failed", attempt(1, "failed", f"no {n}"), key=str(n)) for n in (998, 999)]
    text = page(report("failed", node("measure", "failed", attempt(1, "failed")), *items))
    assert next(line.split() for line in text.splitlines() if line.startswith("measure "))[-3] == "1000"
    assert "998 succeeded, 2 failed" in text
    assert "measure[999] failed: ValueError: no 999" in text
    assert "measure[5]" not in text
    assert len(text.splitlines()) < 12


def summary(run_id: str, state: str = "failed", *, flow: str = "fan", error: str | None = None) -> RunSummary:
    return RunSummary(
        run_id=run_id, flow_name=flow, state=state, error=error, created_us=0, started_us=0, finished_us=0,
        elapsed_us=1_300_000, owner_pid=None,
    )  # fmt: skip


def listed(columns: int, *runs: RunSummary) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=columns, markup=False, highlight=False)
    console.print(runs_table(runs, (), columns))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_each_run_is_one_line_and_what_does_not_fit_of_its_error_is_cut():
    """Law: at any width an id, a state and a time stay whole; what no run has, has no column."""
    error = "sub: MapFailed: 2 of 100 items failed; the first is item 13"
    runs = [summary("big", error=error), summary("06h3q8", "timed_out"), summary("L1", "succeeded")]
    for columns in (60, 80, 120, 200):
        lines = listed(columns, *runs)
        assert len(lines) == 1 + len(runs), columns
        assert lines[1].startswith("big     fan   failed     1970-01-01 00:00:00  1.3 s")
        assert max(map(len, lines)) <= columns
        assert "process" not in lines[0]
    assert listed(60, *runs)[1].endswith("1.3 s")
    assert listed(80, *runs)[1].endswith("  sub: MapFailed: 2 of 100 i…")
    assert listed(200, *runs)[1].endswith(f"  {error}")
    long = listed(90, summary("a", flow="f" * 60, error=error))
    assert long[1].endswith("…")  # a long name goes on in the next line, and leaves the others their room
    assert "".join(line.split("  ")[0].strip() or line.strip() for line in long[2:]) == "f" * 36


def test_of_many_runs_inside_those_that_failed_are_named_first():
    """Law: what is cut from the list has succeeded."""
    items = [
        msgspec.structs.replace(node("sub", "succeeded", attempt(1, "succeeded"), key=str(n)), run=f"r1/sub/{n}")
        for n in range(100)
    ]
    items[77] = msgspec.structs.replace(items[77], state="failed")
    text = page(report("failed", *items))
    assert text.index("sub[77] is run r1/sub/77") < text.index("sub[0] is run r1/sub/0")
    assert "... and 80 more runs inside; --json names them all" in text


def test_a_running_node_tells_how_long_it_has_run():
    """Law: until now, which is not what is stored; an interrupted run has no now."""
    busy = node("wait", "running", attempt(1, "running", start_us=1_700_000_057_000_000, end_us=None))
    text = page(report("running", busy))
    assert "wait  running         1  3.0 s so far" in text
    assert "60.0 s ago" in text or "1 min 00 s ago" in text
    assert "so far" not in page(report("paused", busy))  # a map whose items are parked, say
    text = page(interrupted(report("running", busy)))
    assert "wait  interrupted         1" in text
    assert "so far" not in text
    assert "run r1 of flow fan: interrupted" in text
    assert "ran 2.5 s" in text


def test_more_failures_than_fit_are_counted_not_dropped():
    """Law: a list that is cut says by how much."""
    lines = failures(report("failed", *(node(f"n{n}", "failed", attempt(1, "failed", "x")) for n in range(25))))
    assert len(lines) == 21
    assert lines[-1] == "... and 5 more failed"


def test_a_failure_tells_its_last_error_and_how_many_attempts_there_were():
    """Law: the error that ended it, not the first one."""
    one = node("n", "failed", attempt(1, "failed", "first"), attempt(2, "timed_out", "last"))
    assert failures(report("failed", one)) == ["n failed after 2 attempts: ValueError: last"]


def test_saved_artifacts_are_named_with_their_node():
    """Law: what ``ctx.save`` stored is found in the report."""
    ref = ArtifactRef(artifact_id="cd" * 32, kind="bytes", media_type="application/json", size_bytes=10, name="c.json")
    saver = msgspec.structs.replace(node("report", "succeeded", attempt(1, "succeeded")), artifacts=(ref,))
    text = page(report("succeeded", saver))
    assert "c.json saved by report: artifact cdcdcdcdcdcd (application/json, 10 bytes)" in text


def test_markup_and_escapes_in_ids_and_messages_are_shown_as_text():
    """Law: neither rich's markup nor a terminal's escapes come through."""
    hostile = "[red]\x1b[2J\u202e"
    one = node(hostile, "failed", attempt(1, "failed", hostile), reason=hostile)
    text = page(report("failed", one, run_id=hostile, flow_name=hostile, error=hostile, outputs={hostile: hostile}))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("[red]\\x1b[2J\\u202e") >= 6


def test_outputs_are_laid_out_by_their_shape():
    """Law: rows are a table, flat mappings are aligned, everything else is one value; artifacts by id, kind and size."""
    ref = ArtifactRef(artifact_id="ab" * 32, kind="bytes", media_type="image/png", size_bytes=12_345)
    values = {
        "rows": [{"name": "a", "n": 1}, {"name": "b", "n": 22}],
        "pairs": {"one": 1, "two": None},
        "text": "plain",
        "nested": {"a": [1, 2]},
        "none": [],
        "blob": ref,
    }
    text = shown(lambda console: outputs(console, values))
    assert [line.rstrip() for line in text.splitlines()] == [
        "rows",
        "name   n",
        "a      1",
        "b     22",
        "pairs",
        "  one  1",
        "  two  null",
        "text: plain",
        'nested: {"a":[1,2]}',
        "none: []",
        "blob: artifact abababababab (image/png, 12,345 bytes)",
    ]


def test_a_long_value_is_cut_and_says_so():
    """Law: an output of a megabyte does not flood the terminal."""
    text = shown(lambda console: outputs(console, {"long": "x" * 1_000_000}))
    assert len(text) < 2200
    assert "998,000 more characters" in text


def test_a_failure_shows_where_it_was_raised_the_first_whole_the_others_their_last_frame():
    """Law: who reads that an action failed reads the file and the line too."""
    frames = '  File "a.py", line 3, in outer\n    inner()\n  File "a.py", line 9, in inner\n    raise ValueError\n'
    detail = ErrorDetail(type="builtins.ValueError", message="no", traceback=frames)
    last = msgspec.structs.replace(attempt(1, "failed"), error=detail)
    told = failures(report("failed", node("a", "failed", last), node("b", "failed", last)))
    assert told[0].startswith("a failed")
    assert told[1:5] == [f"  {line}" for line in frames.splitlines()]
    assert told[5].startswith("b failed")
    assert told[6:] == [f"  {line}" for line in frames.splitlines()[2:]]


def test_items_that_were_cut_off_make_no_success_of_their_map():
    """Law: a map of which only items have rows is interrupted with them, and so coloured in the list of runs."""
    items = [node("sub", state, attempt(1, state), key=state) for state in ("succeeded", "running")]
    (line,) = [one for one in page(interrupted(report("running", *items))).splitlines() if one.startswith("sub ")]
    assert line.split()[1] == "interrupted"
    cell = runs_table([summary("r", "running")], ["r"], 100).columns[2]._cells[0]
    assert (cell.plain, cell.style) == ("interrupted", "yellow")
