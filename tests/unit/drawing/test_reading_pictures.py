"""Pictures for whoever looks at them, or cannot: errors in the boxes, contrast, legends, descriptions, texts in their place."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.drawing.chart import Chart, Row, Segment
from dagger_actors.drawing.dot import write_dot
from dagger_actors.drawing.gantt import write_gantt
from dagger_actors.drawing.measure import REGULAR, pixels
from dagger_actors.drawing.mermaid import write_mermaid
from dagger_actors.drawing.palette import DARK, LIGHT
from dagger_actors.drawing.picture import STATES, Mark, Picture, PictureNode
from dagger_actors.drawing.svg import write_svg
from dagger_actors.drawing.text import visible

SVG = "{http://www.w3.org/2000/svg}"
ERROR = "RuntimeError: the file records.parquet is not there, or is not readable by this user; nothing was written"


def picture(*nodes, edges=(), **fields):
    return Picture(title="t", subtitle="", nodes=nodes, edges=edges, **fields)


def node(title, **fields):
    return PictureNode(**{"title": title, "subtitle": "act"} | fields)


def lines(svg, title):
    """The lines of a box."""
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if (group.findtext(f"{SVG}title") or "").split("\n")[0] == title:
            return [text.text for text in group.findall(f"{SVG}text")]
    raise AssertionError(title)


def test_a_failed_node_says_in_its_box_with_what_in_each_format():
    """Law: as much as there is room for, whole in the tooltip; nobody else's box has an empty line for it."""
    failed = node("bad", state="failed", note="1 s", remark=ERROR, facts=(("error", ERROR),))
    made = picture(node("good", state="succeeded", note="1 s"), failed)
    svg = write_svg(made)
    assert lines(svg, "good") == ["good", "act", "succeeded · 1 s"]
    *others, told = lines(svg, "bad")
    assert others == ["bad", "act", "failed · 1 s"]
    assert told.endswith("…")
    assert ERROR.startswith(told[:-1])
    assert len(told) > 30
    assert f"error: {ERROR}" in svg
    assert "RuntimeError: the file records.parquet is not there" in write_dot(made)
    assert "RuntimeError#58; the file records.parquet is not there" in write_mermaid(made)


def luminance(colour):
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def blended(text, ground, opacity):
    parts = ((int(text[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(one * opacity + other * (1 - opacity)):02x}" for one, other in parts)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_of_a_box_has_the_contrast_that_people_need(colours):
    """Law: 4.5 to 1, of the faintest text there is.

    Source: WCAG 2.2, "Contrast (Minimum)".
    """
    opacities = {float(found) for found in re.findall(r"[{;]opacity:([.\d]+)", write_svg(picture(node("a"))))}
    assert set(colours) == set(STATES)
    for state, colour in colours.items():
        assert contrast(blended(colour.text, colour.fill, min(opacities)), colour.fill) >= 4.5, state


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_edges_and_headings_are_seen_on_their_ground(dark):
    """Law: 3 to 1 for lines, 4.5 to 1 for texts, in pictures and in charts.

    Source: WCAG 2.2, "Non-text Contrast".
    """
    made = picture(node("a"), node("b"), edges=((0, 1),), marks={(0, 1): Mark(label="calls")})
    style = write_svg(made).partition("@media")[2 * dark]
    ground = re.search(r"\.ground{fill:(#\w+)}", style)[1]
    for rule, least in ((r"\.edge{stroke:(#\w+)}", 3), (r"\.heading{fill:(#\w+)}", 4.5), (r"\.label{fill:(#\w+)", 4.5)):
        assert contrast(re.search(rule, style)[1], ground) >= least, rule
    style = write_gantt(chart()).partition("@media")[2 * dark]
    for place in ("ground", "band"):
        ground = re.search(rf"\.{place}{{fill:(#\w+)}}", style)[1]
        assert contrast(re.search(r"\.tick{fill:(#\w+)}", style)[1], ground) >= 4.5


def chart(*rows):
    return Chart(title="t", subtitle="run r", start_us=0, end_us=10, rows=rows)


def row(title, state, note=""):
    return Row(
        title=title, state=state, note=note, segments=(Segment(kind="running", start_us=0, end_us=5, state=state),)
    )


def test_who_does_not_see_a_picture_is_told_what_it_shows():
    """Law: a title, and a description with how many are in which state and what went wrong; a chart row by row; both bounded."""
    nodes = [node(f"ok{number}", state="succeeded") for number in range(3)]
    nodes += [node(f"bad{number}", state="timed_out", remark="too slow") for number in range(20)]
    for svg, told in (
        (write_svg(picture(*nodes)), ["23 nodes: 3 succeeded, 20 timed out", "bad0: too slow", "and 8 more"]),
        (write_svg(picture(node("a"), node("b"))), ["2 nodes: a, b"]),
        (write_gantt(chart(row("a", "failed", "1 s · no"))), ["run r", "a: failed · 1 s · no"]),
        (write_gantt(chart(*(row(f"r{number}", "failed") for number in range(300)))), ["r99: failed", "and 200 more"]),
    ):
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
        assert set(told) <= set(root[1].text.split("\n"))


@pytest.mark.parametrize("count", [1, 2, 5, len(STATES)])
def test_no_word_of_a_legend_stands_on_another_or_over_the_edge(count):
    """Law: they stand in as many lines as they need, also below a narrow picture."""
    edges = [(0, 1)] if count > 1 else []
    made = [node(state, state=state) for state in STATES[:count]]
    for svg in (
        write_svg(picture(*made, edges=tuple(edges), marks={edge: Mark(is_dashed=True) for edge in edges})),
        write_gantt(chart(*(row(state, state) for state in STATES[:count]))),
    ):
        root = ET.fromstring(svg)
        wide, high = float(root.get("width")), float(root.get("height"))
        words = [text for text in root.findall(f"{SVG}text") if text.get("class") == "summary"][1:]
        assert len(words) >= count
        ends = {}
        for word in words:
            x, y = float(word.get("x")), float(word.get("y"))
            assert x > ends.get(y, 0)
            ends[y] = x + pixels(word.text, 12.0, REGULAR)
            assert ends[y] <= wide
            assert y + 8 <= high


def test_labels_stand_above_all_edges():
    """Law: no line is drawn over a word."""
    marks = {(0, 1): Mark(label="one"), (0, 2): Mark(label="two")}
    made = picture(node("a"), node("b"), node("c"), edges=((0, 1), (0, 2)), marks=marks)
    kinds = [child.get("class") for child in ET.fromstring(write_svg(made))]
    assert kinds.index("label") > max(at for at, kind in enumerate(kinds) if kind in ("edge", "head"))


def test_marks_that_are_piled_up_are_written_out():
    """Law: a letter has the few marks that writing needs; no pile of them is drawn over other lines."""
    pointed = "שָּׁלוֹם phở é ที่นี่ हिन्दी"
    assert visible(pointed) == pointed
    assert visible("e" + "\u0301" * 6 + "x") == "e" + "\u0301" * 4 + "\\u0301\\u0301x"
    assert visible("👩\u200d🚀") == "👩\u200d🚀"


@given(st.text(alphabet="a\u0301\u0335\u20dd\u0e34", max_size=40))
def test_no_text_that_is_shown_has_a_pile(text):
    """Law: whatever the marks are."""
    assert not re.search("[\u0301\u0335\u20dd\u0e34]{5}", visible(text))


def test_signs_as_wide_as_words_are_taken_for_that():
    """Law: none of them makes a name stand over its box."""
    assert pixels("\ufdfd", 1) >= 10
    assert pixels("\ufdfa\u2e3b\ua9c5", 1) >= 9
    assert pixels("\U0001242b", 1) >= 3


@pytest.mark.parametrize(
    ("count", "edges", "is_wide"),
    [
        (61, [(0, ray) for ray in range(1, 61)], True),
        (30, [], True),
        (9, [(0, ray) for ray in range(1, 9)], False),
        (20, [(one, one + 1) for one in range(19)], False),
        (0, [], False),
    ],
    ids=["star", "alone", "few", "chain", "none"],
)
def test_a_wide_graph_goes_from_left_to_right(count, edges, is_wide):
    """Law: what others draw from our text is no line of sixty boxes; what fits a page goes from top to bottom."""
    made = picture(*(node(f"n{number}") for number in range(count)), edges=tuple(edges))
    assert ("rankdir=LR" in write_dot(made), "flowchart LR" in write_mermaid(made)) == (is_wide, is_wide)
    assert ("rankdir=TB" in write_dot(made), "flowchart TD" in write_mermaid(made)) == (not is_wide, not is_wide)


def test_a_long_error_makes_no_wide_picture_of_graphviz():
    """Law: Graphviz is as wide as the longest text, so that one is cut."""
    made = Picture(title="t", subtitle=f"run r · failed · {ERROR * 3}"[:200], nodes=(node("a"),), edges=())
    label = re.search(r'label="t\\n([^"]*)"', write_dot(made))[1]
    assert (len(label), label[-1]) == (100, "…")


def test_what_joins_the_parts_of_an_emoji_takes_no_room():
    """Law: a rocket's pilot is as wide as the two signs it is made of, at most."""
    assert pixels("👩\u200d🚀\ufe0f", 10) == pixels("👩🚀", 10)
