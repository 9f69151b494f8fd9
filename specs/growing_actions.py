"""The hook of ``growing.yaml``: it looks at each result, and adds a node for those that are large."""

from __future__ import annotations

from dagger_actors import AddNodes, HookEvent, action

LARGE = 10
ADDERS = "add_"


@action
def double(number: int) -> int:
    """Multiply a number by two."""
    return number * 2


@action
def double_what_is_large(event: HookEvent, output: int) -> AddNodes | None:
    """Add ``multiply_<id>`` for a sum over 10."""
    if not event.node_id.startswith(ADDERS) or output <= LARGE:
        return None
    return AddNodes([{"id": f"multiply_{event.node_id}", "action": "double", "inputs": {"number": event.node_id}}])
