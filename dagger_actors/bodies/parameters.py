"""What the parameters of actions take: each has one decoder, made of its type hint, and decodes strictly."""

from __future__ import annotations

import types
import typing
from pathlib import PurePath
from typing import Any, ClassVar

import msgspec

from dagger_actors.bodies.secret import Secret
from dagger_actors.errors import InputError
from dagger_actors.reading.custom_types import make_custom

__all__ = ["Parameter", "alternatives", "decode_custom"]

BYTES_OR_ANY = frozenset({"AnyType", "BytesType", "ByteArrayType", "CustomType", "MemoryViewType", "RawType"})


class Parameter:
    """One parameter of an action.

    Attributes:
        action: The action's name.
        name: Its name.
        required: Whether it has no default.
        annotation: Its type hint; ``Any`` without one.
        takes_bytes: Whether an artifact of bytes may be given to it as it is.
        is_secret: Whether it takes a ``Secret``, so that one is given as it is, not as text.
        noun: What it is a parameter of, in messages.
        declaration: What says its type, in messages.
    """

    noun: ClassVar[str] = "action"
    declaration: ClassVar[str] = "the action's type hint"

    __slots__ = ("_decode", "action", "annotation", "is_secret", "name", "required", "takes_bytes")

    def __init__(self, action: str, name: str, annotation: Any, *, required: bool) -> None:
        self.action = action
        self.name = name
        self.required = required
        self.annotation = annotation
        self.takes_bytes = any(map(may_be_bytes, alternatives(annotation)))
        self.is_secret = Secret in alternatives(annotation)
        self._decode = msgspec.json.Decoder(annotation, dec_hook=decode_custom).decode

    def __repr__(self) -> str:
        return f"<Parameter {self.name} of {self.action}>"

    def decode(self, encoded: bytes | str) -> Any:
        """Decode a value from JSON, strictly.

        Raises:
            InputError: It does not fit the type hint; the reason ends with the path to what does not.
        """
        try:
            return self._decode(encoded)
        except (msgspec.DecodeError, NotImplementedError) as error:
            raise InputError(self.action, self.name, str(error)) from None


def alternatives(hint: Any) -> tuple[Any, ...]:
    """List the members of a union, or what an ``Annotated`` annotates; anything else alone."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return alternatives(typing.get_args(hint)[0])
    return typing.get_args(hint) if origin in (typing.Union, types.UnionType) else (hint,)


def may_be_bytes(hint: Any) -> bool:
    """Tell whether bytes fit a type hint: what msgspec knows only by its name may take them, but a path never does."""
    try:
        known = msgspec.inspect.type_info(hint)
    except (TypeError, ValueError, NameError, RecursionError):
        return True
    is_path = isinstance(hint, type) and issubclass(hint, PurePath)
    return type(known).__name__ in BYTES_OR_ANY and not is_path


def decode_custom(kind: Any, value: Any) -> Any:
    """Build what msgspec does not know, but a secret, which is never made from text.

    Raises:
        ValueError: The value does not fit; msgspec adds the path to it.
        NotImplementedError: Nothing is known of this type.
    """
    if kind is object:
        return value  # what a strict type checker wants in place of Any
    if kind is Secret:
        raise ValueError("it takes a secret; declare the flow's input with `secret: true`")
    return make_custom(kind, value)
