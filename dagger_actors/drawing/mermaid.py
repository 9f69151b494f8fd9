"""Writes a picture as a Mermaid flowchart."""

from __future__ import annotations

import json
import re

from dagger_actors.drawing.layers import is_wide
from dagger_actors.drawing.palette import LIGHT
from dagger_actors.drawing.picture import Mark, Picture, PictureNode
from dagger_actors.drawing.text import shorten

__all__ = ["write_mermaid"]

LABEL = 60
PLAIN_EDGE = Mark()
# Mermaid's own escape is `#` and a decimal code; a label is markdown and HTML to it, so all ASCII but this is escaped.
PLAIN = re.compile(r"[^A-Za-z0-9 .,/\u0080-\U0010ffff]")


def write_mermaid(picture: Picture) -> str:
    """Write a flowchart: mapped nodes have a double frame, calls a notch, states have their colour as a class."""
    # The title stands in YAML, where JSON is a valid scalar.
    lines = ["---", f"title: {json.dumps(picture.title)}", "---", f"flowchart {'LR' if is_wide(picture) else 'TD'}"]
    if picture.subtitle:
        lines.append(f"  %% {escape(picture.subtitle)}")
    lines += [f"  n{position}{_shape(node)}" for position, node in enumerate(picture.nodes)]
    lines += [_edge(one, other, picture.marks.get((one, other), PLAIN_EDGE)) for one, other in picture.edges]
    by_state: dict[str, list[str]] = {}
    for position, node in enumerate(picture.nodes):
        if node.state is not None:
            by_state.setdefault(node.state, []).append(f"n{position}")
    for state, members in by_state.items():
        colour = LIGHT[state]
        dashed = ",stroke-dasharray:4 3" if state == "skipped" else ""
        lines.append(f"  classDef {state} fill:{colour.fill},stroke:{colour.line},color:{colour.text}{dashed}")
        lines.append(f"  class {','.join(members)} {state}")
    return "\n".join(lines) + "\n"


def _edge(one: int, other: int, mark: Mark) -> str:
    if mark.heads == "start":
        one, other = other, one
    shaft = "-.-" if mark.is_dashed else "--"
    arrow = f"<{shaft}>" if mark.heads == "both" else f"{shaft}>"
    label = f'|"{escape(shorten(mark.label, LABEL))}"|' if mark.label else ""
    return f"  n{one} {arrow}{label} n{other}"


def _shape(node: PictureNode) -> str:
    shown = [node.title, node.subtitle]
    if node.state is not None:
        shown.append(node.state.replace("_", " "))
    shown += [node.note, node.remark]
    label = "<br/>".join(escape(shorten(text, LABEL)) for text in shown if text)
    if node.is_aside:
        return f'>"{label}"]'
    if node.is_whole:
        return f'[/"{label}"/]'
    return f'[["{label}"]]' if node.is_mapped else f'["{label}"]'


def escape(text: str) -> str:
    """Escape what a Mermaid label would read as more than text."""
    return PLAIN.sub(lambda found: f"#{ord(found.group())};", text)
