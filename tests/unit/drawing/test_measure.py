"""How wide texts stand in pictures that are written without a font."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.drawing.measure import BOLD, REGULAR, cut, pixels
from dagger_actors.drawing.picture import Picture, PictureNode
from dagger_actors.drawing.svg import write_svg

# What a browser measures, in hundredths of the font's size.
DEJAVU_BOLD = {
    "W": 110,
    "M": 100,
    "w": 92,
    "m": 104,
    "n": 71,
    "e": 68,
    "a": 67,
    "_": 50,
    "i": 34,
    "0": 70,
    "…": 100,
    " ": 35,
}
DEJAVU = {
    "W": 99,
    "M": 86,
    "w": 82,
    "m": 97,
    "n": 63,
    "e": 62,
    "a": 61,
    "_": 50,
    "i": 28,
    "0": 64,
    "%": 95,
    "+": 84,
    "…": 100,
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("weight", "widths"), [(BOLD, DEJAVU_BOLD), (REGULAR, DEJAVU)])
def test_no_character_is_wider_in_the_widest_font_than_it_is_taken_to_be(weight, widths):
    """Law: what is measured is an upper bound, by a tenth or so for what names are made of."""
    for character, hundredths in widths.items():
        assert hundredths <= round(pixels(character, 100.0, weight), 6), character
    name = "load_new_names"
    true = sum(widths.get(character, 70) for character in name)
    assert pixels(name, 100.0, weight) < true * 1.25


@pytest.mark.parametrize(
    "title", ["W" * 40, "node_000_with_a_very_long_name_that_never_seems_to_end", "漢" * 40, "i" * 100]
)
def test_no_name_stands_over_its_box(title):
    """Law: a long name is cut where its box ends, however wide its characters are."""
    node = PictureNode(title=title, subtitle="act", state="succeeded", note="1 ms")
    root = ET.fromstring(write_svg(Picture(title="t", subtitle="", nodes=(node,), edges=())))
    box = next(group for group in root.iter(f"{SVG}g") if "node" in group.get("class", ""))
    drawn = box.find(f"{SVG}text").text
    true = sum(DEJAVU_BOLD.get(character, {"漢": 100}.get(character, 73)) for character in drawn) * 0.13
    assert true <= float(box.find(f"{SVG}rect").get("width"))


@given(st.text(max_size=60), st.floats(20, 400))
def test_what_is_cut_fits_and_ends_with_an_ellipsis(text, room):
    """Law: a text that fits is whole; of another one as much is left as fits."""
    shown = cut(text, room, 13.0)
    if pixels(text, 13.0) <= room:
        assert shown == text
        return
    assert shown.endswith("…")
    assert text.startswith(shown[:-1])
    assert pixels(shown, 13.0) <= room + 1e-6
