"""Defaults against type hints: what stands in for a missing value must be one that the action takes.

A default that does not fit fails its node exactly when it is needed, which may be in the rarest of all runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import msgspec

from dagger_actors.bodies.parameters import Parameter
from dagger_actors.bodies.secret import Secret
from dagger_actors.bodies.type_shape import hint_type, name_of
from dagger_actors.core.comparisons import kind_of
from dagger_actors.core.wording import quoted
from dagger_actors.errors import InputError
from dagger_actors.flow.definition import FromInput, InputSpec, InputType
from dagger_actors.flow.loading.references import Pointer
from dagger_actors.reading.reader import Reader

__all__ = ["Defaults"]


TYPES = frozenset(get_args(InputType))


class Defaults:
    """Checks the defaults of a flow's references, and those of its inputs where they go.

    Args:
        reader: Takes the complaints.
        declared: The flow's inputs.
    """

    def __init__(self, reader: Reader, declared: Mapping[str, InputSpec]) -> None:
        self._reader = reader
        self._declared = declared

    def check(self, what: str, pointer: Pointer, parameter: Parameter) -> None:
        """Complain of a default that the parameter does not take; ``what`` names that of the reference itself."""
        json, at, what = self._default(what, pointer)
        if json is not None:
            self._check(at, what, json, parameter)

    def check_list(self, pointer: Pointer, parameter: Parameter | None) -> None:
        """Complain of a default that is not the list that a map goes over, and of its first item that does not fit."""
        json, at, what = self._default("the default of map.over", pointer)
        if json is None:
            return
        value = msgspec.json.decode(json)
        if not isinstance(value, list):
            self._reader.complain(
                at, f"{what} must be a list, not {kind_of(value)}", "Give a list, if only an empty one: []."
            )
        elif parameter is not None:
            for position, item in enumerate(value):
                if not self._check(at, f"item {position} of {what}", msgspec.json.encode(item).decode(), parameter):
                    return

    def _default(self, what: str, pointer: Pointer) -> tuple[str | None, int, str]:
        """What stands in for the value of a reference, as JSON; its place; its name in messages."""
        if not isinstance(pointer.found, FromInput):
            return pointer.default, pointer.default_at, what
        key = pointer.found.key
        spec = self._declared.get(key)
        json = None if spec is None or spec.secret else spec.default
        return json, pointer.at, f"the default of the flow's input {quoted(key)}"

    def _check(self, at: int, what: str, json: str, parameter: Parameter) -> bool:
        try:
            parameter.decode(json)
        except InputError as error:
            advice = "Give one that its type hint takes, or change the hint."
            if parameter.annotation is Secret:
                advice = ""  # nothing that stands in a file is one, and the message says so
            elif isinstance(told := msgspec.json.decode(json), str) and told in TYPES:
                advice = f"The text '{told}' is a default here; a type is written so: {{type: {told}}}."
            elif json == "null":
                hint = name_of(hint_type(parameter.annotation))
                advice = f"Give another default, or hint the parameter as `{hint} | None`."
            self._reader.complain(at, f"{what} does not fit: {error}", advice)
            return False
        return True
