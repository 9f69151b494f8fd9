"""``Trigger``: a channel whose messages make tasks or start flows, by declaration alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dagger_actors.bodies.option_values import Misfit, OptionProblem, complain
from dagger_actors.bridges.message_values import WHOLE
from dagger_actors.core.channel_names import NAME_ADVICE, is_name, is_pattern
from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.core.wording import quoted
from dagger_actors.errors import ActorClassError, DefinitionError
from dagger_actors.pubsub.subscribers.options import Start, make_options
from dagger_actors.pubsub.subscribers.places import InCode, Placed
from dagger_actors.supervised.files.channel_resolving import sentence

__all__ = ["Trigger"]

PATH_ADVICE = 'write a field of the message: "customer", "customer.id", or "." for all of it'


class Trigger:
    """Messages of a channel each make a task, or start a run of a flow: exactly once, with their acknowledgement.

    ``Trigger("orders.*", task="bill")``, ``Trigger("uploads", flow="census.yaml", inputs={"path": "file.path"})``. It is a
    subscription like any other: with a cursor, a lag, dead letters, and it can be paused. Its name is ``GROUP.spawn`` or
    ``GROUP.start``.

    Args:
        channel: The channel, or a pattern of several.
        task: The task agent: its class, its function, or its name.
        flow: The flow: a file's path, or the same structure as data.
        group: Its group, the same in all processes; ``trigger-`` and the name of the agent or flow by default.
        payload: What of the message the task is given: the path of a field, or fields by the names that the payload has for
            them; None = the message.
        inputs: Where in the message the flow's inputs are: paths of fields by the names of inputs; ``"."`` is the message.
            None = each input is the field of its name.
        filter: Which messages it takes; the others are passed over; as of ``@subscribe``.
        key: The path of the field by whose value messages are told apart: those of one value are taken in their order;
            None = in any order.
        start: Where it begins on a channel that is new to it: ``earliest``, ``latest``, an offset or a time.
        try_count: Total tries of a message. What the agent or flow does not take is tried once.
        place: Where it is declared, as ``file:line``; the caller's by default.
        where: Words what is wrong with it later on; by default with that place.

    Attributes:
        given: The options of its subscription.
        label: It, for errors.

    Raises:
        ActorClassError: Something of it cannot be; tells all that.
        DefinitionError: The same, if ``where`` is given.
    """

    __slots__ = ("channel", "flow", "given", "group", "inputs", "label", "payload", "place", "task", "where")

    def __init__(
        self,
        channel: str,
        *,
        task: str | type | Callable[..., Any] | None = None,
        flow: str | Path | Mapping[str, object] | None = None,
        group: str | None = None,
        payload: str | Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  the word of the system file
        key: str | None = None,
        start: Start = "earliest",
        try_count: int = 5,
        place: str = "",
        where: Placed | None = None,
    ) -> None:
        self.channel = channel
        self.task = task
        self.flow = flow
        self.group = group
        self.payload = payload
        self.inputs = inputs
        options = {"group": group, "filter": filter, "key": key, "start": start, "try_count": try_count}
        self.given: dict[str, object] = {name: value for name, value in options.items() if value is not None}
        caller = sys._getframe(1)  # noqa: SLF001  as tracebacks do
        self.place = place or f"{caller.f_code.co_filename}:{caller.f_lineno}"
        self.label = f"Trigger({quoted(channel)})"
        self.where = InCode(self.place, self.label) if where is None else where
        problems = misfits(self)
        if problems and where is not None:
            raise DefinitionError([where.problem(one.option, one.message, sentence(one.advice)) for one in problems])
        if problems:
            raise ActorClassError(self.label, complain(problems))

    def __repr__(self) -> str:
        return f"<Trigger {self.channel} {self.place}>"

    @property
    def verb(self) -> str:
        """What it does with a message: the name of its handler."""
        return "spawn" if self.task is not None else "start"

    @property
    def paths(self) -> dict[str, str]:
        """The paths that it names, by what is at them: of ``payload`` alone by the empty name."""
        return paths_of(self.inputs if self.flow is not None else self.payload)


def paths_of(written: str | Mapping[str, str] | None) -> dict[str, str]:
    """Paths by what is at them."""
    if written is None:
        return {}
    return {"": written} if isinstance(written, str) else dict(written)


def misfits(trigger: Trigger) -> list[OptionProblem]:
    """Find what of a trigger cannot be."""
    found = []
    if not is_name(trigger.channel) and not is_pattern(trigger.channel):
        found.append(OptionProblem("channel", f"{quoted(trigger.channel)} is no channel", NAME_ADVICE))
    if (trigger.task is None) == (trigger.flow is None):
        what = "it names neither a task nor a flow" if trigger.task is None else "it names a task and a flow"
        found.append(OptionProblem("task", what, 'write one: task="bill", or flow="census.yaml"'))
    elif trigger.flow is None and trigger.inputs is not None:
        found.append(OptionProblem("inputs", "a task has no inputs", "write payload=..."))
    elif trigger.task is None and trigger.payload is not None:
        found.append(OptionProblem("payload", "a flow has no payload", "write inputs={...}"))
    for option in ("payload", "inputs"):
        try:
            _check_paths(getattr(trigger, option), may_be_one=option == "payload")
        except Misfit as error:
            found.append(OptionProblem(option, *error.args))
    return found + make_options(trigger.given)[1]


def _check_paths(value: object, *, may_be_one: bool) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        paths = [*value.values()]
        if not all(isinstance(name, str) for name in value):
            raise Misfit(f"its keys are names, not {quoted(next(iter(value)))}", PATH_ADVICE)
    elif may_be_one:
        paths = [value]
    else:
        raise Misfit(f"it is a mapping, not {quoted(value)}", 'write {"path": "file.path"}')
    for path in paths:
        if path == WHOLE and isinstance(value, Mapping):
            continue
        if not isinstance(path, str) or not 1 <= len(path) <= MAX_PATH or "" in path.split("."):
            raise Misfit(f"{quoted(path)} is no path of fields", PATH_ADVICE)
