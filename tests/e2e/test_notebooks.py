"""What a notebook shows of flows, runs and reports: self-contained HTML in which hostile text stays text."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem

HOSTILE = '<script>alert("x")</script> & ]]> \x1b'


def work(value: int = 1) -> int:
    if value < 0:
        raise ValueError(HOSTILE)
    return value


def spec(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"name": "shown", "description": "<b>", "config": {"on_failure": "continue"}, "nodes": list(nodes)}


def node(name: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "action": "work", **keys}


def checked(html: str) -> ET.Element:
    tree = ET.fromstring(html)
    assert not [one for one in tree.iter() if one.tag.endswith("script")]
    assert "http" not in html.replace("http://www.w3.org", "")
    return tree


@pytest.fixture
def system() -> Any:
    with ActorSystem(actions=[work]) as opened:
        yield opened


def test_a_report_and_a_run_show_states_and_errors(system: ActorSystem) -> None:
    nodes = [node("a"), node("<b>", dependencies=["a"], inputs={"value": {"value": -1}})]
    run = system.flows.start(spec(*nodes), run_id="r")
    report = run.wait(60)
    for html in (report._repr_html_(), run._repr_html_()):
        text = "".join(checked(html).itertext())
        for word in ("run r of flow shown: failed", "<b>", "succeeded", "<script>alert"):
            assert word in text


def test_a_run_and_its_flow_are_drawn_where_the_extra_is_there(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = system.flows.start(spec(node("a"), node("b", dependencies=["a"], inputs={})))
    run.wait(60)
    shown = (run, system.flows.definition(run.id))
    assert all("<svg" in one._repr_html_() for one in shown)
    monkeypatch.setitem(sys.modules, "igraph", None)
    assert not any("<svg" in one._repr_html_() for one in shown)


def cells(html: str) -> list[list[str]]:
    """The rows of a table, its headings left out."""
    return [["".join(cell.itertext()) for cell in row.iter("td")] for row in checked(html).iter("tr")][1:]


def test_each_column_says_what_its_heading_says(system: ActorSystem) -> None:
    """Law: of a flow and of a run; a mapped node, a rule that is not the default, a reason and an error among them."""
    nodes = [
        node("each", map={"over": "inputs.values", "item": "value"}),
        node("bad", inputs={"value": {"value": -1}}, try_count=2),
        node("then", dependencies=["bad", "each"], trigger="any_failed", inputs={}),
        node("never", dependencies=["bad"], inputs={}),
    ]
    run = system.flows.start({**spec(*nodes), "inputs": {"values": [5]}})
    report = run.wait(60)
    made = system.flows.definition(run.id)._repr_html_()
    assert "flow shown: <b>" in "".join(checked(made).itertext())
    assert cells(made) == [
        ["each", "work (each item)", "", ""],
        ["bad", "work", "", ""],
        ["then", "work", "bad, each", "any_failed"],
        ["never", "work", "bad", ""],
    ]
    shown = {row[0]: (*row[1:3], row[4]) for row in cells(report._repr_html_())}
    assert shown["each[0]"] == ("succeeded", "1", "")
    assert shown["bad"][:2] == ("failed", "2")
    assert "<script>alert" in shown["bad"][2]
    assert shown["then"] == ("succeeded", "1", "")
    assert shown["never"] == ("skipped", "0", "dependency 'bad' failed")


def test_a_flow_shows_its_nodes(system: ActorSystem, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(
        "name: '<i>'\nnodes:\n  - {id: one, action: work}\n  - {id: two, action: work, dependencies: [one]}\n"
    )
    text = "".join(checked(system.flows.load(path)._repr_html_()).itertext())
    for word in ("flow <i>", "one", "two", "work"):
        assert word in text


def test_large_ones_are_cut_and_counted(system: ActorSystem) -> None:
    report = system.flows.start(spec(*(node(f"n{number}") for number in range(130)))).wait(60)
    assert "and 30 more" in report._repr_html_()
    assert "n99" in report._repr_html_()
    assert "n100" not in report._repr_html_()
