"""What ``detective.yaml`` draws: the import as an icicle, each module as wide as the time that it took, the trail marked."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from detective_actions import Clue, Import

from dagger_actors import Context, action

WIDTH, ROW, TOP, MARGIN = 1200.0, 24, 84, 24
SMALLEST, LETTER = 1.0, 6.6
"""Narrower boxes are left out; the width of a letter."""

STYLE = """
.icicle{font:12px system-ui,sans-serif}.icicle .ground{fill:#fbfcfd}.icicle text{fill:#1f2937}.icicle .soft{fill:#5b6675}
.icicle .heading{font-size:17px;font-weight:600}.icicle .box{fill:#c9d8ea;stroke:#fbfcfd}
.icicle .trail{fill:#f0a35e;stroke:#fbfcfd}.icicle .end{fill:#d9542b;stroke:#fbfcfd}
@media(prefers-color-scheme:dark){.icicle .ground{fill:#12171e}.icicle .heading{fill:#e5eaf0}.icicle .soft{fill:#9aa7b6}
.icicle .box,.icicle .trail,.icicle .end{stroke:#12171e}}
"""


@action
def draw(scene: Import, trail: list[Clue], ctx: Context, page: str = "") -> dict[str, object]:
    """Draw the import, and say where its time goes.

    Args:
        scene: The import, with all that it imports.
        trail: What the looks have shown.
        ctx: Keeps the picture.
        page: Also write it to this file; empty = only as an artifact.

    Returns:
        ``module`` and ``total_ms``; ``culprit``, where the trail ends, and the ``trail`` to it.
    """
    picture = icicle(scene, [one.module for one in trail])
    ctx.save("detective.svg", picture.encode(), media_type="image/svg+xml")
    if page:
        Path(page).write_text(picture, encoding="utf-8")
    return {
        "module": scene.name,
        "total_ms": round(scene.total_us / 1000, 1),
        "culprit": trail[-1].module,
        "trail": [one.module for one in trail],
    }


def icicle(scene: Import, trail: list[str]) -> str:
    """Draw an import as an SVG, its modules below those that import them."""
    boxes = list(_boxes(scene, MARGIN, 0, WIDTH / max(scene.total_us, 1), frozenset(trail), trail[-1]))
    height = TOP + ROW * (1 + max(depth for depth, _ in boxes)) + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="icicle" role="img" width="{WIDTH + 2 * MARGIN:.0f}" '
        f'height="{height}" viewBox="0 0 {WIDTH + 2 * MARGIN:.0f} {height}">\n'
        f"<title>import {escape(scene.name)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="ground" width="100%" height="100%"/>\n'
        f'<text class="heading" x="{MARGIN}" y="32">import {escape(scene.name)}: {scene.total_us / 1000:.1f} ms</text>\n'
        f'<text class="soft" x="{MARGIN}" y="54">the trail: {escape(" → ".join(trail))}</text>\n'
    )
    return head + "\n".join(box for _, box in boxes) + "\n</svg>\n"


def _boxes(
    one: Import, left: float, depth: int, scale: float, trail: frozenset[str], end: str
) -> Iterator[tuple[int, str]]:
    """The boxes of a module and of what it imports, with their depths; an import is never deeper than Python's own stack."""
    width = one.total_us * scale
    if width < SMALLEST:
        return
    kind = "end" if one.name == end else "trail" if one.name in trail else "box"
    top = TOP + depth * ROW
    letters = int((width - 8) / LETTER)
    name = one.name if len(one.name) <= letters else f"{one.name[: letters - 1]}…" if letters >= 4 else ""
    drawn = (
        f"<g><title>{escape(one.name)}\n{one.total_us / 1000:.2f} ms, {one.own_us / 1000:.2f} of its own</title>"
        f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 2}" rx="3"/>'
        f'<text x="{left + 5:.1f}" y="{top + 15}">{escape(name)}</text></g>'
    )
    yield depth, drawn
    for inner in one.imports:
        yield from _boxes(inner, left, depth + 1, scale, trail, end)
        left += inner.total_us * scale
