"""The three formats of a picture: what they show, and that hostile text stays text."""

import itertools
import re
import sys
import time
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.drawing import layout as layout_module
from dagger_actors.drawing.dot import write_dot
from dagger_actors.drawing.layout import place
from dagger_actors.drawing.mermaid import write_mermaid
from dagger_actors.drawing.picture import STATES, Picture, PictureNode, line
from dagger_actors.drawing.svg import svg_if_it_can_be, write_svg
from dagger_actors.drawing.text import duration, shorten, visible, width
from dagger_actors.errors import RequestError
from dagger_actors.flow.loading.loader import load_flow

SVG = "{http://www.w3.org/2000/svg}"
FLOW = {
    "name": "news",
    "inputs": {"url": {"type": "str", "default": "x"}},
    "nodes": [
        {"id": "fetch", "action": "fetch_all", "inputs": {"address": "inputs.url"}, "outputs": ["pages"], "timeout": 5},
        {"id": "read", "action": "read_one", "map": {"over": "fetch.pages", "item": "page"}, "try_count": 3},
        {
            "id": "join",
            "action": "join_all",
            "inputs": {"pages": "read", "first": "fetch"},
            "description": "puts together",
        },
    ],
    "outputs": {"all": "join"},
}
HOSTILE = (
    '"', "\\", '\\"', "\n", "]]>", "<script>alert(1)</script>", "-->", "--", "</title>", "</style>", "%%", "#quot;", "&lt;",
    "\x00", "\x1b[2J", "\ud800", "\ufffe", "\u202e", "é漢字🙂", "x" * 200, '"]; click n0 href "javascript:1"', "\\N", "`", "end",
)  # fmt: skip
# Nothing but pairs of backslashes, escaped quotes and line ends escapes; the rest is as Graphviz' own grammar has it.
QUOTED = r'"(?:[^"\\]|\\\\|\\"|\\n)*"'
DOT_NODE = re.compile(rf"  n\d+ \[\w+=(?:{QUOTED}|\d)(?:, \w+=(?:{QUOTED}|\d))*\];")
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=220), st.lists(st.sampled_from(HOSTILE)).map("".join))


def picture(nodes, edges=(), **fields):
    return Picture(
        **{"title": "t", "subtitle": "", "nodes": tuple(nodes), "edges": tuple(edges)} | fields,
    )


def plain(count):
    return [PictureNode(title=f"node {number}", subtitle="act") for number in range(count)]


def drawn_texts(svg):
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_what_the_author_says_of_nodes_and_inputs_is_in_the_tooltips():
    """Law: description and instructions of a node, and the description of each of its inputs and of a map's list."""
    inputs = {
        "text": {"reference": "inputs.url", "description": "what\nto read"},
        "size": {"value": 3, "description": "lines"},
    }
    over = {"reference": "inputs.pages", "description": "the pages"}
    node = {"id": "a", "action": "read", "description": "reads", "instructions": "ask first", "inputs": inputs}
    made = load_flow({"name": "f", "nodes": [{**node, "map": {"over": over, "item": "page"}}]}).picture()
    assert made.nodes[0].facts == (
        ("action", "read"),
        ("description", "reads"),
        ("instructions", "ask first"),
        ("map", "page = each of inputs.pages (the pages)"),
        ("input", "text = inputs.url (what\\nto read)"),
        ("input", "size = 3 (lines)"),
    )


def test_a_definition_becomes_boxes_edges_and_facts():
    """Law: each node, each dependency once; inputs name their source."""
    made = load_flow(FLOW).picture()
    assert made.title == "news"
    assert made.subtitle == "3 nodes · inputs: url · outputs: all"
    assert [(node.title, node.subtitle, node.is_mapped) for node in made.nodes] == [
        ("fetch", "fetch_all", False),
        ("read", "read_one", True),
        ("join", "join_all", False),
    ]
    assert set(made.edges) == {(0, 1), (1, 2), (0, 2)}
    assert made.nodes[0].facts == (
        ("action", "fetch_all"), ("input", "address = inputs.url"), ("outputs", "pages"), ("timeout", "5 s"),
    )  # fmt: skip
    assert ("map", "page = each of fetch.pages") in made.nodes[1].facts
    assert ("tries", "3") in made.nodes[1].facts
    assert ("description", "puts together") in made.nodes[2].facts
    assert ("input", "pages = read") in made.nodes[2].facts


def test_a_node_that_awaits_a_message_says_which_in_its_box():
    """Law: the channel stands where the action of others does; what it is matched with is a fact, and leads to its source."""
    wait = {"channel": "paid", "match": {"order.id": "ask.id"}, "timeout_s": 5, "from": "earliest"}
    nodes = [{"id": "ask", "action": "ask"}, {"id": "wait", "await_message": wait}]
    made = load_flow({"name": "f", "nodes": nodes}).picture()
    assert made.nodes[1].subtitle == "message of paid"
    assert made.edges == ((0, 1),)
    assert made.nodes[1].facts == (
        ("awaits", "message of paid"), ("match", "order.id = ask.id"), ("from", "earliest"), ("timeout", "5 s"),
    )  # fmt: skip


def test_svg_shows_every_box_edge_and_tooltip_and_needs_nothing_from_elsewhere():
    """Law: self-contained, light and dark, mapped nodes are a stack of three."""
    svg = write_svg(load_flow(FLOW).picture())
    root = ET.fromstring(svg)
    boxes = [group for group in root.iter(f"{SVG}g") if "node" in group.get("class", "")]
    assert [len(group.findall(f"{SVG}rect")) for group in boxes] == [1, 3, 1]
    assert "address = inputs.url" in boxes[0].find(f"{SVG}title").text
    assert len(list(root.iter(f"{SVG}path"))) == len(list(root.iter(f"{SVG}polygon"))) == 3
    assert "prefers-color-scheme:dark" in svg
    assert svg.count("http") == 1  # the namespace
    assert {"url(", "href", "<script", "<image", "@import"} & {
        word for word in ("url(", "href") if word in svg
    } == set()


def test_states_have_a_colour_a_word_and_a_legend():
    """Law: nobody needs to see colours to read a run."""
    nodes = [PictureNode(title=state, subtitle="act", state=state) for state in STATES]
    svg = write_svg(picture(nodes, state="failed"))
    for state in STATES:
        assert drawn_texts(svg).count(state.replace("_", " ")) >= 2  # in its box and in the legend
        assert svg.count(f".{state} rect{{") == (3 if state == "skipped" else 2)  # light and dark
    mermaid = write_mermaid(picture(nodes))
    dot = write_dot(picture(nodes)).split("\n")
    for position, state in enumerate(STATES):
        assert f"classDef {state} " in mermaid
        assert f"class n{position} {state}\n" in mermaid
        assert any(row.startswith(f"  n{position} [") and "fillcolor=" in row for row in dot)


@pytest.mark.parametrize("sideways", [False, True])
@pytest.mark.parametrize("parts", [1, 3])
def test_no_edge_runs_through_a_box(sideways, parts):
    """Law: an edge passes a layer in a column of its own; also in a flow whose parts do not hang together."""
    count = 40
    edges = [(on, node) for node in range(1, count) for on in {node - 1, node // 2, max(0, node - 7)}]
    if sideways:
        edges = [(0, node) for node in range(1, 20)] + [(node, node + 19) for node in range(1, 20)]
        edges += [(node, count - 1) for node in range(20, count - 1)] + [(0, 30)]
    edges = [(one + part * count, other + part * count) for part in range(parts) for one, other in edges]
    count *= parts
    laid = place(picture(plain(count), edges))
    taken = set(laid.boxes)
    assert len(taken) == count
    assert sorted(path.edge for path in laid.paths) == sorted(edges)
    for path in laid.paths:
        ends = path.spans[0], path.spans[-1]
        assert [(span.across, span.begin) for span in ends] == [laid.boxes[end] for end in path.edge]
        layers = [span.begin for span in path.spans]
        assert layers == [layers[0] + step for step in range(len(layers))]
        for span in path.spans[1:-1]:
            assert min(abs(span.across - x) for x, y in laid.boxes if y == span.begin) >= 0.64


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_no_box_stands_on_another_and_a_chain_is_straight(count, chance):
    """Law: in whatever graph, boxes of a layer keep their distance and stay in the picture; what can be straight is."""
    edges = sorted({(chance.randrange(node), node) for node in range(1, count) for _ in range(chance.randint(0, 2))})
    laid = place(picture(plain(count), edges))
    rows = {}
    for across, along in laid.boxes:
        rows.setdefault(along, []).append(across)
    for row in rows.values():
        assert all(after - before >= 0.999 for before, after in itertools.pairwise(sorted(row)))
    assert min(min(row) for row in rows.values()) >= -1e-9
    assert max(max(row) for row in rows.values()) <= laid.across - 1 + 1e-9
    chain = place(picture(plain(count), list(itertools.pairwise(range(count)))))
    assert max(abs(across) for across, _ in chain.boxes) < 1e-9


def test_every_text_that_fits_a_box_is_whole_and_a_long_title_is_in_its_tooltip():
    """Law: a box is as wide as its texts; a title makes no picture wider than a page."""
    note = "6/6 · 6.1 s"
    svg = write_svg(picture([PictureNode(title="sub", subtitle="flow inner", state="succeeded", note=note)]))
    assert f"succeeded · {note}" in drawn_texts(svg)
    for chars in range(1, 31):
        texts = drawn_texts(
            write_svg(picture([PictureNode(title="t" * chars, subtitle="s" * chars, note="n" * chars)]))
        )
        assert {"t" * chars, "s" * chars, "n" * chars} <= set(texts)
    svg = write_svg(Picture(title="t" * 200, subtitle="s" * 200, nodes=(), edges=()))
    assert float(ET.fromstring(svg).get("width")) < 800
    (heading, summary) = list(ET.fromstring(svg).iter(f"{SVG}text"))
    assert heading.text.endswith("…")
    assert [one.find(f"{SVG}title").text for one in (heading, summary)] == ["t" * 200, "s" * 200]


def test_nodes_without_edges_stand_in_rows():
    """Law: a thousand independent nodes are no line of a thousand boxes."""
    laid = place(picture(plain(1000)))
    assert len(set(laid.boxes)) == 1000
    assert laid.across <= 8


def test_a_thousand_nodes_are_drawn_in_seconds():
    """Law: large flows too."""
    edges = sorted(
        {(max(0, node - 1 - node * 7 % 23), node) for node in range(1, 1000)}
        | {(node // 3, node) for node in range(1, 1000)}
    )
    begun = time.process_time()
    svg = write_svg(picture(plain(1000), edges))
    assert time.process_time() - begun < 20
    assert sum(1 for _ in ET.fromstring(svg).iter(f"{SVG}polygon")) == len(edges)


@pytest.mark.parametrize(
    ("count", "edges"),
    [
        (layout_module.MAX_NODES + 1, []),
        (200, [(one, other) for other in range(200) for one in range(other)]),
        (1990, [(node, node + 1) for node in range(1989)] + [(0, node) for node in range(2, 1990)]),
    ],
    ids=["nodes", "edges", "long edges"],
)
def test_what_is_too_large_for_svg_is_refused_with_advice(count, edges):
    """Law: refused at once; the other formats still work."""
    large = picture(plain(count), edges)
    with pytest.raises(RequestError, match=r"too large for svg.*dot or mermaid"):
        write_svg(large)
    assert write_dot(large).count(" -> ") == write_mermaid(large).count(" --> ") == len(edges)


def test_without_the_extra_svg_says_what_to_install(monkeypatch):
    """Law: one sentence with the command; mermaid and dot need nothing."""
    monkeypatch.setitem(sys.modules, "igraph", None)
    one = picture(plain(2), [(0, 1)])
    with pytest.raises(RequestError, match=r"pip install 'dagger-actors\[graph\]'"):
        write_svg(one)
    assert svg_if_it_can_be(one) == ""
    assert "n0 --> n1" in write_mermaid(one)
    assert "n0 -> n1" in write_dot(one)


@given(st.lists(texts, min_size=1, max_size=4), texts, st.sampled_from([None, *STATES]))
def test_hostile_text_stays_text_in_every_format(ids, name, state):
    """Law: svg is well-formed XML with no element of the text's; dot parses to as many nodes; mermaid keeps its shape."""
    nodes = [
        PictureNode(title=line(text), subtitle=line(text), is_mapped=number % 2 == 1, state=state, note=line(text),
                    facts=(("error", line(text)), ("output", line(text))))
        for number, text in enumerate(ids)
    ]  # fmt: skip
    hostile = picture(nodes, [(0, last) for last in range(1, len(ids))], title=line(name), subtitle=line(name))
    svg = write_svg(hostile)
    root = ET.fromstring(svg)
    allowed = {f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "rect", "text", "path", "polygon", "g")}
    assert {element.tag for element in root.iter()} <= allowed
    assert (root.find(f"{SVG}title").text or "") == line(name)
    assert not any(attribute.startswith(("on", "href")) for element in root.iter() for attribute in element.attrib)
    rows = write_mermaid(hostile).split("\n")
    assert rows[3] in ("flowchart TD", "flowchart LR")
    boxes = [row for row in rows if row.startswith("  n") and '["' in row]
    assert len(boxes) == len(ids)
    for row in boxes:
        inside = row.partition('["')[2].rpartition('"]')[0].replace("<br/>", "")
        assert not set(inside) & set('"<>[]{}\\`|\n')
    rows = write_dot(hostile).split("\n")
    assert re.fullmatch(f"digraph {QUOTED} {{", rows[0])
    assert all(DOT_NODE.fullmatch(row) for row in rows[4 : 4 + len(ids)])
    assert rows[4 + len(ids) :] == [f"  n0 -> n{last};" for last in range(1, len(ids))] + ["}", ""]


def test_text_is_made_visible_counted_and_cut():
    """Law: one line, in cells; control characters are seen, not obeyed."""
    assert visible("a\x1b\n\ud800\u202eé") == "a\\x1b\\n\\ud800\\u202eé"
    assert (width("ab"), width("漢字")) == (2, 4)
    assert [shorten("abcdef", cells) for cells in (6, 5, 1)] == ["abcdef", "abcd…", "…"]
    assert shorten("漢字漢字", 5) == "漢字…"


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0 ms"), (40, "0 ms"), (400, "0.4 ms"), (2_000, "2 ms"), (12_400, "12 ms"), (3_240_000, "3.2 s"), (59_960_000, "1 min 00 s"), (245_000_000, "4 min 05 s"), (7_380_000_000, "2 h 03 min"), (428_400_000_000, "4 d 23 h")],
)  # fmt: skip
def test_durations_are_written_as_people_read_them(us, text):
    """Law: the largest two units."""
    assert duration(us) == text
