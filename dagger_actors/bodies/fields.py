"""One key of an output that is a JSON object, without decoding what stands there."""

from __future__ import annotations

import msgspec

__all__ = ["UnresolvedReference", "pick", "take_apart"]

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class UnresolvedReference(Exception):
    """A reference leads to nothing; the text says why."""


def take_apart(text: bytes, whose: str) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object, still encoded.

    Args:
        text: What is to be an object.
        whose: What that is, for the error: ``the item``.

    Raises:
        UnresolvedReference: It is no object.
    """
    try:
        return _fields.decode(text)
    except msgspec.DecodeError as error:
        raise UnresolvedReference(f"{whose} is no mapping, so it has no keys") from error


def pick(fields: dict[str, msgspec.Raw], key: str, whose: str) -> bytes:
    """One field, still encoded.

    Args:
        fields: Of one object.
        key: Which.
        whose: As ``take_apart`` has it.

    Raises:
        UnresolvedReference: There is none of that name.
    """
    found = fields.get(key)
    if found is None:
        listed = ", ".join(sorted(fields)[:8]) or "none"
        raise UnresolvedReference(f"{whose} has no key {key!r}; it has {listed}")
    return bytes(found)
