"""Random flows for the model of flows: diamonds, maps, approvals, and flows inside flows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.stateful.flows_parts import HOOKED, FlowSpec, Spec

picks = st.integers(0, 10_000)
KINDS = "wwwwmmafF"
"""Of nodes: work, maps of it, approvals, flows, maps of them."""
KINDS_GROWN = "wwmaf"
KINDS_INSIDE = "wwwmaf"
KINDS_INNERMOST = "wwwma"
few = st.lists(picks, max_size=3)
TRIGGERS = ["all_succeeded", "all_succeeded", "all_succeeded", "all_done", "any_succeeded", "any_failed", "none_failed"]
triggers = st.sampled_from(TRIGGERS)
TIMEOUTS_US = {KINDS: 8_370_000, KINDS_INSIDE: 7_310_000, KINDS_INNERMOST: 9_430_000}
"""Of runs: never those of one and of another inside it at the same instant; less than the wait for a retry."""
LONGER_US = 40_000_000
"""So much longer is more than anybody is asked for."""
POLICIES = ["continue", "continue", "continue", "stop", "pause"]


@st.composite
def node_specs(draw: st.DrawFn, name: str, before: list[Spec], kinds: str) -> Spec:
    """A node that may depend on those before it."""
    on = draw(st.lists(st.sampled_from([one.id for one in before]), max_size=3, unique=True)) if before else []
    kind = draw(st.sampled_from(kinds))
    common: dict[str, Any] = {
        "id": name,
        "on": tuple(on),
        "trigger": draw(triggers) if on else "all_succeeded",
        "when": draw(st.sampled_from([None, None, None, True, False])),
        "on_failure": draw(st.sampled_from(POLICIES)),
        "has_failure": draw(st.sampled_from([False, False, False, True])),
    }
    if kind == "a":
        timeout_us = draw(st.sampled_from([None, 40_000_000]))
        autopilot = draw(st.sampled_from([None, True, False])) if timeout_us is not None else None
        return Spec(**common, kind="ask", timeout_us=timeout_us, autopilot=autopilot)
    more: dict[str, Any] = {"timeout_us": draw(st.sampled_from([None, None, 15_000_000])) if kind in "wm" else None}
    if kind in "wm":
        more["is_careful"] = draw(st.sampled_from([False, False, False, True]))
    if kind in "fF":
        more |= {"kind": "flow", "flow": draw(flow_specs(KINDS_INSIDE if kinds == KINDS else KINDS_INNERMOST, 3))}
    if kind in "mF":
        maps = [one.id for one in before if one.is_map and one.id in on]
        over = draw(st.sampled_from([None, *maps])) if maps and common["trigger"] == "all_succeeded" else None
        more |= {
            "over": over,
            "items": None if over else draw(st.integers(0, 3)),
            "tolerate": draw(st.integers(0, 1)),
            "width": draw(st.sampled_from([None, None, 1])),
        }
    return Spec(**common, **more, tries=draw(st.sampled_from([1, 1, 2, 3])) if kind in "wm" else 1)


@st.composite
def flow_specs(draw: st.DrawFn, kinds: str, most: int = 6) -> FlowSpec:
    nodes: list[Spec] = []
    for at in range(draw(st.integers(1, most))):
        nodes.append(draw(node_specs(f"n{at}", nodes, kinds)))
    timeout_us = TIMEOUTS_US[kinds] + draw(st.sampled_from([0, LONGER_US]))
    timeout_us = draw(st.sampled_from([None, None, None, timeout_us]))
    return FlowSpec(tuple(nodes), draw(st.integers(1, 3)), timeout_us, draw(st.sampled_from([(), (), HOOKED])))
