"""What a probe has received, what it waits for, and how both read in a failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dagger_actors.supervised.context import Terminated

if TYPE_CHECKING:
    from dagger_actors.supervised.wire import Answer

__all__ = ["Received", "Wanted", "listed", "wanted", "wanted_end"]

MOST_SHOWN = 10
LONGEST_LINE = 300


class Received(NamedTuple):
    """One message.

    Attributes:
        message: What was sent.
        reply: Where its answer goes, when it is an ask that the test answers.
    """

    message: object
    reply: Answer | None

    def __str__(self) -> str:
        return spelled(self.message) + (" (an ask)" if self.reply is not None else "")


class Wanted(NamedTuple):
    """What a test waits for.

    Attributes:
        text: For people.
        fits: Whether a message is it.
    """

    text: str
    fits: Callable[[Any], bool]


def wanted(expected: Any, where: Callable[[Any], bool] | None = None) -> Wanted:
    """Read what a test expects: a class and a predicate, or a message."""
    if not isinstance(expected, type):
        return Wanted(spelled(expected), lambda message: type(message) is type(expected) and message == expected)
    text = expected.__name__ + (" for which `where` holds" if where else "")
    return Wanted(text, lambda message: isinstance(message, expected) and (where is None or bool(where(message))))


def wanted_end(name: str, error: str | type[BaseException] | None) -> Wanted:
    """Read which end of which actor a test expects: with a class of error, a part of its text, "" = none, None = any."""

    def fits(message: object) -> bool:
        if not isinstance(message, Terminated) or message.name != name:
            return False
        if isinstance(error, type):
            return message.error.startswith((f"{error.__name__}:", f"{error.__name__},"))
        return error is None or (error in message.error if error else not message.error)

    if error is None:
        return Wanted(f"the end of {name}", fits)
    how = f"with {error.__name__ if isinstance(error, type) else repr(error)}" if error else "without an error"
    return Wanted(f"the end of {name} {how}", fits)


def listed(title: str, received: Sequence[Received], *, none: str = "nothing") -> str:
    """Spell messages out, a line each; ``none`` when there are none, which may be nothing at all."""
    if not received:
        return f"{title}: {none}" if none else ""
    lines = [f"  {one}"[:LONGEST_LINE] for one in received[:MOST_SHOWN]]
    if len(received) > MOST_SHOWN:
        lines.append(f"  and {len(received) - MOST_SHOWN:,} more")
    return "\n".join([f"{title}:", *lines])


def spelled(message: object) -> str:
    """Spell a message out; its class may be the user's own, and asking for its text may raise."""
    try:
        return repr(message)
    except Exception as error:  # noqa: BLE001
        return f"<{type(message).__name__}, whose repr raised {type(error).__name__}>"
