"""The page of the review: one HTML file, readable without a network, in light and dark; everything from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["page_of"]

STYLE = """
:root{--ink:#1b1f24;--soft:#667085;--line:#e4e7ec;--back:#fbfbfa;--card:#fff;--c0:#c2564b;--c1:#3b6ea8;--c2:#b7892b;--c3:#5b8c5a}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#98a2b3;--line:#2c3138;--back:#14171b;--card:#1b1f25;
--c0:#e07a70;--c1:#6ea3dc;--c2:#dda94b;--c3:#7fb57d}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:980px;margin:0 auto;padding:44px 24px 80px}h1{font-size:30px;line-height:1.2;margin:0 0 6px}
p{margin:0;color:var(--soft);max-width:68ch}.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;
margin:26px 0}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.card b{display:block;font-size:24px;font-variant-numeric:tabular-nums}.card span,.key{color:var(--soft)}
.key{display:flex;flex-wrap:wrap;gap:18px;margin:0 0 14px}.key i{display:inline-block;width:11px;height:11px;border-radius:3px;
margin-right:7px}.k0{background:var(--c0)}.k1{background:var(--c1)}.k2{background:var(--c2)}.k3{background:var(--c3)}
ol{list-style:none;margin:0;padding:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
li+li{border-top:1px solid var(--line)}summary{display:grid;grid-template-columns:34px minmax(110px,1fr) minmax(0,2.4fr) 84px;
gap:14px;align-items:center;padding:10px 16px;cursor:pointer;list-style:none}summary::-webkit-details-marker{display:none}
summary:hover{background:var(--back)}.rank{color:var(--soft);font-variant-numeric:tabular-nums;text-align:right}
.name{font-weight:600;overflow-wrap:anywhere}.name small{display:block;font-weight:400;color:var(--soft)}
.bar{display:flex;height:14px;border-radius:4px;overflow:hidden}.rate{text-align:right;font-variant-numeric:tabular-nums}
.rate small{display:block;color:var(--soft)}.late{color:var(--c0)}.notes{padding:2px 16px 16px 64px;display:grid;gap:5px}
.notes div{display:grid;grid-template-columns:11px minmax(0,1fr);gap:10px;align-items:baseline}.notes i{width:11px;height:11px;
border-radius:3px}code{font:12.5px ui-monospace,monospace;color:var(--soft)}
@media(max-width:640px){summary{grid-template-columns:26px 1fr 76px}.bar{grid-column:2/4;grid-row:2}.notes{padding-left:16px}}
"""


def page_of(library: str, critics: Sequence[str], ranking: Sequence[Mapping[str, Any]]) -> str:
    """Write the page.

    Args:
        library: What was reviewed with.
        critics: In the order of their colours.
        ranking: The standings as plain data, in order.

    Returns:
        One HTML document that loads nothing; the same for the same ranking.
    """
    most = max((rate(one) for one in ranking), default=0.0) or 1.0
    rows = "".join(row(place, one, critics, most) for place, one in enumerate(ranking, start=1))
    missing = sum(one["missing_count"] for one in ranking)
    figures = {
        "packages": len(ranking),
        "modules": sum(one["modules"] for one in ranking),
        "lines": sum(one["lines"] for one in ranking),
        "remarks": sum(map(total, ranking)),
        "modules not judged": missing,
    }
    cards = "".join(
        f'<div class="card"><b{" class=late" if name.endswith("judged") and number else ""}>{number:,}</b>'
        f"<span>{escape(name)}</span></div>"
        for name, number in figures.items()
    )
    key = "".join(f'<span><i class="k{at}"></i>{escape(name)}</span>' for at, name in enumerate(critics))
    text = (
        "Where an hour of tidying up goes furthest: packages by the remarks of four critics for each hundred lines. "
        "A click shows some of them."
    )
    head = (
        "<meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Review, {escape(library)}</title><style>{STYLE}</style>"
    )
    body = (
        f'<h1>The review board</h1><p>{escape(library)}. {text}</p><div class="cards">{cards}</div>'
        f'<div class="key">{key}</div><ol>{rows}</ol>'
    )
    return f"<!doctype html><html lang=en><head>{head}</head><body><main>{body}</main></body></html>\n"


def total(standing: Mapping[str, Any]) -> int:
    """All remarks about a package."""
    return sum(standing["counts"].values())


def rate(standing: Mapping[str, Any]) -> float:
    """Remarks for each hundred lines."""
    lines: int = standing["lines"]
    return 100 * total(standing) / max(1, lines)


def row(place: int, standing: Mapping[str, Any], critics: Sequence[str], most: float) -> str:
    """One package: its place, its figures, and behind a click what was remarked."""
    counts = standing["counts"]
    width = 100 * rate(standing) / most
    bar = "".join(
        f'<span class="k{at}" style="width:{width * counts[name] / max(1, total(standing)):.2f}%" '
        f'title="{escape(name)}: {counts[name]:,}"></span>'
        for at, name in enumerate(critics)
    )
    late = standing["missing_count"]
    modules = f"{standing['modules']:,} modules" if standing["modules"] != 1 else "1 module"
    waiting = f' <span class="late">{late:,} not judged</span>' if late else ""
    notes = "".join(
        f'<div><i class="k{critics.index(one["critic"])}"></i><span>{escape(one["text"])} <code>{escape(one["place"])}</code>'
        "</span></div>"
        for one in standing["notes"]
    )
    absent = "".join(
        f'<div><i></i><span class="late">not judged by all <code>{escape(name)}</code></span></div>'
        for name in standing["missing"]
    )
    return (
        f'<li><details><summary><span class="rank">{place}</span><span class="name">{escape(standing["package"])}'
        f'<small>{modules}, {standing["lines"]:,} lines{waiting}</small></span><span class="bar">{bar}</span>'
        f'<span class="rate">{rate(standing):.1f}<small>{total(standing):,} in all</small></span></summary>'
        f'<div class="notes">{absent}{notes}</div></details></li>'
    )
