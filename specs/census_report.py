"""What ``census.yaml`` makes of its measures: totals, the import graph and its cycles, and the page."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from census_actions import Measure, dotted
from census_page import page_of

from dagger_actors import Context, action

TABLE_ROWS = 10


@action
def import_graph(measures: list[Measure]) -> dict[str, Any]:
    """Find who imports whom among the modules measured, and the cycles.

    Returns:
        ``edges``: pairs of import names; ``cycles``: strongly connected components of two modules or more, the largest
        first, each sorted.
    """
    names = {dotted(one.module) for one in measures}
    edges = sorted(
        (dotted(one.module), other)
        for one in measures
        for other in one.imported
        if other in names - {dotted(one.module)}
    )
    return {"edges": edges, "cycles": components(sorted(names), edges)}


def components(names: list[str], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Strongly connected components of two vertices or more.

    Source: Tarjan, "Depth-first search and linear graph algorithms" (1972); without recursion.
    """
    after: dict[str, list[str]] = {name: [] for name in names}
    for one, other in edges:
        after[one].append(other)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in names:
        if root in index:
            continue
        path = [(root, iter(after[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while path:
            name, rest = path[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    path.append((other, iter(after[other])))
                    break
                if other in on_stack:
                    low[name] = min(low[name], index[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    component = sorted(stack[at:])
                    on_stack.difference_update(component)
                    del stack[at:]
                    if len(component) > 1:
                        found.append(component)
    return sorted(found, key=lambda component: (-len(component), component))


@action
def report(
    python: str, measures: list[Measure], edges: list[list[str]], cycles: list[list[str]], ctx: Context, page: str = ""
) -> dict[str, Any]:
    """Total the measures; save them as the artifact ``census.json`` and draw ``census.html``.

    Args:
        python: The interpreter's version.
        measures: All of them.
        edges: Who imports whom.
        cycles: Import cycles, the largest first.
        ctx: Takes the artifacts.
        page: Also write the page to this file; empty = do not.

    Returns:
        ``totals``, ``docstrings`` (public definitions, documented ones, percent), ``most_complex`` (ten rows, the most
        complex first), ``import_cycles`` (their sizes and members) and ``unparsed`` (paths).
    """
    totals: Counter[str] = Counter(modules=len(measures))
    for one in measures:
        totals.update(
            lines=one.lines,
            functions=one.functions,
            classes=one.classes,
            imports=one.imports,
            complexity=one.complexity,
        )
    public, documented = sum(one.public for one in measures), sum(one.documented for one in measures)
    docstrings = {"public": public, "documented": documented, "percent": round(100 * documented / max(public, 1), 1)}
    rows = [asdict(one) for one in measures]
    census = {"python": python, "totals": dict(totals), "docstrings": docstrings, "cycles": cycles, "modules": rows}
    ctx.save("census.json", json.dumps(census, indent=1), media_type="application/json")
    drawn = page_of(python, dict(totals), docstrings, measures, [(one, other) for one, other in edges], cycles)
    ctx.save("census.html", drawn, media_type="text/html")
    if page:
        Path(page).write_text(drawn, encoding="utf-8")
    ranked = sorted(measures, key=lambda one: (-one.complexity, one.module))
    columns = ("module", "complexity", "lines", "functions", "classes", "imports")
    return {
        "totals": dict(totals),
        "docstrings": docstrings,
        "most_complex": [{name: getattr(one, name) for name in columns} for one in ranked[:TABLE_ROWS]],
        "import_cycles": [{"size": len(cycle), "modules": " ".join(cycle)} for cycle in cycles],
        "unparsed": [one.module for one in measures if one.unparsed],
    }
