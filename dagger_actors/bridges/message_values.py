"""What a trigger hands on of a message: plain data, all of it or the fields that its paths name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.outputs import encode_hook

__all__ = ["ABSENT", "WHOLE", "Names", "found_at", "plain"]

WHOLE = "."
"""The path that names the message itself."""

Names = Mapping[str, tuple[str, ...]]
"""Where a field is: its names in JSON, from the outside in, by the classes of messages; none of them = the whole message."""


class _Absent:
    """What is found where nothing is."""


ABSENT = _Absent()


def plain(value: Any) -> Any:
    """A value as JSON has it, with the defaults that a Struct may leave out when it is written."""
    kind = type(value)
    if isinstance(value, msgspec.Struct) and not value.__struct_config__.array_like:
        return _fields(value)
    if kind in (list, tuple, set, frozenset):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {_key(name): plain(one) for name, one in value.items()}
    return msgspec.to_builtins(value, str_keys=True, enc_hook=encode_hook)


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    config = value.__struct_config__
    made = {config.tag_field: config.tag} if config.tag_field is not None else {}
    for name, written in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
        one = getattr(value, name)
        if one is not msgspec.UNSET:
            made[written] = plain(one)
    return made


def _key(name: Any) -> str:
    return name if isinstance(name, str) else next(iter(msgspec.to_builtins({name: None}, str_keys=True)))


def found_at(data: Any, names: tuple[str, ...]) -> Any:
    """Follow names into plain data; ``ABSENT`` where they lead to nothing."""
    for name in names:
        if not isinstance(data, dict) or name not in data:
            return ABSENT
        data = data[name]
    return data
