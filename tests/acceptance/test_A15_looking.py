"""A15, to look at: pictures of definitions and runs in three formats, whatever ids, outputs and errors hold."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagger_actors import Context, Report
from dagger_actors.drawing.dot import write_dot
from dagger_actors.drawing.mermaid import write_mermaid
from dagger_actors.drawing.picture import Picture
from dagger_actors.drawing.svg import write_svg
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.run_picture import picture_of_run
from dagger_actors.testing.simulation import simulate

SVG = "{http://www.w3.org/2000/svg}"
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
HOSTILE = (
    '"', "\\", '\\"', "\\N", "&lt;", "#quot;", "]]>", "-->", "</title>", "</style>", "<script>alert(1)</script>", "`", "%%", "end",
    '"]; click n0 href "javascript:1"', "x" * 5000, "\x00", "\x1b[2J", "\u202eevil", "\u2028", "line\nbreak", "\ufffe", "é漢字🙂",
    "شوكولاتة", "' onload='x", "{{x}}", "[bold red]x[/]",
)  # fmt: skip
texts = st.sampled_from(HOSTILE) | st.text(max_size=60) | st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join)
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
            "svg", "title", "style", "rect", "text", "path", "polygon", "g", "defs", "pattern", "line", "circle",
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
@given(
    texts.filter(
        lambda text: (
            1 <= len(text) <= 200
            and not CONTROLS.search(text)
            and text not in ("inputs", "numbers", "grow", "total", "extra", "last")
            and text == text.strip()
        )
    ),
    texts,
)
def test_no_text_breaks_a_picture(node_id: str, said: str) -> None:
    """Law: ids, inputs and errors are only text, whatever they hold."""
    try:
        said.encode()
    except UnicodeEncodeError:
        said = "no surrogates in JSON"
    definition, report = looked_at(node_id, said)
    assert_pictures(definition.picture())
    assert_pictures(picture_of_run(definition, report, calls=True))
