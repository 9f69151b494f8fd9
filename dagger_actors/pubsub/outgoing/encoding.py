"""From what is published to what is stored: a message is JSON text that fits one of its channel's classes, or it is refused.

Its class travels by its name. Whoever publishes gives an instance, or plain data that fits exactly one of them; either way
the text is decoded once, strictly, so that no reader is given what the publisher could have been told of.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.parameters import alternatives, decode_custom
from dagger_actors.bodies.records import is_record
from dagger_actors.core.wording import as_written, listed, nearest, quoted
from dagger_actors.errors import OutputError, PublicationRefused
from dagger_actors.supervised.config_check import shape_of, spelt, unknown_keys

__all__ = ["MAX_MESSAGE_BYTES", "Encoding", "NamedMessages", "TypedMessages"]

MAX_MESSAGE_BYTES = 1024 * 1024
SHOWN = 5
"""Unknown keys, or classes that a message does not fit, which are told at once."""

BY_REFERENCE = "keep the content with system.artifacts.put(...), and let the message hold the reference"
BY_INSTANCE = "publish an instance of one of them, or name it with type="

_encode = msgspec.json.Encoder().encode

PLAIN = frozenset((str, int, float, bool, list, dict, type(None)))


class Encoding(Protocol):
    """What a channel takes, and how it is read."""

    def encode(self, message: object, type_name: str | None = None) -> tuple[str, str]:
        """Give the name of a message's class, empty = none, and its JSON text, at most 1 MiB.

        Args:
            message: An instance of one of the channel's classes, or plain data that fits exactly one.
            type_name: The name of the class that plain data is meant for; None = it says so itself.

        Raises:
            PublicationRefused: It does not fit, with the path to what does not; or is too large.
        """
        ...

    def encode_text(self, text: bytes, class_name: str, found: str) -> tuple[str, str]:
        """``encode`` of what another process has made into text.

        Args:
            text: Its JSON text.
            class_name: The class that it was an instance of; empty = it was plain data.
            found: That class, for people.

        Raises:
            PublicationRefused: As ``encode``.
        """
        ...

    def decode(self, type_name: str, payload: str) -> Any:
        """Give a stored message as an instance of its class; as plain data where that is not known, or does not fit any more."""
        ...


class _Class:
    """One class that a channel takes."""

    __slots__ = ("_shape", "decode", "hint", "is_struct", "name")

    def __init__(self, name: str, hint: Any) -> None:
        self.name = name
        self.hint = hint
        self.decode: Callable[[bytes | str], Any] = msgspec.json.Decoder(hint, dec_hook=decode_custom).decode
        self.is_struct = getattr(hint, "__eq__", None) is msgspec.Struct.__eq__  # which compares fields and classes
        self._shape = shape_of(hint)

    def same(self, message: object) -> bytes | None:
        """The text of an instance, of which an equal one can be made: then there is nothing to be said of it.

        That costs a third of looking at each of its values for what JSON would change without a word.
        """
        try:
            text = _encode(message)
            is_same = len(text) <= MAX_MESSAGE_BYTES and self.decode(text) == message
        except (Exception, SystemExit):  # noqa: BLE001 - it is encoded once more, by what says why not
            return None
        return text if is_same else None

    def misfit(self, text: bytes) -> str | None:
        """Why a text is none of this class; None = it is one."""
        try:
            self.decode(text)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's types may raise anything
            return _reason(error)
        return None

    def unknown(self, message: object) -> tuple[str, str] | None:
        """Tell of the keys that nothing takes, which are misspelt ones, and what to do; None = there are none."""
        if self._shape is None or not isinstance(message, Mapping | list):
            return None
        faults = list(unknown_keys(self._shape, message, ()))
        if not faults:
            return None
        told = "; ".join(f"{fault.message} at `{spelt(fault.path[:-1])}`" for fault in faults[:SHOWN])
        return told, faults[0].advice.rstrip(".")


class TypedMessages:
    """The messages of a channel whose classes are known here.

    Args:
        channel: The channel's name.
        types: Its classes by name; one without a name takes anything.
    """

    def __init__(self, channel: str, types: Mapping[str, Any]) -> None:
        self._channel = channel
        self._takes_all = not types or "" in types
        self._classes = {name: _Class(name, hint) for name, hint in types.items() if name}
        self._by_class = {
            kind: one
            for one in self._classes.values()
            for kind in map(_class_of, alternatives(one.hint))
            if kind is not None
        }

    def encode(self, message: object, type_name: str | None = None) -> tuple[str, str]:
        """See ``Encoding``."""
        known = self._by_class.get(type(message)) if type_name is None else None
        if known is not None and known.is_struct:
            text = known.same(message)
            if text is not None:
                return known.name, text.decode()
        text = _text(self._channel, message)
        if known is None:
            return self._name(message, type_name, text), text.decode()
        try:
            known.decode(text)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's types may raise anything
            raise PublicationRefused(self._channel, _reason(error)) from None
        return known.name, text.decode()

    def encode_text(self, text: bytes, class_name: str, found: str) -> tuple[str, str]:
        """See ``Encoding``."""
        if not class_name:
            return self.encode(msgspec.json.decode(text))
        _refuse_large(self._channel, text)
        return self._name_of_class(class_name, found, text), text.decode()

    def decode(self, type_name: str, payload: str) -> Any:
        """See ``Encoding``."""
        known = self._classes.get(type_name)
        try:
            return msgspec.json.decode(payload) if known is None else known.decode(payload)
        except (Exception, SystemExit):  # noqa: BLE001 - whoever looks is shown what is there
            return msgspec.json.decode(payload)

    def _name(self, message: object, type_name: str | None, text: bytes) -> str:
        if is_record(type(message)):
            return self._name_of_instance(message, type_name, text)
        if type_name is not None:
            return self._one(self._named(type_name), message, text)
        if len(self._classes) == 1 and not self._takes_all:
            return self._one(next(iter(self._classes.values())), message, text)
        return self._only_fit(message, text)

    def _name_of_instance(self, message: object, type_name: str | None, text: bytes) -> str:
        """The same class may be there twice, from a script and from its module: its name says which is meant."""
        kind = type(message)
        if type_name is not None and type_name != kind.__name__:
            raise PublicationRefused(self._channel, f"it is an instance of {kind.__name__}, not of {type_name}")
        return self._name_of_class(kind.__name__, f"{as_written(kind.__module__)}.{kind.__qualname__}", text)

    def _name_of_class(self, name: str, found: str, text: bytes) -> str:
        known = self._classes.get(name)
        if known is not None:
            return self._one(known, None, text)
        if self._takes_all:
            return name
        wanted = listed(sorted(self._classes), SHOWN)
        raise PublicationRefused(
            self._channel, f"it takes {wanted}, not an instance of {found}", "publish one of these"
        )

    def _named(self, name: str) -> _Class:
        if name not in self._classes:
            raise _no_such_type(self._channel, name, tuple(self._classes))
        return self._classes[name]

    def _one(self, known: _Class, message: object, text: bytes) -> str:
        unknown = known.unknown(message)
        if unknown is not None:
            raise PublicationRefused(self._channel, *unknown)
        why = known.misfit(text)
        if why is not None:
            raise PublicationRefused(self._channel, why)
        return known.name

    def _only_fit(self, message: object, text: bytes) -> str:
        whys: dict[str, str] = {}
        for name, one in self._classes.items():
            unknown = one.unknown(message)
            whys[name] = (unknown[0] if unknown is not None else one.misfit(text)) or ""
        fitting = [name for name, why in whys.items() if not why]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise PublicationRefused(self._channel, f"it fits {listed(fitting, SHOWN)}", BY_INSTANCE)
        if self._takes_all:
            return ""
        told = "; ".join(f"{name}: {why}" for name, why in list(whys.items())[:SHOWN])
        raise PublicationRefused(self._channel, f"it fits none of its {len(whys)} classes ({told})", BY_INSTANCE)


class NamedMessages:
    """The messages of a channel of which only the database tells: whose classes are known by their names alone.

    Args:
        channel: The channel's name.
        names: Those of its classes; empty = it takes anything.
    """

    def __init__(self, channel: str, names: Sequence[str]) -> None:
        self._channel = channel
        self._names = tuple(names)

    def encode(self, message: object, type_name: str | None = None) -> tuple[str, str]:
        """See ``Encoding``; what the fields hold is judged by whoever reads it."""
        text = _text(self._channel, message)
        kind = type(message)
        if type_name is not None:
            name = type_name
        elif is_record(kind):
            name = kind.__name__
        elif len(self._names) == 1:
            name = self._names[0]
        elif not self._names:
            name = ""
        elif kind in PLAIN and kind is not dict and kind.__name__ in self._names:
            name = kind.__name__
        else:
            advice = "name it with type=, or import the classes"
            raise PublicationRefused(
                self._channel, f"it takes {listed(self._names, SHOWN)}, and which it is, is not said", advice
            )
        if self._names and name not in self._names:
            raise _no_such_type(self._channel, name, self._names)
        return name, text.decode()

    def encode_text(self, text: bytes, class_name: str, found: str) -> tuple[str, str]:  # noqa: ARG002 - as above
        """See ``Encoding``."""
        return self.encode(msgspec.json.decode(text), class_name or None)

    def decode(self, type_name: str, payload: str) -> Any:  # noqa: ARG002 - of no class is anything known
        """See ``Encoding``."""
        return msgspec.json.decode(payload)


def _text(channel: str, message: object) -> bytes:
    try:
        text = to_json(message)
    except OutputError as error:
        advice = BY_REFERENCE if "bytes" in error.reason or "Path" in error.reason else "make it plain data"
        raise PublicationRefused(channel, error.reason, advice) from None
    _refuse_large(channel, text)
    return text


def _refuse_large(channel: str, text: bytes) -> None:
    if len(text) > MAX_MESSAGE_BYTES:
        reason = f"it has {len(text):,} bytes of JSON, and {MAX_MESSAGE_BYTES:,} are allowed"
        raise PublicationRefused(channel, reason, BY_REFERENCE)


def _no_such_type(channel: str, name: str, known: Sequence[str]) -> PublicationRefused:
    near = nearest(name, known)
    advice = f"did you mean {near!r}?" if near else "give one of these"
    return PublicationRefused(
        channel, f"it takes {listed(sorted(known), SHOWN) or 'no class of a name'}, not {quoted(name)}", advice
    )


def _class_of(hint: Any) -> type | None:
    """The class whose instances a hint is for; None = it is for plain data of a certain form."""
    kind = typing.get_origin(hint) or hint
    return kind if isinstance(kind, type) and kind is not object and not typing.is_typeddict(kind) else None


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, msgspec.DecodeError) else f"{type(error).__name__}: {error}"
