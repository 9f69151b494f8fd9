"""The check that a message comes out of the wire as it went in, and what to do when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from dagger_actors.errors import MessageRefused
from dagger_actors.supervised import wire
from dagger_actors.testing.errors import ChangedOnTheWire

__all__ = ["WireCheck", "difference"]

Difference = tuple[str, object, object]


class WireCheck:
    """Decodes whatever is sent, and compares.

    Args:
        is_in_turn: Whether an actor sends, and not the test; what it is told in a turn the test might not hear of.

    Attributes:
        is_on: Whether it does so.
        found: What changed when actors sent it, the first one alone.
    """

    def __init__(self, is_in_turn: Callable[[], bool]) -> None:
        self.is_on = True
        self.found: ChangedOnTheWire | None = None
        self._is_in_turn = is_in_turn

    def look(self, message: object) -> None:
        """Check a message, or an answer.

        Raises:
            ChangedOnTheWire: It does not come out as it went in.
            MessageRefused: It cannot be encoded.
        """
        if not self.is_on:
            return
        kind = type(message)
        try:
            received = msgspec.msgpack.decode(wire.encode(message), type=kind)
        except MessageRefused:
            raise
        except Exception as error:  # noqa: BLE001  the message's own class may raise
            text, _, path = wire.text_of(error).removeprefix("ValidationError: ").partition(" - at `$")
            self._refuse(
                ChangedOnTheWire(
                    kind.__name__,
                    kind.__name__ + path.rstrip("`"),
                    detail=f"no receiver can read it ({text}). Send what it is annotated with, or annotate it with what is sent",
                )
            )
        found = difference(message, received, kind.__name__)
        if found is not None:
            self._refuse(ChangedOnTheWire(kind.__name__, found[0], detail=_detail(*found[1:])))

    def look_at_answer(self, result: object) -> None:
        """Check an answer; lists, tuples, sets and dicts are copied one by one, so what is in them is checked."""
        if type(result) in wire.ATOMS:
            return
        if type(result) in wire.CONTAINERS:
            for one in result:  # type: ignore[attr-defined]  # it is one of these
                self.look_at_answer(one)
        elif type(result) is dict:
            for one in result.values():
                self.look_at_answer(one)
        else:
            self.look(result)

    def check(self) -> None:
        """Refuse to end when an actor sent what changed.

        Raises:
            ChangedOnTheWire: One did.
        """
        if self.is_on and self.found is not None:
            raise self.found

    def _refuse(self, error: ChangedOnTheWire) -> None:
        if self.found is None and self._is_in_turn():
            self.found = error
        raise error


def difference(sent: Any, received: Any, path: str) -> Difference | None:
    """Find the first place where two values differ; None = there is none. NaN is NaN."""
    if _is_equal(sent, received):
        return None
    if type(sent) is type(received):
        parts = _parts(sent, received, path)
        if parts is not None:
            return next((found for part in parts if (found := difference(*part)) is not None), None)
    return path, sent, received


def _parts(sent: Any, received: Any, path: str) -> Iterator[tuple[Any, Any, str]] | None:
    """What two values of one class consist of, and where; None when they cannot be taken apart, or not side by side."""
    if isinstance(sent, msgspec.Struct):
        names = sent.__struct_fields__
    elif dataclasses.is_dataclass(sent):
        names = tuple(one.name for one in dataclasses.fields(sent))
    elif isinstance(sent, dict) and sent.keys() == received.keys():
        return ((sent[key], received[key], f"{path}[{key!r}]") for key in sent)
    elif isinstance(sent, list | tuple) and len(sent) == len(received):
        return ((one, other, f"{path}[{at}]") for at, (one, other) in enumerate(zip(sent, received, strict=True)))
    else:
        return None
    return ((getattr(sent, name, None), getattr(received, name, None), f"{path}.{name}") for name in names)


def _is_equal(sent: Any, received: Any) -> bool:
    try:
        return bool(sent == received) or (sent != sent and received != received)  # noqa: PLR0124  NaN alone
    except Exception:  # noqa: BLE001  the user's own comparison
        return False


def _detail(sent: object, received: object) -> str:
    what = f"it was sent as {_short(sent)} and comes out as {_short(received)}"
    if type(sent) is not type(received):
        name = type(sent).__name__
        return f"{what}. Annotate it with {name}, or send what it is annotated with: a receiver knows the annotations alone"
    return f"{what}. What a class keeps outside of its fields, or makes of them in `__post_init__`, must come out equal"


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  the user's own
        text = "<no repr>"
    return f"{type(value).__name__} {text[:100]}{'...' if len(text) > 100 else ''}"
