"""Whatever text a run holds, in its definition, its inputs, outputs, errors, events, and answers: it is text wherever it is looked at.

No picture, page, terminal or JSON document is broken or steered by it. A few examples in CI; more behind the marker:
``pytest -m full tests/acceptance/test_hostile_text.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan

from dagger_actors import Context, EmitEvent, HookEvent, action
from dagger_actors.cli.text import HOSTILE as STEERING
from dagger_actors.flow.definition import FlowDefinition
from specs import review_page
from tests.acceptance.test_A15_looking import CONTROLS, HOSTILE, assert_dot, assert_svg
from tests.acceptance.test_hostile_ids import FEW, MANY, is_node_id, run, world
from tests.unit.telemetry.kit import Kit

MARKUP = (
    *HOSTILE, "</svg><script>alert(1)</script>", "]]><x/>", "--><b>", "&amp;&#x1b;[2J&nbsp;", "<![CDATA[", "<?xml version='1.0'?>",
    "\x1b]8;;http://evil\x07here\x1b]8;;\x07", "\x9b2J\x9d0;owned\x9c", "\r\rover", "\x08\x08\x08", "\x7f", "\u2066\u202dabc\u2069",
    "a\u200bb\u2060c\ufeff", "%%{init: {'theme': 'x'}}%%", "click n0 call alert()", "subgraph x", "n0 --> n1", "|x|", "#quot;x#35;",
    "<<b>bold</b>>", "<p0> a|{b|c}", "\\l\\r\\N\\G\\E", "]; n0 [label=x", "}\ndigraph {", "//", "/* x", "#", ":::x", "---\ntitle: x\n---",
    "x" * 4999 + "\x1b[2J", "[link=http://evil]x[/link]", "{0} %s %(name)s ${HOME} $(id) `id`", "\x00" * 3,
)  # fmt: skip
"""What ends, begins or steers something in one of the places where it is shown."""
texts = st.sampled_from(MARKUP) | st.lists(st.sampled_from(MARKUP), max_size=3).map("".join) | st.text(max_size=60)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What our own colours write to a terminal."""
SURROGATES = re.compile("[\ud800-\udfff]")
"""What JSON and YAML cannot hold; an error may."""
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_S = 120
TOGETHER = 12
"""Texts of one run."""
# Mermaid's grammar, as far as it is written here: every label stands in quotes, and in it every sign is a code.
LABEL = r'"(?:[A-Za-z0-9 .,/\u0080-\U0010ffff]|#[0-9]+;|<br/>)*"'
BOX = rf"\[{LABEL}\]|\[\[{LABEL}\]\]|>{LABEL}\]|\[/{LABEL}/\]"
MERMAID = re.compile(
    rf"  (?:n\d+(?:{BOX})|n\d+ <?(?:--|-\.-)>(?:\|{LABEL}\|)? n\d+|%% [A-Za-z0-9 .,/#;\u0080-\U0010ffff]*"
    r"|classDef \w+ [\w#:,\- ]+|class [n\d,]+ \w+)"
)
ACTIONS_FILE = """
from dagger_actors import action

@action
def rows(said: str) -> str:
    return said
"""


def told_of(event: HookEvent) -> EmitEvent:
    told = event.run_id if event.error is None else event.error.message
    return EmitEvent(name=told[:200] or "empty", data={told: [told]})


@action
def says(said: str, ctx: Context) -> dict[str, Any]:
    ctx.log(f"{said} and more")
    ctx.cache.put("said", said)
    ctx.step("a step", str, said)
    ctx.add_nodes(
        [{"id": f"added by {ctx.node_id}", "action": "large", "description": said, "inputs": {"said": {"value": said}}}]
    )
    return {said: said, "list": [said, {said: None}]}


@action
def large(said: str) -> str:
    return said * 300


@action
def rows(said: str) -> list[dict[str, str]]:
    return [{"name": said, "of": said}] * 2


@action
def breaks(said: str, ctx: Context) -> None:
    ctx.log(said)
    kind = type(said.replace("\0", "")[:300] or "Kind", (Exception,), {"__module__": said})
    try:
        raise kind(f"{said}\ud800")
    except Exception as error:
        error.add_note(said)
        raise


ACTIONS = [told_of, says, large, rows, breaks]


def flow(said: Sequence[str], ids: Sequence[str]) -> dict[str, Any]:
    """Texts in every place of a flow that takes any; where a rule forbids some, what is left of them."""
    text = "".join(said)
    nodes: list[dict[str, Any]] = []
    for number, (node_id, one) in enumerate(zip(ids, said, strict=True)):
        value = {"said": {"value": one}}
        nodes += [
            {"id": f"says{number}", "action": "says", "description": one, "instructions": one, "inputs": value},
            {"id": node_id, "action": "breaks", "inputs": value, "dependencies": [f"says{number}"]},
            {"id": f"rows{number}", "action": "rows", "inputs": value},
            {"id": f"asks{number}", "approval": {"message": one[:4000] or "?", "type": "str"}},
        ]
    return {
        "name": CONTROLS.sub("", text)[:200].strip() or "name",
        "description": text,
        "inputs": {"said": {"type": "list", "description": text}},
        "hooks": {"node_failure": "told_of", "run_end": "told_of"},
        "config": {"on_failure": "continue"},
        "nodes": [*nodes, {"id": "each", "action": "breaks", "map": {"over": "inputs.said", "item": "said"}}],
    }


def ids_of(said: Sequence[str]) -> list[str]:
    """The texts as ids, as far as they may be any."""
    ids: list[str] = []
    for number, one in enumerate(said):
        is_free = is_node_id(one) and one not in ids and not one.startswith(("says", "rows", "asks", "added", "each"))
        ids.append(one if is_free else f"breaks{number}")
    return ids


def commands(path: Path, ids: list[str]) -> Iterator[tuple[str, ...]]:
    """Every command that shows something of the runs ``r`` and ``other``."""
    db = ("--db", str(path))
    for words in (
        ("runs",), ("show", "r", "--logs"), ("tree", "r", "--calls"), ("tree", "r", "--levels"),
        ("diff", "r", "other", "--calls"), ("tail", "r"), ("artifacts", "list"), ("signal", "r", "asks0", "wrong"),
    ):  # fmt: skip
        yield (*words, *db)
    for words in (
        ("runs",), ("show", "r"), ("tree", "r", "--calls"), ("diff", "r", "other"), ("tail", "r"),
        ("artifacts", "list"),
    ):  # fmt: skip
        yield (*words, "--json", *db)
    for node_id in ids:
        yield ("why", *db, "--", "r", node_id)


def assert_commands(path: Path, ids: list[str]) -> None:
    """Nothing steers the terminal, with colours and without; what is JSON is one document, or one a line."""
    for words in commands(path, ids):
        for colours in ({"FORCE_COLOR": "1", "TERM": "xterm-256color"}, {"NO_COLOR": "1"}):
            with mock.patch.dict(os.environ, colours):
                status, out, err = run(*words)
            assert status in (0, 1) or words[0] == "signal", (words, err)
            assert not STEERING.search(COLOURS.sub("", out) if "TERM" in colours else out), words
            assert not STEERING.search(err), words
            assert len(out) < 500_000, words
        if "--json" in words:
            for document in out.splitlines() if words[0] == "tail" else [out]:
                msgspec.json.decode(document)


def assert_pictures(path: Path) -> None:
    """Each form of a picture is what it is to be, and no text of it is anything else."""
    db = ("--db", str(path))
    for options in ((), ("--calls",)):
        drawn = {
            kind: run("graph", "--run", "r", "--format", kind, *options, *db) for kind in ("dot", "mermaid", "svg")
        }
        assert {status for status, _, _ in drawn.values()} == {0}, drawn
        assert_dot(drawn["dot"][1])
        assert_svg(drawn["svg"][1])
        assert_mermaid(drawn["mermaid"][1])
        assert_svg(run("graph", "--run", "r", "--gantt", *options, *db)[1])


def assert_mermaid(text: str) -> None:
    first, title, last, kind, *lines = text.removesuffix("\n").split("\n")
    assert (first, last) == ("---", "---")
    assert kind in ("flowchart TD", "flowchart LR")
    assert re.fullmatch(r'title: "(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*"', title)
    assert [line for line in lines if not MERMAID.fullmatch(line)] == []


def assert_page(page: str) -> None:
    """What a notebook shows has our own elements alone."""
    tags = re.findall(r"<\s*([^\s>/]*)", page)
    assert set(tags) <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", ""}, tags
    assert not STEERING.search(page)


def assert_spans(spans: list[ReadableSpan]) -> None:
    """Whoever takes them can encode them: text is text, without half characters."""
    assert spans
    for span in spans:
        span.to_json().encode()
        told = [span.name, span.status.description or "", *(span.attributes or {}).values()]
        told += [value for event in span.events for value in (event.attributes or {}).values()]
        for value in told:
            str(value).encode()


def runs_property(said: Sequence[str]) -> None:
    kit = Kit()
    said = [SURROGATES.sub("", one) for one in said]
    ids = ids_of(said)
    with world() as sim:
        system = sim.system(actions=ACTIONS, telemetry=kit.telemetry)
        for run_id, inputs in (("r", said), ("other", ["plain"])):
            started = system.flows.start(flow(said, ids), {"said": inputs}, run_id=run_id)
            started.wait()
            for number, one in enumerate(said):
                system.flows.signal(run_id, f"asks{number}", one)
            assert started.wait().state == "failed"
        definition: FlowDefinition = system.flows.definition("r")
        calls = [node.id for node in definition.nodes if node.call is not None]
        assert_commands(sim.path, [*ids, "asks0", "each", *calls[:1]])
        assert_pictures(sim.path)
        assert_page(system.flows.report("r")._repr_html_())
    assert_spans(kit.spans())


def file_property(folder: Path, said: Sequence[str]) -> None:
    """A file of such a flow is checked, drawn, listed, its run told of while it goes on, an attempt made again."""
    said = [SURROGATES.sub("", one) for one in said]
    ids = ids_of(said)
    (folder / "hostile_rows.py").write_text(ACTIONS_FILE)
    written = {"actions": ["hostile_rows.py"]} | flow(said, ids)
    rows = [one for one in written["nodes"] if one.get("action") == "rows"]
    written["nodes"] = [one | {"id": node_id} for one, node_id in zip(rows, ids, strict=True)]
    del written["hooks"], written["inputs"]
    (folder / "hostile.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    for words in (
        ("validate", str(folder / "hostile.yaml")),
        ("list", str(folder)),
        ("list", str(folder), "--json"),
        ("run", str(folder / "hostile.yaml"), "--db", str(folder / "a.db"), "--run-id", "r"),
        *(("replay", "--db", str(folder / "a.db"), "--", "r", node_id) for node_id in ids),
    ):
        status, out, err = run(*words)
        assert status == 0, (words, err)
        assert not STEERING.search(out + err), words
    for kind, check in (("dot", assert_dot), ("mermaid", assert_mermaid), ("svg", assert_svg)):
        check(run("graph", str(folder / "hostile.yaml"), "--format", kind)[1])


@pytest.mark.parametrize("first", range(0, len(MARKUP), TOGETHER))
def test_each_text_in_every_place(first: int, tmp_path: Path) -> None:
    """Law: none of the listed kinds is left to chance."""
    runs_property(MARKUP[first : first + TOGETHER])
    file_property(tmp_path, MARKUP[first : first + TOGETHER])


WATCHED = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>quiet</title><script>
window.alert = () => { document.title = "it ran" }
</script></head><body>%s<script>
const active = one => [...one.attributes].some(it => it.name.startsWith("on") || it.name.includes("href"))
document.body.dataset.drawn = document.querySelectorAll("body > svg").length
document.body.dataset.active = [...document.querySelectorAll("body > svg *")].filter(active).length
document.body.dataset.scripts = document.querySelectorAll("svg script").length
</script></body></html>"""


@pytest.mark.skipif(BROWSER is None, reason="no browser here; what may stand in a picture at all is checked everywhere")
def test_a_browser_draws_hostile_pictures_and_runs_nothing_of_them(tmp_path: Path) -> None:
    """Law: in a page of somebody's, too, all of them is picture."""
    said = [SURROGATES.sub("", one) for one in MARKUP]
    with world() as sim:
        system = sim.system(actions=ACTIONS)
        system.flows.start(flow(said, ids_of(said)), {"said": said}, run_id="r").wait()
        db = ("--db", str(sim.path))
        drawn = [run("graph", "--run", "r", *how, "--calls", *db)[1] for how in (("--format", "svg"), ("--gantt",))]
    page = tmp_path / "page.html"
    page.write_text(WATCHED % "".join(drawn), encoding="utf-8")
    shown = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=1000", "--dump-dom", page.as_uri()],
        capture_output=True, check=True, timeout=PATIENCE_S, encoding="utf-8",
    ).stdout  # fmt: skip
    assert "<title>quiet</title>" in shown
    assert re.findall(r'<body data-drawn="(\d+)" data-active="(\d+)" data-scripts="(\d+)">', shown) == [("2", "0", "0")]


some = given(st.lists(texts, min_size=1, max_size=3))


@some
@settings(FEW, max_examples=3)
def test_any_texts(said: list[str]) -> None:
    """Law: no text of a run breaks a picture, steers a terminal, or makes a trace that cannot be written."""
    runs_property(said)


@pytest.mark.full
@pytest.mark.timeout(1800)
@some
@MANY
def test_any_texts_in_full(said: list[str]) -> None:
    """Law: the same, many times."""
    runs_property(said)


class Page(HTMLParser):
    """What a browser would find in a page: its elements, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(texts)
@settings(FEW, max_examples=100)
def test_the_page_of_the_review_holds_any_text_as_text(said: str) -> None:
    """Law: packages, critics and remarks of whatever name are text of a page that acts on nothing."""
    note = {"critic": said, "text": said, "place": said}
    standing = {
        "package": said, "modules": 1, "lines": 10, "counts": {said: 2}, "missing_count": 1, "missing": [said], "notes": [note],
    }  # fmt: skip
    page = Page(review_page.page_of(said, [said], [standing]))
    assert page.elements == {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "p", "div", "b", "span", "i", "ol", "li", "details",
        "summary", "small", "code",
    }  # fmt: skip
    assert page.attributes <= {"lang", "charset", "name", "content", "class", "style", "title"}
    told = "".join(page.texts)
    assert told.count(said) >= 5
