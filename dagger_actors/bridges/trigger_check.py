"""Finds what is wrong between the messages of a channel and what they are to begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from dagger_actors.bodies.option_values import Misfit
from dagger_actors.bodies.type_fit import Clash, clash, fields_of
from dagger_actors.bodies.type_shape import hint_type, is_open, members_of, name_of
from dagger_actors.bridges.message_values import WHOLE, Names
from dagger_actors.bridges.trigger import Trigger
from dagger_actors.bridges.trigger_targets import FlowTarget, Target, TaskTarget
from dagger_actors.core.wording import listed, nearest, quoted
from dagger_actors.errors import Problem
from dagger_actors.flow.loading.input_types import input_type
from dagger_actors.pubsub.declared.wired import WiredChannel
from dagger_actors.pubsub.subscribers.field_paths import field_in
from dagger_actors.supervised.files.channel_resolving import sentence

__all__ = ["Fit", "fit"]


class Fit(msgspec.Struct, frozen=True):
    """How messages become what they begin.

    Attributes:
        places: Where in the messages everything is that is handed on, by name; a payload that is one field by the empty one;
            empty = the message is the payload.
        problems: What is wrong.
    """

    places: dict[str, Names]
    problems: tuple[Problem, ...]


class Found(msgspec.Struct, frozen=True):
    """One thing that is handed on.

    Attributes:
        option: What says so, for errors.
        path: Its path.
        names: Where it is.
        shape: Its type.
    """

    option: str
    path: str
    names: Names
    shape: inspect.Type


def fit(trigger: Trigger, target: Target, takes: Mapping[str, Any], sources: Sequence[WiredChannel]) -> Fit:
    """Check a trigger.

    Args:
        trigger: It.
        target: What it begins.
        takes: The types of the messages, by the names of their classes.
        sources: The channels that it reads.
    """
    problems = [*_fleeting(trigger, sources)]
    found: dict[str, Found] = {}
    for name, path in trigger.paths.items():
        option = trigger_option(trigger, name)
        try:
            found[name] = _found(option, path, takes)
        except Misfit as error:
            message, advice = error.args
            problems.append(trigger.where.problem(option, message, sentence(advice)))
    if not problems:
        if isinstance(target, FlowTarget):
            if trigger.inputs is None:
                found = _automatic(target, takes)
            problems += _inputs(trigger, target, found, takes)
        else:
            problems += _payload(trigger, target, found, takes)
    return Fit({name: one.names for name, one in found.items()}, tuple(problems))


def trigger_option(trigger: Trigger, name: str) -> str:
    """What says where something is handed on from."""
    option = "payload" if trigger.flow is None else "inputs"
    return f"{option}.{name}" if name else option


def _fleeting(trigger: Trigger, sources: Sequence[WiredChannel]) -> Iterator[Problem]:
    for source in sources:
        if source.ephemeral:
            message = f"{source.name} is ephemeral: what its messages begin could be lost"
            yield trigger.where.problem("channels", message, "Make the channel a durable one.")


def _found(option: str, path: str, takes: Mapping[str, Any]) -> Found:
    if path == WHOLE:
        return Found(option, path, dict.fromkeys(takes, ()), _whole(takes))
    return Found(option, path, *field_in(path, takes))


def _whole(takes: Mapping[str, Any]) -> inspect.Type:
    shapes = tuple(hint_type(hint) for hint in takes.values())
    return shapes[0] if len(shapes) == 1 else inspect.UnionType(shapes)


# --- tasks


def _payload(
    trigger: Trigger, target: TaskTarget, found: Mapping[str, Found], takes: Mapping[str, Any]
) -> Iterator[Problem]:
    wanted = hint_type(target.entry.payload_type)
    whose = f"the task agent {quoted(target.name)} takes {name_of(wanted)}"
    if not isinstance(trigger.payload, Mapping):
        one = found.get("") or Found("payload" if trigger.payload else "task", WHOLE, {}, _whole(takes))
        for shape in members_of(one.shape):
            if wrong := clash(shape, wanted):
                yield _clashes(trigger, one, shape, whose, wrong)
        return
    if any(map(is_open, members_of(wanted))) or len(members_of(wanted)) > 1:
        return
    fields = fields_of(wanted)
    if isinstance(wanted, inspect.DictType):
        fields = {name: inspect.Field(name, name, wanted.value_type) for name in found}
    if fields is None:
        yield trigger.where.problem("payload", f"{whose}, which has no fields", "Name one field: payload: FIELD.")
        return
    for name, one in found.items():
        if name not in fields:
            near = nearest(name, fields)
            advice = f"Did you mean {near}?" if near else f"It has {listed(sorted(fields))}."
            yield trigger.where.problem(one.option, f"{whose}, which has no field {quoted(name)}", advice)
        elif wrong := clash(one.shape, fields[name].type):
            takes_it = f"the field {quoted(name)} that {quoted(target.name)} takes is {name_of(fields[name].type)}"
            yield _clashes(trigger, one, one.shape, takes_it, wrong)
    for name, field in fields.items():
        if field.required and name not in found:
            message = f"{whose}, and nothing is said of its field {quoted(name)}, which has no default"
            yield trigger.where.problem("payload", message, f"Say where it is: {{{name}: FIELD}}.")


def _clashes(trigger: Trigger, one: Found, shape: inspect.Type, whose: str, wrong: Clash) -> Problem:
    what = "a message" if one.path == WHOLE else one.path
    message = f"{what} is {name_of(shape)}, and {whose}: {wrong.reason} (at {wrong.path})"
    return trigger.where.problem(one.option, message, "Hand on other fields, or change one of the types.")


# --- flows


def _automatic(target: FlowTarget, takes: Mapping[str, Any]) -> dict[str, Found]:
    """Each input is the field of its name, where there is one."""
    found = {}
    for name, spec in target.declared.items():
        try:
            if not spec.secret:
                found[name] = Found(f"inputs.{name}", name, *field_in(name, takes))
        except Misfit:
            continue
    return found


def _inputs(
    trigger: Trigger, target: FlowTarget, found: Mapping[str, Found], takes: Mapping[str, Any]
) -> Iterator[Problem]:
    declared = target.declared
    flow = f"the flow {quoted(target.name)}"
    for name, one in found.items():
        spec = declared.get(name)
        if spec is None:
            near = nearest(name, declared)
            advice = f"Did you mean {near}?" if near else f"It takes {listed(sorted(declared)) or 'none'}."
            yield trigger.where.problem(one.option, f"{flow} has no input {quoted(name)}", advice)
        elif spec.secret:
            message = f"the input {quoted(name)} of {flow} is secret, and no message carries one"
            yield trigger.where.problem(one.option, message, "Leave it out, and give it a default.")
        elif wrong := clash(one.shape, input_type(spec)):
            what = "a message" if one.path == WHOLE else one.path
            message = f"{what} is {name_of(one.shape)}, and the input {quoted(name)} of {flow} takes {spec.type}"
            yield trigger.where.problem(
                one.option, f"{message}: {wrong.reason}", "Hand on another field, or change one of the types."
            )
    for name, spec in declared.items():
        if spec.default is None and name not in found:
            carried = listed(sorted(takes)) if "" not in takes else "the message"
            message = f"{flow} needs the input {quoted(name)} ({spec.type}), and nothing of {carried} is said to be it"
            advice = f"Say where it is: inputs: {{{name}: FIELD}}; or give it a default."
            yield trigger.where.problem("inputs" if trigger.inputs is not None else "flow", message, advice)
