"""What lies in a mailbox: a message's class, its bytes, and where its answer goes.

A message is encoded once, by whoever sends it, and decoded once, strictly, by the handler that takes it. So no two actors
ever share a mutable object, what is sent could be stored as it is, and an ill-typed message is told at the door.
"""

from __future__ import annotations

import contextlib
import inspect
import queue
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import MessageRefused

__all__ = [
    "ATOMS",
    "Answer",
    "Letter",
    "StopLetter",
    "copied",
    "encode",
    "fail",
    "kind_of",
    "plain",
    "resolve",
    "text_of",
]

Answer = ReplyFuture[Any]

Letter = tuple[Any, bytes, Answer | None, Any]
"""The message's class, its MessagePack, who waits for the answer, and the sender's trace context.

A tuple: a Struct or an object of our own would cost a fifth of the whole way from one actor to another.
"""


class StopLetter(msgspec.Struct, frozen=True):
    """Stop, when everything sent before has been handled; lies in a mailbox as a message does, and is none."""


ATOMS = frozenset((type(None), bool, int, float, str, bytes))
"""Types whose values nobody can change: an answer of one of them needs no copy."""

CONTAINERS = frozenset((list, tuple, set, frozenset))

ADVICE = "make it a msgspec Struct, or plain values, lists and dicts"

_encode = msgspec.msgpack.Encoder().encode


def encode(message: object) -> bytes:
    """Encode a message.

    Raises:
        MessageRefused: It holds what msgspec cannot encode; names it.
    """
    try:
        return _encode(message)
    except Exception as error:
        raise MessageRefused(type(message).__name__, f"{text_of(error)}; {ADVICE}") from error


def kind_of(letter: Letter) -> str:
    """Name the class of a letter's message."""
    name: str = letter[0].__name__
    return name


def plain(letter: Letter) -> object:
    """The message of a letter as plain dicts and lists, for whoever has no type for it."""
    return msgspec.msgpack.decode(letter[1])


def copied(result: Any) -> Any:
    """Copy an answer, so that nothing mutable leaves the actor that gave it.

    What is in lists, tuples, sets and dicts is copied one by one and stays of its class; all else goes through the wire.

    Raises:
        MessageRefused: It cannot be encoded, or not be decoded as what it is.
    """
    if type(result) in ATOMS:
        return result
    if inspect.iscoroutine(result):
        result.close()  # which would be warned of somewhere else, without saying whose it is
        raise MessageRefused(
            "coroutine", f"the handler answers with {result.__qualname__}(); there an `await` is missing"
        )
    try:
        return _copied(result)
    except Exception as error:
        what = f"it is the answer of a handler: {text_of(error)}; {ADVICE}"
        raise MessageRefused(type(result).__name__, what) from error


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is dict:
        return {_copied(key): _copied(one) for key, one in value.items()}
    if kind in CONTAINERS:
        return kind(map(_copied, value))
    return msgspec.msgpack.decode(_encode(value), type=kind)


def resolve(reply: Answer, result: Any) -> None:
    """Answer an ask, unless somebody has: a kill and the turn it ends may both mean to."""
    with contextlib.suppress(queue.Full):
        reply.set(result)


def fail(reply: Answer, error: BaseException) -> None:
    """Answer an ask with an error, unless somebody has answered it."""
    with contextlib.suppress(queue.Full):
        reply.set_exception((type(error), error, error.__traceback__))


def text_of(error: BaseException) -> str:
    """Class and text of an error; it is somebody's own class, and asking for its text may raise."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except BaseException as raised:  # noqa: BLE001  it may be anything
        return f"{name}, whose text could not be had: {type(raised).__name__}"
