"""A15, to look at: pictures of definitions and runs in three formats, whatever ids, outputs and errors hold."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagger_actors import Context, Report
from dagger_actors.cli.diff import diff_lines
from dagger_actors.cli.tree import tree_lines
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.drawing.chart import MOST_TICKS, Chart, Segment, at_once, tick_label, ticks
from dagger_actors.drawing.dot import write_dot
from dagger_actors.drawing.gantt import write_gantt
from dagger_actors.drawing.mermaid import write_mermaid
from dagger_actors.drawing.picture import Picture
from dagger_actors.drawing.svg import write_svg
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.reports.report import AttemptReport, NodeReport
from dagger_actors.flow.reports.run_diff import diff_runs
from dagger_actors.flow.reports.run_gantt import chart_of_run
from dagger_actors.flow.reports.run_picture import picture_of_run, summaries
from dagger_actors.flow.reports.run_tree import levels_of, shown_branches, tree_of
from dagger_actors.testing.simulation import simulate

SVG = "{http://www.w3.org/2000/svg}"
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
HOSTILE = (
    '"', "\\", '\\"', "\\N", "&lt;", "#quot;", "]]>", "-->", "</title>", "</style>", "<script>alert(1)</script>", "`", "%%", "end",
    '"]; click n0 href "javascript:1"', "x" * 5000, "\x00", "\x1b[2J", "\u202eevil", "\u2028", "line\nbreak", "\ufffe", "é漢字🙂",
    "شوكولاتة", "' onload='x", "{{x}}", "[bold red]x[/]",
)  # fmt: skip
texts = st.sampled_from(HOSTILE) | st.text(max_size=60) | st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join)
names_of_nodes = texts.filter(
    lambda text: (
        1 <= len(text) <= 200
        and not CONTROLS.search(text)
        and text not in ("inputs", "numbers", "grow", "total", "extra", "last")
        and text == text.strip()
    )
)
"""What a node may be called."""
DOT = shutil.which("dot")
# Graphviz' own grammar, as far as it is written here: statements whose values are numbers, words or quoted strings.
QUOTED = r'"(?:[^"\\]|\\\\|\\"|\\n)*"'
VALUE = rf"(?:{QUOTED}|[\w.]+)"
ATTRIBUTES = rf"\[\w+={VALUE}(?:, \w+={VALUE})*\]"
STATEMENT = re.compile(
    rf"  (?:n\d+(?: -> n\d+)?(?: {ATTRIBUTES})?|(?:node|edge) {ATTRIBUTES}|label={VALUE}(?:; \w+=\w+)*);"
)


def numbers() -> list[int]:
    return [1, 2, 3]


def grow(value: int, ctx: Context) -> int:
    if value == 2:
        ctx.add_nodes(
            [{"id": "extra", "action": "numbers"}, {"id": "last", "action": "total", "inputs": {"found": "extra"}}]
        )
    return value * 2


def total(found: list[int]) -> int:
    return sum(found)


def broken(said: str) -> None:
    raise ValueError(said)


def told(event: Any) -> None:
    del event


def mend(error: Any) -> None:
    del error


ACTIONS = [numbers, grow, total, broken, told, mend]


def flow(node_id: str = "broken") -> dict[str, Any]:
    return {
        "name": "looked at",
        "inputs": {"said": {"type": "str", "default": "no"}},
        "hooks": {"node_success": "told"},
        "nodes": [
            {"id": "numbers", "action": "numbers"},
            {"id": "grow", "action": "grow", "map": {"over": "numbers", "item": "value"}},
            {"id": "total", "action": "total", "inputs": {"found": "grow"}},
            {"id": node_id, "action": "broken", "inputs": {"said": "inputs.said"}, "failure": "mend"},
        ],
        "config": {"on_failure": "continue"},
    }


def looked_at(node_id: str = "broken", said: str = "no") -> tuple[FlowDefinition, Report]:
    """A run in which a node failed, nodes were added, and hooks called."""
    with simulate(1) as sim, sim.system(actions=ACTIONS) as system:
        system.flows.start(flow(node_id), {"said": said}, run_id="one").wait()
        return system.flows.definition("one"), system.flows.report("one")


@pytest.fixture(scope="module")
def run() -> tuple[FlowDefinition, Report]:
    return looked_at()


def assert_dot(text: str) -> None:
    lines = text.rstrip("\n").split("\n")
    assert re.fullmatch(rf"digraph {QUOTED} {{", lines[0])
    assert lines[-1] == "}"
    assert [line for line in lines[1:-1] if not STATEMENT.fullmatch(line)] == []
    if DOT is not None:
        done = subprocess.run([DOT, "-Tsvg"], input=text, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def assert_svg(text: str) -> ET.Element:
    """Well-formed, and nothing in it acts or comes from elsewhere."""
    root = ET.fromstring(text)
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {
            "svg", "title", "desc", "style", "rect", "text", "path", "polygon", "g", "defs", "pattern", "line", "circle",
        }  # fmt: skip
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert "href" not in name
            assert "javascript" not in value
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") + "".join(root.itertext()).count("http")
    return root


def assert_pictures(picture: Picture) -> None:
    assert_dot(write_dot(picture))
    assert_svg(write_svg(picture))
    for line in write_mermaid(picture).split("\n"):
        assert not CONTROLS.search(line)


def names(picture: Picture) -> list[str]:
    return [node.title for node in picture.nodes]


def edges(picture: Picture, *, dashed: bool) -> set[tuple[str, str, str]]:
    found = names(picture)
    return {
        (found[one], found[other], picture.marks[one, other].label if dashed else "")
        for one, other in picture.edges
        if ((one, other) in picture.marks) == dashed
    }


def test_a_definition_and_a_run_are_drawn_in_three_formats(run: tuple[FlowDefinition, Report]) -> None:
    """Law: Graphviz takes the DOT, the SVG is well-formed and acts on nothing; states, inputs, outputs and errors are shown."""
    definition, report = run
    for picture in (
        definition.picture(),
        picture_of_run(definition, report),
        picture_of_run(definition, report, calls=True),
    ):
        assert_pictures(picture)
    svg = write_svg(picture_of_run(definition, report))
    for part in (
        "state: failed",
        "error: ValueError: no",
        "input: said = inputs.said",
        "output: 12",
        "invocations: 3 succeeded",
    ):
        assert part in svg


def test_what_was_added_hangs_on_who_added_it_by_a_dashed_edge(run: tuple[FlowDefinition, Report]) -> None:
    """Law: an added node has an edge from its adder, which is no dependency; in each format it looks another."""
    picture = picture_of_run(*run)
    assert names(picture) == ["numbers", "grow", "total", "broken", "extra", "last"]
    assert edges(picture, dashed=True) == {("grow", "extra", ""), ("grow", "last", "")}
    assert edges(picture, dashed=False) == {("numbers", "grow", ""), ("grow", "total", ""), ("extra", "last", "")}
    assert write_mermaid(picture).count("-.->") == 2
    assert write_dot(picture).count("style=dashed]") == 2
    assert write_svg(picture).count('<path class="edge dashed"') == 3  # the legend has one too
    assert ("added by", "grow") in picture.nodes[4].facts


def test_calls_are_left_out_unless_they_are_asked_for(run: tuple[FlowDefinition, Report]) -> None:
    """Law: a hook and a failure action are notes beside the flow, with an arrow from what they were called for."""
    plain, whole = picture_of_run(*run), picture_of_run(*run, calls=True)
    assert not any(node.is_aside for node in plain.nodes)
    asides = [node for node in whole.nodes if node.is_aside]
    assert len(asides) == 6  # the success of five nodes, the failure of one
    assert ("broken", "failure:broken", "failure") in edges(whole, dashed=True)
    assert ("total", "node_success:total", "node success") in edges(whole, dashed=True)
    assert write_dot(whole).count("shape=note") == 6


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names_of_nodes, texts)
def test_no_text_breaks_a_picture(node_id: str, said: str) -> None:
    """Law: ids, inputs and errors are only text, whatever they hold."""
    try:
        said.encode()
    except UnicodeEncodeError:
        said = "no surrogates in JSON"
    definition, report = looked_at(node_id, said)
    assert_pictures(definition.picture())
    assert_pictures(picture_of_run(definition, report, calls=True))


def chart(report: Report, definition: FlowDefinition, **options: Any) -> Chart:
    return chart_of_run(definition, report, now_us=report.created_us + 9_000_000, **options)


def attempt(number: int, state: str, start: float | None, end: float | None = None) -> AttemptReport:
    error = ErrorDetail("builtins.ValueError", "no & <no>") if state == "failed" else None
    return AttemptReport(
        attempt=number,
        state=state,
        reason="retry" if state == "waiting" else None,
        error=error,
        started_us=None if start is None else round(start * 1e6),
        finished_us=None if end is None else round(end * 1e6),
        due_us=None,
    )


def node(node_id: str, *attempts: AttemptReport, key: str = "", size: int | None = None) -> NodeReport:
    state = attempts[-1].state
    return NodeReport(
        node_id=node_id, invocation_key=key, state=state, reason=None, output=None, attempts=attempts, size=size
    )


def report_of(*nodes: NodeReport, state: str = "running") -> Report:
    return Report(
        run_id="r", flow_name="timed", state=state, error=None, inputs={}, outputs={}, created_us=0, started_us=0,
        finished_us=None, elapsed_us=0, nodes=nodes,
    )  # fmt: skip


TIMED: dict[str, Any] = {
    "name": "timed",
    "nodes": [
        {"id": "one", "action": "a"},
        {"id": "two", "action": "b", "dependencies": ["one"]},
        {"id": "all", "action": "c", "map": {"over": "one", "item": "x"}},
        {"id": "never", "action": "d", "dependencies": ["two"]},
    ],
}


def test_a_gantt_tells_waiting_running_and_retry_waits() -> None:
    """Law: a node waits from the end of what it depends on, runs attempt by attempt, and waits for its next one; nothing else."""
    tried = (attempt(1, "failed", 3, 4), attempt(2, "timed_out", 5, 6), attempt(3, "waiting", None))
    report = report_of(node("one", attempt(1, "succeeded", 0, 2)), node("two", *tried))
    drawn = chart(report, load_flow(TIMED))
    assert [row.title for row in drawn.rows] == ["one", "two"]
    told = [(one.kind, one.state, one.start_us / 1e6, one.end_us / 1e6) for one in drawn.rows[1].segments]
    assert told == [
        ("waiting", "", 2, 3),
        ("running", "failed", 3, 4),
        ("retry", "", 4, 5),
        ("running", "timed_out", 5, 6),
        ("retry", "", 6, 9),
    ]
    assert "2 nodes without an attempt" in drawn.subtitle
    root = assert_svg(write_gantt(drawn))
    assert "ValueError: no & <no>" in "".join(root.itertext())


def test_a_gantt_tells_since_when_and_why_a_node_failed() -> None:
    """Law: the axis has a beginning in the calendar; what stands behind a row is cut, and whole in its tooltip."""
    error = ErrorDetail("builtins.ValueError", "no such file, " * 10)
    failed = msgspec.structs.replace(attempt(1, "failed", 1, 2), error=error)
    report = msgspec.structs.replace(
        report_of(node("one", failed)), state="failed", created_us=1_790_000_000_000_000, started_us=None
    )
    failed = msgspec.structs.replace(failed, started_us=report.created_us, finished_us=report.created_us + 1_000_000)
    drawn = chart(msgspec.structs.replace(report, nodes=(node("one", failed),)), load_flow(TIMED))
    assert "since 2026-09-21 14:13:20 UTC" in drawn.subtitle
    assert drawn.rows[0].note.startswith("1.0 s · ValueError: no such file, no such file, ")
    notes = [text for text in assert_svg(write_gantt(drawn)).iter(f"{SVG}text") if text.get("class") == "note"]
    assert (notes[0].text or "").startswith("failed · 1.0 s · ValueError: no such")
    assert (notes[0].text or "").endswith("…")
    assert notes[0].findtext(f"{SVG}title") == f"failed · {drawn.rows[0].note}"


def test_an_item_of_a_map_over_a_map_waits_from_the_end_of_its_own_item() -> None:
    """Law: element by element, where the flow goes so; where the node waits for the whole map, from the end of that."""
    mapped = {"action": "a", "map": {"over": "first", "item": "x"}}
    nodes = [
        {"id": "list", "action": "a"},
        {"id": "first", "action": "a", "map": {"over": "list", "item": "x"}},
        {"id": "streamed", **mapped},
        {"id": "whole", **mapped, "inputs": {"all": "first"}},
    ]
    ran = {"first": ((0, 2), (0, 8)), "streamed": ((3, 4), (9, 10)), "whole": ((9, 10), (8, 9))}
    items = [
        node(node_id, attempt(1, "succeeded", *times), key=str(at))
        for node_id, both in ran.items()
        for at, times in enumerate(both)
    ]
    drawn = chart(report_of(*items, state="succeeded"), load_flow({"name": "maps", "nodes": nodes}))
    waits = [
        [(one.start_us / 1e6, one.end_us / 1e6) for one in row.segments if one.kind == "waiting"]
        for row in drawn.rows
        if row.is_item
    ]
    assert waits == [[], [], [(2, 3)], [(8, 9)], [(8, 9)], []]


def test_what_goes_on_is_told_as_that() -> None:
    """Law: a node that runs or waits has taken no time yet; an attempt that has not begun is none; a retry tells after what."""
    first, second = attempt(1, "failed", 1, 2), attempt(2, "failed", 3, 5)
    waiting = msgspec.structs.replace(node("one", first, second, attempt(3, "waiting", None)), reason="retry")
    running = node("two", first, attempt(2, "running", 4))
    report, definition = report_of(waiting, running), load_flow(TIMED)
    boxes = {one.title: one for one in picture_of_run(definition, report).nodes}
    assert (boxes["one"].note, boxes["two"].note) == ("2 attempts", "2 attempts")
    assert boxes["one"].remark == "retry after ValueError: no & <no>"
    notes = {row.title: row.note for row in chart(report, definition).rows}
    assert notes == {"one": "2 attempts · retry after ValueError: no & <no>", "two": "8.0 s so far · 2 attempts"}
    assert [one.took_us for one in summaries(report).values()] == [None, None]


def test_what_is_called_for_the_run_has_waited_for_nothing() -> None:
    """Law: its row begins when it was called."""
    definition, report = looked_at_the_end()
    (row,) = [row for row in chart(report, definition, calls=True).rows if row.title == "run_end"]
    assert [one.kind for one in row.segments] == ["running"]


def looked_at_the_end() -> tuple[FlowDefinition, Report]:
    ends = {"name": "ends", "hooks": {"run_end": "told"}, "nodes": [{"id": "slow", "action": "numbers"}]}
    with simulate(1) as sim, sim.system(actions=ACTIONS) as system:
        sim.stub(numbers, returns=[1], takes_s=5)
        system.flows.start(ends, run_id="one").wait()
        return system.flows.definition("one"), system.flows.report("one")


def test_a_box_says_what_a_node_waits_for_or_why_it_did_not_run() -> None:
    """Law: the question that somebody is asked, the reason of what was skipped."""
    asked = {"name": "asked", "nodes": [{"id": "ok", "approval": {"message": "Ok?"}}, {"id": "one", "action": "a"}]}
    waiting = msgspec.structs.replace(node("ok", attempt(1, "waiting", 0)), reason="human")
    skipped = msgspec.structs.replace(node("one", attempt(1, "skipped", None)), reason="dependency 'x' failed")
    report = report_of(waiting, skipped)
    picture = picture_of_run(load_flow(asked), report)
    assert chart(report, load_flow(asked)).rows[0].note == "Ok?"
    assert [one.remark for one in picture.nodes] == ["Ok?", "dependency 'x' failed"]
    assert {"Ok?", "dependency 'x' failed"} <= {text.text for text in assert_svg(write_svg(picture)).iter(f"{SVG}text")}


def test_a_box_says_on_what_condition_a_node_runs() -> None:
    """Law: a flow's picture tells which way it goes where: the trigger and ``when``, in signs; in a run they are in the tooltip."""
    conditions: dict[str, Any] = {
        "equal": {"reference": "sum", "equals": "a"},
        "far": {"reference": "inputs.least", "ge": 3, "not_equals": 7},
        "there": {"not": {"any": [{"reference": "sum", "exists": False}, {"reference": "sum.of", "in": [1, 2]}]}},
    }
    written = [{"id": name, "action": "a", "dependencies": ["sum"], "when": when} for name, when in conditions.items()]
    failed = {"id": "late", "action": "a", "dependencies": ["sum"], "trigger": "any_failed"}
    definition = load_flow(
        {"name": "f", "inputs": {"least": 1}, "nodes": [{"id": "sum", "action": "a"}, *written, failed]}
    )
    told = {
        "sum": "",
        "equal": 'when sum = "a"',
        "far": "when inputs.least ≠ 7 and inputs.least ≥ 3",
        "there": "when not (sum is not there or sum.of in [1,2])",
        "late": "if any failed",
    }
    drawn = definition.picture()
    assert {one.title: one.note for one in drawn.nodes} == told
    assert {f"when {dict(one.facts)['when']}" for one in drawn.nodes[1:4]} == {told[name] for name in conditions}
    assert dict(drawn.nodes[4].facts)["trigger"] == "any_failed"
    assert_pictures(drawn)


def test_what_was_answered_at_once_is_seen_too() -> None:
    """Law: a person's answer has a mark on the axis, however quick it was."""
    asked = {"name": "asked", "nodes": [{"id": "ok", "approval": {"message": "Ok?"}}, {"id": "one", "action": "a"}]}
    report = report_of(node("ok", attempt(1, "succeeded", 4, 4)), node("one", attempt(1, "succeeded", 0, 9)))
    svg = assert_svg(write_gantt(chart(report, load_flow(asked))))
    (wait,) = [
        group
        for group in svg.findall(f"{SVG}g")
        if group.get("class") == "outside" and group.find(f"{SVG}title") is not None
    ]
    line = wait.find(f"{SVG}path")
    assert line is not None
    left, right = map(float, re.findall(r"M([\d.]+),[\d.]+ H([\d.]+)", line.get("d", ""))[0])
    assert right - left >= 2


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0"), (20, "0.02 ms"), (2_500, "2.5 ms"), (500_000, "500 ms"), (1_000_000, "1 s"), (30_000_000, "30 s"),
        (90_000_000, "1 min 30 s"), (7_200_000_000, "2 h"), (345_600_000_000, "4 d"), (129_600_000_000, "1 d 12 h"),
    ],
)  # fmt: skip
def test_a_tick_is_written_exactly_and_shortly(us: int, text: str) -> None:
    """Law: in the units that it has parts of."""
    assert tick_label(us) == text


@given(st.integers(1, 10**15))
def test_no_two_ticks_of_an_axis_are_written_alike(length_us: int) -> None:
    """Law: also of the shortest run, and of the longest."""
    labels = [tick_label(tick) for tick in ticks(length_us)]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 13


def test_what_is_too_much_for_a_gantt_is_one_row_of_how_many_at_once() -> None:
    """Law: 10,000 items are a handful of rows, the failed one among them; so are nodes beyond 200; the file stays small."""
    items = [
        node("all", attempt(1, "succeeded", number / 1e3, number / 1e3 + 1), key=f"k{number}")
        for number in range(9_999)
    ]
    failed = node("all", attempt(1, "failed", 5, 5.001), key="k9999")
    drawn = chart(report_of(node("all", attempt(1, "running", 0), size=10_000), *items, failed), load_flow(TIMED))
    assert drawn.rows[0].is_many
    assert len(drawn.rows) == 7
    assert ("k9999", "failed") in [(row.title, row.state) for row in drawn.rows]
    svg = write_gantt(drawn)
    assert "up to 1,000 at once" in svg
    assert len(svg) < 40_000
    many = {"name": "many", "nodes": [{"id": f"n{number}", "action": "a"} for number in range(1_000)]}
    report = report_of(*(node(f"n{number}", attempt(1, "succeeded", number, number + 1)) for number in range(1_000)))
    rows = chart(report, load_flow(many)).rows
    assert (len(rows), rows[-1].title, rows[-1].is_many) == (201, "800 more", True)


def test_a_gantt_of_a_thousand_nodes_has_a_row_for_the_one_that_failed() -> None:
    """Law: whoever looks for what went wrong finds it among the rows, which stand in the order of time; the rest is counted."""
    many = {"name": "many", "nodes": [{"id": f"n{number}", "action": "a"} for number in range(1_000)]}
    states = {number: "failed" if number in (7, 950) else "succeeded" for number in range(1_000)}
    report = report_of(*(node(f"n{at}", attempt(1, state, at, at + 1)) for at, state in states.items()))
    rows = chart(report, load_flow(many)).rows
    assert [row.title for row in rows] == [*(f"n{number}" for number in range(199)), "n950", "800 more"]
    assert (rows[-1].note, rows[-1].is_many) == ("800 succeeded", True)
    allbad = report_of(*(node(f"n{at}", attempt(1, "failed", at, at + 1)) for at in range(1_000)))
    rows = chart(allbad, load_flow(many)).rows
    assert (len(rows), rows[-1].note) == (201, "800 failed")


def test_of_many_items_the_tree_shows_those_that_went_wrong_and_counts_the_rest() -> None:
    """Law: what failed is not hidden behind what only has not ended yet, and nothing is left out in silence."""
    flow = {
        "name": "f",
        "inputs": {"many": {"type": "list"}},
        "nodes": [{"id": "each", "action": "x", "map": {"over": "inputs.many", "item": "x"}}],
    }
    states = [*["waiting"] * 6, "succeeded", "failed", "succeeded", "failed"]
    items = [node("each", attempt(1, state, 1, 2), key=str(at)) for at, state in enumerate(states)]
    report = report_of(node("each", attempt(1, "running", 0), size=len(items)), *items)
    _, *lines = map(str, tree_lines(tree_of(load_flow(flow), report), 10))
    assert [line.split()[1] for line in lines] == ["[7]", "[9]", "[0]", "[1]", "[2]", "..."]
    assert lines[-1].endswith("... 3 more: 3 waiting")


def test_a_line_of_a_tree_stays_short_whatever_its_nodes_are_called() -> None:
    """Law: what else a node waited for is named, and long names are cut."""
    names_of = [f"{letter * 150}" for letter in "abc"]
    nodes = [{"id": name, "action": "x"} for name in names_of]
    flow = {"name": "f", "nodes": [*nodes, {"id": "last", "action": "x", "dependencies": names_of}]}
    done = [node(name, attempt(1, "succeeded", 0, at)) for at, name in enumerate(names_of, 1)]
    report = report_of(*done, node("last", attempt(1, "succeeded", 3, 4)))
    (told,) = [line for line in map(str, tree_lines(tree_of(load_flow(flow), report), 10)) if "last" in line]
    assert f"(after {'a' * 39}…, {'b' * 39}… too)" in told


@given(st.integers(1, 10**15))
def test_the_axis_of_time_has_a_few_round_ticks(length_us: int) -> None:
    """Law: at most ten, the first at 0, evenly spaced, whatever the length, from microseconds to decades."""
    found = ticks(length_us)
    assert found[0] == 0
    assert 1 <= len(found) <= MOST_TICKS + 1
    assert len({after - before for before, after in itertools.pairwise(found)}) <= 1
    assert found[-1] <= length_us


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 300)), max_size=30), st.integers(1, 50))
def test_an_area_holds_all_the_time_at_work(spans: list[tuple[int, int]], bins: int) -> None:
    """Law: the sum over all stretches is the sum of the attempts, however they are cut."""
    segments = [Segment(kind="running", start_us=start, end_us=min(1_000, start + took)) for start, took in spans]
    counts = at_once(segments, 0, 1_000, bins)
    assert len(counts) == bins
    assert sum(counts) * 1_000 / bins == pytest.approx(sum(one.end_us - one.start_us for one in segments), abs=1e-6)
    assert min(counts) > -1e-9


@given(texts, texts)
def test_no_text_breaks_a_gantt(name: str, said: str) -> None:
    """Law: names and errors are only text."""
    error = ErrorDetail("builtins.ValueError", said)
    broken = msgspec.structs.replace(attempt(1, "failed", 0, 1), error=error)
    report = msgspec.structs.replace(report_of(node("one", broken, key=name)), run_id=name, error=said, flow_name=name)
    assert_svg(write_gantt(chart(report, load_flow(TIMED), calls=True)))


def test_the_tree_holds_each_node_once_beneath_what_it_waited_for(run: tuple[FlowDefinition, Report]) -> None:
    """Law: each behind its parent, which is the one that ended last of those it depends on, or its adder; levels follow the edges."""
    found = {one.node_id: one for one in tree_of(*run)}
    assert list(found) == ["numbers", "grow", "total", "extra", "last", "broken"]
    assert {name: one.parent for name, one in found.items()} == {
        "numbers": None, "grow": "numbers", "total": "grow", "extra": "grow", "last": "extra", "broken": None,
    }  # fmt: skip
    assert found["extra"].added_by == found["last"].added_by == "grow"
    assert found["last"].also_after == ("grow",)
    assert (found["grow"].size, found["grow"].states) == (3, {"succeeded": 3})
    assert (found["broken"].state, found["broken"].problem) == ("failed", "ValueError: no")
    levels = [[one.node_id for one in level] for level in levels_of(found.values())]
    assert levels == [["numbers", "broken"], ["grow"], ["total", "extra"], ["last"]]
    assert [one.called_for for one in tree_of(*run, calls=True) if one.node_id == "failure:broken"] == ["failure"]


def test_a_node_stands_beneath_the_dependency_that_ended_last() -> None:
    """Law: that is the one it really waited for."""
    flow = {
        "name": "f",
        "nodes": [
            {"id": "a", "action": "x"},
            {"id": "b", "action": "x"},
            {"id": "c", "action": "x", "dependencies": ["a", "b"]},
        ],
    }
    done = (node("a", attempt(1, "succeeded", 0, 5)), node("b", attempt(1, "succeeded", 0, 4)))
    found = tree_of(load_flow(flow), report_of(*done, node("c", attempt(1, "running", 5))))
    assert [(one.node_id, one.parent, one.also_after) for one in found] == [
        ("a", None, ()),
        ("c", "a", ("b",)),
        ("b", None, ()),
    ]


def test_a_large_tree_shows_what_went_wrong_and_counts_the_rest() -> None:
    """Law: at most as many lines as asked for; what is left out is counted by state; a long chain is no stack of calls."""
    wide = {
        "name": "wide",
        "nodes": [{"id": "root", "action": "x"}]
        + [{"id": f"n{at}", "action": "x", "dependencies": ["root"]} for at in range(3_000)],
    }
    states = {f"n{at}": "failed" if at == 2_345 else "succeeded" for at in range(3_000)}
    done = [node(name, attempt(1, state, 1, 2)) for name, state in states.items()]
    whole = tree_of(load_flow(wide), report_of(node("root", attempt(1, "succeeded", 0, 1)), *done))
    shown, left_out = shown_branches(whole, 50)
    assert "n2345" in [one.node_id for one in shown]
    assert left_out == {"root": {"succeeded": 2_988}}
    assert len(shown) + sum(counts.total() for counts in left_out.values()) == len(whole)
    chain = {
        "name": "chain",
        "nodes": [{"id": f"n{at}", "action": "x", "dependencies": [f"n{at - 1}"] if at else []} for at in range(3_000)],
    }
    deep = tree_of(
        load_flow(chain), report_of(*(node(f"n{at}", attempt(1, "succeeded", at, at + 1)) for at in range(3_000)))
    )
    assert [one.level for one in deep] == list(range(3_000))
    shown, left_out = shown_branches(deep, 10)
    assert (len(shown), left_out) == (10, {None: {"succeeded": 2_990}})


def test_what_another_run_did_before_stands_at_the_left_edge() -> None:
    """Law: the axis begins with the run; an output that it was given from elsewhere does not stretch it."""
    report = report_of(
        node("one", attempt(1, "succeeded", 1, 2)), node("two", attempt(1, "succeeded", 103, 104)), state="succeeded"
    )
    report = msgspec.structs.replace(report, created_us=100_000_000, started_us=101_000_000)
    drawn = chart(report, load_flow(TIMED))
    assert (drawn.start_us, drawn.end_us) == (101_000_000, 104_000_000)
    bars = [rect for rect in assert_svg(write_gantt(drawn)).iter(f"{SVG}rect") if rect.get("height") == "14"]
    lefts = [float(bar.get("x", "")) for bar in bars]
    assert lefts[0] == min(lefts)


@settings(max_examples=20, deadline=None)
@given(names_of_nodes, texts)
def test_no_text_steers_the_terminal_that_shows_a_tree_or_a_diff(node_id: str, said: str) -> None:
    """Law: each node is one line, whatever ids, outputs and errors hold."""
    definition = load_flow({"name": "f", "nodes": [{"id": node_id, "action": "x"}]})
    error = ErrorDetail("builtins.ValueError", said)
    failed = node(node_id, msgspec.structs.replace(attempt(1, "failed", 0, 1), error=error))
    done = msgspec.structs.replace(node(node_id, attempt(1, "succeeded", 0, 1)), output={said: said})
    lines = [str(line) for line in tree_lines(tree_of(definition, report_of(failed)), 10)]
    assert len(lines) == 1
    found = diff_runs(report_of(failed), report_of(done), ({}, {}))
    lines += [str(line) for line in diff_lines(found, 10, lambda _: b"")]
    assert [line for line in lines if CONTROLS.search(line)] == []


def test_a_diff_shows_what_the_one_had_before_what_the_other_has() -> None:
    """Law: whichever of the two has the output, and which the error: minus goes before plus."""
    error = ErrorDetail("builtins.ValueError", "no")
    failed = node("one", msgspec.structs.replace(attempt(1, "failed", 0, 1), error=error))
    done = msgspec.structs.replace(node("one", attempt(1, "succeeded", 0, 1)), output=2)
    for runs, told in (
        ((failed, done), ["  -ValueError: no", "  +2"]),
        ((done, failed), ["  -2", "  +ValueError: no"]),
    ):
        found = diff_runs(*map(report_of, runs), ({}, {}))
        assert [str(line) for line in diff_lines(found, 10, lambda _: b"")][-2:] == told


def test_a_diff_names_what_differs_and_nothing_else() -> None:
    """Law: states, outputs as JSON has them, errors, and the names of inputs; what only one run has is told so."""
    same = msgspec.structs.replace(node("one", attempt(1, "succeeded", 0, 1)), output=1)
    other = msgspec.structs.replace(
        same, output=True, attempts=(attempt(1, "failed", 0, 1), attempt(2, "succeeded", 2, 3))
    )
    two = node("two", attempt(1, "failed", 1, 2))
    assert diff_runs(report_of(same), report_of(same), ({}, {})).is_empty
    later = msgspec.structs.replace(same, attempts=other.attempts)
    assert diff_runs(report_of(same), report_of(later), ({}, {})).is_empty  # times and tries are not compared
    given = ({("one", ""): {"a": "1", "b": "2"}}, {("one", ""): {"a": "1", "b": "3"}})
    found = diff_runs(report_of(same, two), report_of(other, state="failed"), given)
    assert [(one.node_id, one.inputs, one.states.one, one.states.other) for one in found.nodes] == [
        ("one", ("b",), "succeeded", "succeeded"),
        ("two", (), "failed", None),
    ]
    assert found.nodes[0].output is not None
    assert (found.nodes[0].output.one, found.nodes[0].output.other) == (1, True)
    assert (found.alike, found.is_empty) == (0, False)
