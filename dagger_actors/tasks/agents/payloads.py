"""From what is submitted to what is stored: a payload is JSON text that fits its agent's type, or it is refused."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.parameters import Parameter, alternatives
from dagger_actors.bodies.records import is_record
from dagger_actors.core.wording import as_written
from dagger_actors.errors import InputError, OutputError, PayloadRefused
from dagger_actors.supervised.config_check import shape_of, spelt, unknown_keys

__all__ = ["MAX_PAYLOAD_BYTES", "Payloads"]

MAX_PAYLOAD_BYTES = 1024 * 1024
LONGEST_KEY = 200
SHOWN = 5
"""Unknown keys that are told at once."""

PLAIN = (str, int, float, bool)

BY_REFERENCE = "keep the content with system.artifacts.put(...), and let the payload hold the reference"


class Payloads:
    """The payloads of one agent.

    Args:
        agent: The agent's name.
        parameter: What takes them.
        path: Where the key of ``per_key`` is; None = there is no limit for each key.
    """

    def __init__(self, agent: str, parameter: Parameter, path: tuple[str, ...] | None) -> None:
        self._agent = agent
        self._decode = parameter.decode
        self._path = path
        self._hint = parameter.annotation
        # What an instance of another class must not pass for: the same fields may mean something else there.
        self._classes = tuple(
            kind for kind in alternatives(parameter.annotation) if isinstance(kind, type) and is_record(kind)
        )

    def encode(self, payload: object) -> tuple[bytes, str | None]:
        """Make a payload's JSON text.

        Args:
            payload: An instance of the annotated type, or plain data that makes one.

        Returns:
            The text, at most 1 MiB; and the key under which the task is limited, None = it is not.

        Raises:
            PayloadRefused: It does not fit, with the path to what does not; or is too large.
        """
        is_made = is_record(type(payload))
        if is_made and self._classes and not isinstance(payload, self._classes):
            wanted = " or ".join(kind.__qualname__ for kind in self._classes)
            kind = type(payload)
            found = f"{as_written(kind.__module__)}.{kind.__qualname__}"
            raise PayloadRefused(self._agent, f"{wanted} or plain data is wanted, not an instance of {found}")
        try:
            text = to_json(payload)
        except OutputError as error:
            advice = BY_REFERENCE if "bytes" in error.reason or "Path" in error.reason else "make it plain data"
            raise PayloadRefused(self._agent, error.reason, advice) from None
        if len(text) > MAX_PAYLOAD_BYTES:
            reason = f"it has {len(text):,} bytes of JSON, and {MAX_PAYLOAD_BYTES:,} are allowed"
            raise PayloadRefused(self._agent, reason, BY_REFERENCE)
        key = self.key_of(text)
        if not is_made:
            self._refuse_unknown(payload)
        return text, key

    def key_of(self, text: bytes) -> str | None:
        """Check a payload's JSON text, and give the key under which its task is limited; None = it is not.

        Raises:
            PayloadRefused: It does not fit, with the path to what does not.
        """
        try:
            made = self._decode(text)
        except InputError as error:
            raise PayloadRefused(self._agent, error.reason) from None
        return None if self._path is None else self._key(made, self._path)

    @functools.cached_property
    def _shape(self) -> msgspec.inspect.Type | None:
        return shape_of(self._hint)

    def _refuse_unknown(self, payload: object) -> None:
        """A key that nothing takes is a misspelt one."""
        if not isinstance(payload, Mapping | list) or self._shape is None:
            return
        faults = list(unknown_keys(self._shape, payload, ()))
        if faults:
            told = "; ".join(f"{fault.message} at {spelt(fault.path[:-1])}" for fault in faults[:SHOWN])
            raise PayloadRefused(self._agent, told, faults[0].advice.rstrip("."))

    def _key(self, made: object, path: tuple[str, ...]) -> str | None:
        told = ".".join(path)
        try:
            found = functools.reduce(_part, path, made)
        except (AttributeError, KeyError, TypeError):
            raise PayloadRefused(self._agent, f"it has no {told}, by which its tasks are limited (per_key)") from None
        if found is None:
            return None
        plain = found if type(found) in PLAIN else _builtin(found)
        if not isinstance(plain, str | int | float):
            reason = f"{told}, by which its tasks are limited (per_key), is {type(found).__name__}"
            raise PayloadRefused(self._agent, reason, "it must be text or a number")
        key = plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()
        if len(key) > LONGEST_KEY:
            reason = f"{told}, by which its tasks are limited (per_key), has {len(key):,} characters"
            raise PayloadRefused(self._agent, reason, f"{LONGEST_KEY} are allowed")
        return key


def _part(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, Mapping) else None if value is None else getattr(value, name)


def _builtin(value: object) -> object:
    """A date, an enum and the like as JSON would have it."""
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return value
