"""Many nodes that stand alike are a block in a picture, with one arrow to all of them."""

import itertools
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.drawing.folding import MOST_ALIKE, Block, folded
from dagger_actors.drawing.layout import place
from dagger_actors.drawing.picture import Mark, Picture, PictureNode
from dagger_actors.drawing.svg import write_svg

SVG = "{http://www.w3.org/2000/svg}"
STAR = [(0, ray) for ray in range(1, 61)]
GATHERED = [*STAR, *((ray, 61) for ray in range(1, 61))]


def picture(count, edges, marks=None):
    nodes = tuple(PictureNode(title=f"node {number}", subtitle="act") for number in range(count))
    return Picture(title="t", subtitle="", nodes=nodes, edges=tuple(edges), marks=marks or {})


def drawn(made):
    """The places of the frames, the boxes, and where each arrow begins and ends, in pixels."""
    root = ET.fromstring(write_svg(made))
    rects = {kind: [] for kind in ("block", "box")}
    for parent in root.iter():
        for rect in parent.findall(f"{SVG}rect"):
            kind = "box" if parent.get("class", "").startswith("node") else rect.get("class", "")
            if kind in rects:
                x, y, wide, high = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
                rects[kind].append((x, y, x + wide, y + high))
    heads = [head.get("points").split(" ")[0] for head in root.iter(f"{SVG}polygon")]
    tips = [tuple(map(float, head.split(","))) for head in heads]
    return rects["block"], rects["box"], tips, (float(root.get("width")), float(root.get("height")))


@pytest.mark.parametrize(
    ("count", "edges", "arrows"),
    [(61, STAR, 1), (61, [(ray, 0) for ray in range(1, 61)], 1), (62, GATHERED, 2)],
    ids=["from one", "to one", "between two"],
)
def test_a_star_of_sixty_is_a_block_that_one_arrow_leads_to(count, edges, arrows):
    """Law: as wide as high, each box within the frame, each arrow with its tip at the frame or at a box."""
    blocks, boxes, tips, (wide, high) = drawn(picture(count, edges))
    ((left, top, right, low),) = blocks
    inside = [box for box in boxes if left < box[0] and box[2] < right and top < box[1] and box[3] < low]
    assert (len(boxes), len(inside), len(tips)) == (count, 60, arrows)
    assert max(wide, high) < 1_500
    edges_of_boxes = [(left, top, right, low), *(box for box in boxes if box not in inside)]
    for x, y in tips:
        assert any(at[0] <= x <= at[2] and abs(y - at[1]) < 0.11 for at in edges_of_boxes)


def test_only_nodes_with_the_same_edges_of_the_same_kind_are_alike():
    """Law: a node with an edge more, or one that was added where others are waited for, stands by itself; a few nodes do too."""
    dashed = {(0, ray): Mark(is_dashed=True) for ray in range(31, 61)}
    graph = folded(62, [*STAR, (5, 61)], dashed)
    assert [len(block.members) for block in graph.blocks if len(block.members) > 1] == [29, 30]
    assert sorted(node for block in graph.blocks for node in block.members) == list(range(62))
    assert len(graph.edges) == len(set(graph.edges)) == 4
    assert {graph.shown[number] for number in range(4)} == {(0, 1), (0, 5), (0, 31), (5, 61)}
    few = folded(MOST_ALIKE + 1, STAR[:MOST_ALIKE], {})
    assert [block.members for block in few.blocks] == [(node,) for node in range(MOST_ALIKE + 1)]
    assert len(folded(30, [], {}).blocks) == 30


@given(st.integers(1, 3_000))
def test_a_block_is_about_as_many_rows_as_columns_and_holds_all(count):
    """Law: no row is empty."""
    block = Block(tuple(range(count)))
    assert (block.rows - 1) * block.columns < count <= block.rows * block.columns
    assert block.columns - 1 <= block.rows <= block.columns


@given(st.integers(0, 30), st.lists(st.tuples(st.integers(0, 12), st.integers(9, 40)), max_size=3), st.randoms())
def test_nothing_stands_on_anything_else_where_there_are_blocks(count, stars, chance):
    """Law: neither box on box, nor box on the frame of others, nor an arrow's way through a layer on a box."""
    edges = {(chance.randrange(node), node) for node in range(1, count) for _ in range(chance.randint(0, 2))}
    for hub, rays in stars:
        first = count = max(count, hub + 1)
        count += rays
        edges |= {(hub, ray) for ray in range(first, count)}
        if chance.random() < 0.5:
            edges |= {(ray, count) for ray in range(first, count)}
            count += 1
    made = picture(count, sorted(edges))
    laid = place(made)
    assert len(laid.boxes) == count
    for one, other in itertools.combinations(laid.boxes, 2):
        assert max(abs(one[0] - other[0]), abs(one[1] - other[1])) >= 0.999
    for (left, top), (right, low) in laid.frames:
        inside = [at for at in laid.boxes if left - 0.99 < at[0] < right + 0.99 and top - 0.99 < at[1] < low + 0.99]
        assert all(left - 0.001 < x < right + 0.001 and top <= y <= low for x, y in inside)
    for path in laid.paths:
        for span in path.spans[1:-1]:
            passed = [x for x, y in laid.boxes if span.begin <= y <= span.end]
            assert min((abs(span.across - x) for x in passed), default=1) >= 0.64
    blocks, boxes, _, (wide, high) = drawn(made)
    assert all(left >= 0 and top >= 0 and right <= wide and low <= high for left, top, right, low in [*blocks, *boxes])
