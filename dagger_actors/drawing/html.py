"""Small tables for notebooks: self-contained, bounded, and every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["ROWS", "table_html"]

ROWS = 100
"""Rows that are shown; the rest is counted."""
LONGEST = 200

STYLE = (
    "font:13px/1.5 system-ui,sans-serif;border-collapse:collapse;margin:4px 0",
    "text-align:left;padding:2px 12px 2px 0;border-bottom:1px solid #8884",
)


def table_html(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, picture: str = "") -> str:
    """Write a heading, an optional picture and a table.

    Args:
        title: One line above it.
        headings: Of the columns.
        rows: As many cells each; at most ``ROWS`` are shown.
        picture: An SVG document of ours, put between the two as it is.
    """
    whole, cell = STYLE
    head = "".join(f'<th style="{cell}">{_text(heading)}</th>' for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td style={chr(34)}{cell}{chr(34)}>{_text(text)}</td>' for text in row)}</tr>"
        for row in rows[:ROWS]
    )
    more = f"<p>... and {len(rows) - ROWS:,} more</p>" if len(rows) > ROWS else ""
    return (
        f'<div><p style="font:15px system-ui,sans-serif"><b>{_text(title)}</b></p>{picture}'
        f'<table style="{whole}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}</div>'
    )


def _text(text: str) -> str:
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    # Control characters have no place in HTML, and some browsers drop a page at them.
    return escape("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in shown))
