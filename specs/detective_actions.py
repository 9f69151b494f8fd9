"""What ``detective.yaml`` does: it times imports in fresh interpreters, and decides after each where to look next."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dagger_actors import Context, EmitEvent, HookEvent, action

SHARE = 0.2
"""What is looked at next takes so much of the whole import, or more."""

LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")
"""What ``python -X importtime`` says of a module: its own microseconds, those with its imports, its depth, its name."""


@dataclass(frozen=True)
class Import:
    """A module, as it was imported.

    Attributes:
        name: Its name.
        own_us: Microseconds of its own.
        total_us: The same with what it imports first.
        imports: What it imports first, in this order.
    """

    name: str
    own_us: int
    total_us: int
    imports: list[Import] = field(default_factory=list)


@dataclass(frozen=True)
class Clue:
    """What a look has shown.

    Attributes:
        module: What was timed.
        total_us: Microseconds that it takes.
        own_us: Those of its own package's modules.
        suspect: The other package's module that takes most of the rest; empty = none takes a fifth of the whole.
    """

    module: str
    total_us: int
    own_us: int
    suspect: str


@action
def rounds(repeats: int) -> list[int]:
    """Number the interpreters."""
    if not 1 <= repeats <= 100:
        message = f"repeats must be from 1 to 100, not {repeats}"
        raise ValueError(message)
    return list(range(1, repeats + 1))


@action
def time_import(module: str, round_number: int) -> Import:
    """Import a module in a fresh interpreter, and say how long each part took.

    Raises:
        ValueError: It cannot be imported, or every interpreter imports it before it begins.
    """
    del round_number
    if not all(part.isidentifier() for part in module.split(".")):
        message = f"{module!r} is no module's name"
        raise ValueError(message)
    done = subprocess.run(  # noqa: S603 - a module's name and nothing else, as just checked
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    if done.returncode:
        message = f"{module!r} cannot be imported: {done.stderr.strip().splitlines()[-1]}"
        raise ValueError(message)
    chosen = [one for one in _trees(done.stderr) if f"{module}.".startswith(f"{one.name}.")]
    if not chosen:
        message = f"{module!r} costs nothing: it is there before a program begins"
        raise ValueError(message)
    whole = chosen[-1]
    if whole.name == module and len(chosen) == 1:
        return whole
    # `a.b` imports `a` and then `a.b`: two trees, which are one import.
    before = sum(one.total_us for one in chosen[:-1])
    return Import(module, whole.own_us, whole.total_us + before, [*chosen[:-1], *whole.imports])


def _trees(text: str) -> list[Import]:
    """Read what the interpreter says: whoever is imported stands below what it imports, further to the left."""
    waiting: list[tuple[int, Import]] = []
    for own_us, total_us, indent, name in LINE.findall(text):
        depth = len(indent) // 2
        inner = [one for at, one in waiting if at > depth]
        waiting = [(at, one) for at, one in waiting if at <= depth]
        waiting.append((depth, Import(name, int(own_us), int(total_us), inner)))
    return [one for _, one in waiting]


@action
def fastest(times: list[Import]) -> Import:
    """Choose the fastest: what else the machine did is in the others."""
    return min(times, key=lambda one: one.total_us)


@action
def look(found: Import, ctx: Context, trail: list[Clue] | None = None) -> list[Clue]:
    """Look at what was timed, and add what comes next: the costliest import by itself, or the question and the page.

    Args:
        found: What was timed last.
        ctx: Adds the nodes.
        trail: What earlier looks have shown.

    Returns:
        The trail with one clue more.
    """
    others = list(_others(found, f"{found.name.partition('.')[0]}."))
    suspect = max(others, key=lambda one: one.total_us, default=found)
    whole_us = trail[0].total_us if trail else found.total_us
    leads_on = suspect is not found and suspect.total_us >= SHARE * whole_us
    clue = Clue(
        module=found.name,
        total_us=found.total_us,
        own_us=found.total_us - sum(one.total_us for one in others),
        suspect=suspect.name if leads_on else "",
    )
    trail = [*(trail or []), clue]
    step = len(trail)
    if clue.suspect and clue.suspect not in {one.module for one in trail}:
        ctx.add_nodes(
            [
                {
                    "id": f"time_{step + 1}",
                    "action": "time_import",
                    "dependencies": [ctx.node_id],
                    "inputs": {"module": {"value": clue.suspect}, "round_number": {"value": step + 1}},
                    "timeout": 60,
                },
                {
                    "id": f"look_{step + 1}",
                    "action": "look",
                    "inputs": {"found": f"time_{step + 1}", "trail": ctx.node_id},
                },
            ]
        )
    else:
        ctx.add_nodes(_ending(ctx.node_id, trail))
    return trail


def _others(found: Import, package: str) -> Iterator[Import]:
    """What the modules of a package import from others."""
    for one in found.imports:
        if f"{one.name}.".startswith(package):
            yield from _others(one, package)
        else:
            yield one


def _ending(last: str, trail: list[Clue]) -> list[dict[str, Any]]:
    message = f"The trail ends at {trail[-1].module}, after {len(trail)} looks. Draw the page?"
    return [
        {"id": "ask", "approval": {"message": message}, "dependencies": [last]},
        {
            "id": "page",
            "action": "draw",
            "dependencies": ["ask"],
            "inputs": {"scene": "scene.tree", "trail": last, "page": "inputs.page"},
        },
    ]


@action
def tell_clue(event: HookEvent, output: Any) -> EmitEvent | None:
    """Let whoever follows the run (``dagger-actors tail RUN --follow``) know what each look has shown."""
    if not event.node_id.startswith("look_"):
        return None
    clue = output[-1]
    return EmitEvent("clue", {"module": clue["module"], "total_us": clue["total_us"], "suspect": clue["suspect"]})
