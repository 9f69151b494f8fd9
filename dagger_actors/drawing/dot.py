"""Writes a picture in Graphviz' DOT language."""

from __future__ import annotations

from dagger_actors.drawing.layers import is_wide
from dagger_actors.drawing.palette import LIGHT
from dagger_actors.drawing.picture import Mark, Picture, PictureNode
from dagger_actors.drawing.text import shorten

__all__ = ["write_dot"]

LABEL, HEADING = 60, 100
"""Cells of the lines of a box, and of the line below the title: Graphviz makes a picture as wide as its longest text."""
PLAIN_EDGE = Mark()


def write_dot(picture: Picture) -> str:
    """Write a directed graph: mapped nodes have two frames, calls a dog's ear, states their colour, the rest is in tooltips."""
    heading = quoted(picture.title, shorten(picture.subtitle, HEADING))
    lines = [
        f"digraph {quoted(picture.title)} {{",
        f"  label={heading}; labelloc=t; fontname=Helvetica; rankdir={'LR' if is_wide(picture) else 'TB'};",
        "  node [shape=box, style=rounded, fontname=Helvetica, fontsize=11];",
        '  edge [arrowsize=0.7, color="#7c8798"];',
    ]
    lines += [f"  n{position} [{_attributes(node)}];" for position, node in enumerate(picture.nodes)]
    lines += [
        f"  n{one} -> n{other}{_mark(picture.marks.get((one, other), PLAIN_EDGE))};" for one, other in picture.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _mark(mark: Mark) -> str:
    parts = [f"label={quoted(shorten(mark.label, LABEL))}, fontname=Helvetica, fontsize=9"] if mark.label else []
    if mark.is_dashed:
        parts.append("style=dashed")
    if mark.heads != "end":
        parts.append("dir=both" if mark.heads == "both" else "dir=back")
    return f" [{', '.join(parts)}]" if parts else ""


def _attributes(node: PictureNode) -> str:
    shown = [node.title, node.subtitle]
    if node.state is not None:
        shown.append(node.state.replace("_", " "))
    shown += [node.note, node.remark]
    parts = [f"label={quoted(*(shorten(text, LABEL) for text in shown if text))}"]
    parts.append(f"tooltip={quoted(*(f'{name}: {text}' for name, text in node.facts))}")
    if node.is_mapped:
        parts.append("peripheries=2")
    if node.is_whole:
        parts.append("shape=box3d")
    if node.is_aside:
        parts.append("shape=note")
    if node.state is not None:
        colour = LIGHT[node.state]
        style = "rounded,filled,dashed" if node.state == "skipped" else "rounded,filled"
        parts.append(f'style="{style}", fillcolor="{colour.fill}", color="{colour.line}", fontcolor="{colour.text}"')
    return ", ".join(parts)


def quoted(*lines: str) -> str:
    r"""Write lines as one quoted string in which nothing is an escape of Graphviz (``\N`` is the node's name)."""
    # Graphviz decodes HTML entities in every label: the text `&lt;` must not become `<`.
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
