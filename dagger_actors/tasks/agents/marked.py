"""How a class or function that does tasks is recognized, by those too that must not know how it was read."""

from __future__ import annotations

from typing import Any, Protocol

from dagger_actors.supervised.files.task_keys import MARK

__all__ = ["Marked", "marked"]


class Marked(Protocol):
    """What is known of it: a ``TaskKind``.

    Attributes:
        name: The name of its agent, unless it is configured with another.
    """

    name: str

    @property
    def origin(self) -> str:
        """What tells it from every other of the program, in all its processes."""
        ...

    @property
    def result(self) -> Any:
        """The type of its results; ``Any`` = it is not known."""
        ...

    def encode(self, payload: object) -> bytes:
        """Make a payload's JSON text.

        Raises:
            PayloadRefused: It does not fit, or is too large.
        """
        ...


def marked(given: object) -> Marked | None:
    """What is known of a class or function that does tasks itself; None = it is none. What a class inherits is another's."""
    found = vars(given).get(MARK) if isinstance(given, type) else getattr(given, MARK, None)
    kind: Marked | None = found
    return kind
