"""Checks what an action returned against its return hint, as its readers will see it: as JSON, strictly.

An instance of the hinted plain type (a ``bool`` is an ``int``) or Struct is taken as it is, at no cost. What msgspec
has no decoder for (an iterable, a class of the user's, two Structs without tags) is not checked.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import msgspec

from dagger_actors.bodies.outputs import encode_hook, to_json
from dagger_actors.errors import ResultError

__all__ = ["CheckResult", "hint_name", "result_check"]

CheckResult = Callable[[Any, bytes | None], None]
"""Takes the result, and its JSON text when that is known; raises ``ResultError``."""

PLAIN = (int, str, bool, float, types.NoneType)
BYTES = (bytes, bytearray, memoryview)
FILES = (*BYTES, PurePath)
OPEN = (Any, object, typing.NoReturn)


def result_check(
    action: str, hint: Any, members: tuple[Any, ...], dec_hook: Callable[[Any, Any], Any]
) -> CheckResult | None:
    """Make the check of an action's results.

    Args:
        action: The action's name, for the error.
        hint: Its return hint.
        members: The members of the hint when it is a union, else the hint alone.
        dec_hook: Builds what msgspec does not know.

    Returns:
        A function that raises ``ResultError``; None when there is nothing to check.
    """
    if any(member in OPEN or isinstance(member, typing.TypeVar) for member in members):
        return None
    try:
        decode = msgspec.json.Decoder(hint, dec_hook=dec_hook).decode
    except (TypeError, ValueError, NameError, RecursionError):
        return None
    as_it_is = tuple(
        kind
        for kind in members
        # A pydantic model has been validated already, and may be written by other names than it is read.
        if isinstance(kind, type)
        and (kind in PLAIN or issubclass(kind, msgspec.Struct) or hasattr(kind, "model_validate"))
    )
    takes_files = any(not isinstance(kind, type) or issubclass(kind, FILES) or is_custom(kind) for kind in members)
    is_files = all(isinstance(kind, type) and issubclass(kind, BYTES) for kind in members)
    encode = msgspec.json.Encoder(enc_hook=encode_hook).encode

    def check(value: Any, encoded: bytes | None = None) -> None:
        kind = type(value)
        if kind in as_it_is or isinstance(value, as_it_is):
            return
        if isinstance(value, FILES):
            if not takes_files:
                raise ResultError(
                    action, hint_name(hint), kind.__qualname__, "bytes are stored as they are, not as JSON"
                )
            return
        if is_files:
            raise ResultError(action, hint_name(hint), kind.__qualname__, "bytes are wanted")
        try:
            decode(encode(value) if encoded is None else encoded)
        except NotImplementedError:
            return
        except (msgspec.DecodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
            to_json(value)  # says better what cannot be stored at all
            raise ResultError(action, hint_name(hint), kind.__qualname__, str(error)) from None

    return check


def is_custom(kind: type) -> bool:
    """Tell whether msgspec knows a class only by its name."""
    return isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType)


def hint_name(hint: Any) -> str:
    """Spell a type hint as its author did, more or less."""
    return hint.__qualname__ if isinstance(hint, type) else str(hint).replace("typing.", "")
