"""Reads what a flow calls besides its nodes: `hooks`, and each node's `failure`; checks them against their actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast, get_args

from dagger_actors.bodies.actions import Action
from dagger_actors.core.wording import quoted
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import FailureAction, Hook, HookedEvent, Reference
from dagger_actors.flow.loading.action_check import unknown_action
from dagger_actors.flow.loading.references import reference_of
from dagger_actors.flow.loading.written import WrittenNode
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Listing, Tree

__all__ = ["HOOKS", "read_failure", "read_hooks"]

EVENTS = cast("tuple[HookedEvent, ...]", get_args(HookedEvent))
HOOKS = Keys(known=EVENTS)
WITH_OUTPUT = frozenset({"node_success"})


def read_hooks(reader: Reader, tree: Tree, registry: ActionRegistry | None, *, is_complete: bool) -> tuple[Hook, ...]:
    """Read `hooks`: for each event an action, or a list of them.

    Args:
        reader: Takes the complaints.
        tree: The mapping.
        registry: The actions; None = they are not known.
        is_complete: Whether every module of actions was imported.
    """
    fields = reader.fields(tree, "hooks", HOOKS) or {}
    found: list[Hook] = []
    for event in EVENTS:
        if event not in fields:
            continue
        value = fields[event].value
        for one in reader.items(value, event) if isinstance(value, Listing) else (value,):
            name = reader.name(one, f"the hook {event}")
            if not name:
                continue
            action = None if registry is None else _action(reader, registry, name, one.at, is_complete=is_complete)
            found.append(Hook(event=event, action=name, takes_output=_check_hook(reader, event, action, one.at)))
    return tuple(found)


def _check_hook(reader: Reader, event: HookedEvent, action: Action | None, at: int) -> bool:
    """Complain of an action that is no hook; tells whether it takes the output."""
    if action is None:
        return False
    what = f"the hook {quoted(action.name)}"
    taken = {"event", "output"} if event in WITH_OUTPUT else {"event"}
    if "event" not in action.by_name and not action.accepts_any:
        advice = "Give it a parameter `event`: HookEvent; it says what has happened."
        reader.complain(at, f"{what} takes no `event`", advice)
    for name in sorted(action.required - taken):
        advice = (
            f"A hook of {event} is given {' and '.join(f'`{one}`' for one in sorted(taken))}; give this one a default."
        )
        reader.complain(at, f"nothing gives the parameter {quoted(name)} of {what}", advice)
    return event in WITH_OUTPUT and "output" in action.by_name


def read_failure(
    reader: Reader, node: WrittenNode, registry: ActionRegistry | None, *, is_complete: bool
) -> FailureAction | None:
    """Read the `failure` of a node; None when it has none, or one that was complained of."""
    field = node.fields.get("failure")
    name = reader.name(field.value, "failure") if field is not None else None
    if field is None or not name:
        return None
    if registry is None:
        return FailureAction(action=name)
    at = field.value.at
    action = _action(reader, registry, name, at, is_complete=is_complete)
    if action is None:
        return None
    given = dict(_inputs_for(action, node))
    for missing in sorted(action.required - given.keys() - {"error"}):
        message = f"nothing gives the parameter {quoted(missing)} of the failure action {quoted(name)}"
        reader.complain(at, message, "It is given `error`, and those inputs of its node that it has parameters for.")
    return FailureAction(action=name, inputs=tuple(given.items()), takes_error="error" in action.by_name)


def _inputs_for(action: Action, node: WrittenNode) -> Iterator[tuple[str, Reference]]:
    for name, pointer in node.inputs or ():
        if name in action.by_name and (reference := reference_of(pointer)) is not None:
            yield name, reference


def _action(reader: Reader, registry: ActionRegistry, name: str, at: int, *, is_complete: bool) -> Action | None:
    action = registry.get(name)
    if action is None and is_complete:
        unknown_action(reader, registry, name, at)
    return action
