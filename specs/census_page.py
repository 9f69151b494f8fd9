"""The page of the census: one HTML file with its charts inside, readable without a network, in light and dark."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from census_actions import Measure, dotted

STEPS = (1, 5, 10, 20, 50, 100, 200, 500, 1000)
BARS = 20
PACKAGES = 20
LARGEST_RING = 60

STYLE = """
:root{--ink:#1b1f24;--soft:#667085;--line:#e4e7ec;--back:#fbfbfa;--card:#fff;--bar:#3b6ea8;--good:#2f855a;--mid:#b7791f;
--bad:#c05046}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#98a2b3;--line:#2c3138;--back:#14171b;--card:#1b1f25;
--bar:#6ea3dc;--good:#57b487;--mid:#dda94b;--bad:#e07a70}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:40px 24px 80px}h1{font-size:30px;margin:0}h2{font-size:19px;margin:44px 0 6px}
p{margin:4px 0 14px;color:var(--soft);max-width:70ch}.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));
gap:12px;margin-top:24px}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.card b{display:block;font-size:24px;font-variant-numeric:tabular-nums}.card span{color:var(--soft)}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;overflow-x:auto}
svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:var(--ink)}svg .soft{fill:var(--soft)}
.bar{fill:var(--bar)}.good{fill:var(--good)}.mid{fill:var(--mid)}.bad{fill:var(--bad)}.edge{stroke:var(--soft);stroke-opacity:.35}
.grid{stroke:var(--line)}input{font:inherit;padding:8px 12px;width:100%;max-width:360px;border:1px solid var(--line);
border-radius:8px;background:var(--card);color:inherit;margin:4px 0 12px}
table{border-collapse:collapse;width:100%;background:var(--card);
font-variant-numeric:tabular-nums}th,td{padding:6px 10px;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}th{cursor:pointer;position:sticky;top:0;background:var(--card);user-select:none}
th[data-on]{color:var(--bar)}details{margin:8px 0}summary{cursor:pointer}code{font-size:13px}
"""

SCRIPT = """
const rows=JSON.parse(document.getElementById('rows').textContent),body=document.querySelector('tbody'),
heads=[...document.querySelectorAll('th')],find=document.querySelector('input');let by=1,down=true;
function draw(){const text=find.value.toLowerCase();
const shown=rows.filter(r=>r[0].toLowerCase().includes(text)).sort((a,b)=>
{const c=a[by]<b[by]?-1:a[by]>b[by]?1:0;return down?-c:c});
body.replaceChildren(...shown.map(r=>{const tr=document.createElement('tr');r.forEach((v,i)=>{const td=document.createElement('td');
td.textContent=i&&typeof v==='number'?v.toLocaleString('en'):v;tr.append(td)});return tr}));
heads.forEach((h,i)=>h.toggleAttribute('data-on',i===by))}
heads.forEach((h,i)=>h.onclick=()=>{down=by===i?!down:i>0;by=i;draw()});find.oninput=draw;draw();
"""


def page_of(
    python: str,
    totals: Mapping[str, int],
    docstrings: Mapping[str, float],
    measures: Sequence[Measure],
    edges: Sequence[tuple[str, str]],
    cycles: Sequence[Sequence[str]],
) -> str:
    """Write the page.

    Args:
        python: The interpreter's version.
        totals: As ``report`` gives them.
        docstrings: The same.
        measures: All modules.
        edges: Who imports whom.
        cycles: Import cycles, the largest first.

    Returns:
        One HTML document that loads nothing.
    """
    figures = [
        *((name, f"{number:,}") for name, number in totals.items()),
        ("documented", f"{docstrings['percent']} %"),
    ]
    figures.append(("in import cycles", f"{sum(map(len, cycles)):,}"))
    cards = "".join(f'<div class="card"><b>{number}</b><span>{escape(name)}</span></div>' for name, number in figures)
    ranked = sorted(measures, key=lambda one: (-one.complexity, one.module))[:BARS]
    complex_bars = bars([(one.module, one.complexity, f"{one.complexity:,}", "bar") for one in ranked])
    parts = [
        f"<h1>The standard library of Python {escape(python)}</h1>",
        "<p>Every module that comes with the interpreter, without its tests and what was installed beside it.</p>",
        f'<div class="cards">{cards}</div>',
        section(
            "How complex modules are", "Modules by McCabe's cyclomatic number of the whole file.", histogram(measures)
        ),
        section("The most complex", "Every function and every decision counts one.", complex_bars),
        section(
            "Docstrings",
            "Public modules, classes, functions and methods that have one, by package.",
            coverage(measures),
        ),
        section("Import cycles", "Modules that import each other while they are imported.", rings(edges, cycles)),
        "<h2>All modules</h2><p>A click on a heading sorts.</p>",
        '<input type="search" placeholder="find a module" aria-label="find a module">',
        table(measures),
    ]
    title = f"<title>Census of Python {escape(python)}</title>"
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'>{title}<style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body><main>{''.join(parts)}</main></body></html>"


def section(title: str, text: str, drawing: str) -> str:
    """One heading, one sentence, one figure."""
    return f"<h2>{escape(title)}</h2><p>{escape(text)}</p><figure>{drawing}</figure>"


def bars(rows: Sequence[tuple[str, float, str, str]]) -> str:
    """Horizontal bars: label, length, text and class of each."""
    most = max((length for _, length, _, _ in rows), default=1) or 1
    drawn = []
    for at, (label, length, text, kind) in enumerate(rows):
        y, width = at * 24, max(2.0, 600 * length / most)
        drawn.append(
            f'<text x="290" y="{y + 16}" text-anchor="end">{escape(label[-46:])}</text>'
            f'<rect class="{kind}" x="300" y="{y + 4}" width="{width:.1f}" height="16" rx="3"/>'
            f'<text class="soft" x="{308 + width:.1f}" y="{y + 16}">{escape(text)}</text>'
        )
    return f'<svg viewBox="0 0 1020 {len(rows) * 24 + 4}" role="img">{"".join(drawn)}</svg>'


def histogram(measures: Sequence[Measure]) -> str:
    """Modules by complexity, in steps that grow."""
    counts: Counter[int] = Counter(
        sum(one.complexity >= step for step in STEPS) for one in measures if not one.unparsed
    )
    labels = [
        "0",
        *(f"{low} to {high - 1}" for low, high in pairwise(STEPS)),
        f"{STEPS[-1]} and more",
    ]
    most = max(counts.values(), default=1)
    drawn = []
    for at, label in enumerate(labels[1:], start=1):
        height, x = 180 * counts[at] / most, (at - 1) * 112 + 12
        drawn.append(
            f'<rect class="bar" x="{x}" y="{200 - height:.1f}" width="88" height="{height:.1f}" rx="3"/>'
            f'<text x="{x + 44}" y="{194 - height:.1f}" text-anchor="middle">{counts[at]}</text>'
            f'<text class="soft" x="{x + 44}" y="218" text-anchor="middle">{label}</text>'
        )
    return f'<svg viewBox="0 0 1020 226" role="img">{"".join(drawn)}</svg>'


def coverage(measures: Sequence[Measure]) -> str:
    """The share of public definitions with a docstring, by package, the largest packages first."""
    public: Counter[str] = Counter()
    documented: Counter[str] = Counter()
    for one in measures:
        package = dotted(one.module).split(".")[0] if "/" in one.module else "(single modules)"
        public[package] += one.public
        documented[package] += one.documented
    rows = []
    for package, count in public.most_common(PACKAGES):
        share = documented[package] / count if count else 0.0
        kind = "good" if share >= 0.7 else "mid" if share >= 0.4 else "bad"
        rows.append((package, share, f"{share:.0%} of {count:,}", kind))
    return bars(rows)


def rings(edges: Sequence[tuple[str, str]], cycles: Sequence[Sequence[str]]) -> str:
    """Each cycle by name; the largest one also as a ring of its modules."""
    if not cycles:
        return "There are none."
    told = "".join(
        f"<details{' open' if len(cycle) < 8 else ''}><summary>{len(cycle)} modules: {escape(', '.join(cycle[:4]))}"
        f"{', …' if len(cycle) > 4 else ''}</summary><code>{escape(' '.join(cycle))}</code></details>"
        for cycle in cycles
    )
    largest = cycles[0]
    return (ring(largest, edges) if len(largest) <= LARGEST_RING else "") + told


def ring(cycle: Sequence[str], edges: Sequence[tuple[str, str]]) -> str:
    """One cycle drawn as a ring, an arc for each import within it."""
    at: dict[str, float] = {name: 2 * math.pi * position / len(cycle) for position, name in enumerate(cycle)}
    drawn = []
    for one, other in edges:
        if one in at and other in at:
            x1, y1, x2, y2 = 510 + 170 * math.cos(at[one]), 330 + 170 * math.sin(at[one]), *spot(at[other])
            drawn.append(f'<path class="edge" fill="none" d="M{x1:.1f} {y1:.1f}Q510 330 {x2:.1f} {y2:.1f}"/>')
    for name, angle in at.items():
        x, y = spot(angle)
        is_left = math.cos(angle) < 0
        turn = math.degrees(angle) + (180 if is_left else 0)
        drawn.append(f'<circle class="bar" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        drawn.append(
            f'<text transform="translate({x + 10 * math.cos(angle):.1f} {y + 10 * math.sin(angle):.1f}) rotate({turn:.1f})" '
            f'text-anchor="{"end" if is_left else "start"}" dy="4">{escape(name)}</text>'
        )
    return f'<svg viewBox="0 0 1020 660" role="img">{"".join(drawn)}</svg>'


def spot(angle: float) -> tuple[float, float]:
    """A place on the ring."""
    return 510 + 170 * math.cos(angle), 330 + 170 * math.sin(angle)


def table(measures: Sequence[Measure]) -> str:
    """All modules; the script fills and sorts the rows."""
    heads = ("module", "complexity", "lines", "functions", "classes", "imports", "documented %")
    rows = [
        [one.module, one.complexity, one.lines, one.functions, one.classes, one.imports, share_of(one)]
        for one in measures
    ]
    # `</` would end the element, whatever a module is called.
    data = json.dumps(rows, separators=(",", ":")).replace("</", "<\\/")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody></tbody></table>"
        f'<script type="application/json" id="rows">{data}</script><script>{SCRIPT}</script>'
    )


def share_of(one: Measure) -> float:
    """Percent of the public definitions of a module that are documented."""
    return round(100 * one.documented / one.public, 1) if one.public else 0.0
