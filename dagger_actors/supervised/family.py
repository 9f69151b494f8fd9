"""What supervisors and their children know of each other; actors and supervisors are both."""

from __future__ import annotations

from typing import Literal, Protocol

__all__ = ["ChildHandle", "ExitKind", "Parent"]

ExitKind = Literal["normal", "shutdown", "error"]


class ChildHandle(Protocol):
    """What a supervisor can do with a child, be it an actor's cell or another supervisor; none of it blocks."""

    @property
    def name(self) -> str:
        """Its name in the system; its id is the last part."""
        ...

    @property
    def incarnation(self) -> int:
        """The last one that was begun."""
        ...

    def begin(self, incarnation: int) -> None:
        """Begin an incarnation."""
        ...

    def end(self, incarnation: int) -> None:
        """End it in good order."""
        ...

    def kill(self, incarnation: int) -> None:
        """End it now."""
        ...

    def close(self) -> None:
        """It will never begin again."""
        ...


class Parent(Protocol):
    """Who hears how an incarnation begins and ends; called in the child's turn, must not block."""

    def child_started(self, child: ChildHandle, incarnation: int) -> None:
        """``started`` has returned."""
        ...

    def child_failed_to_start(self, child: ChildHandle, incarnation: int, error: BaseException) -> None:
        """It never came up."""
        ...

    def child_exited(self, child: ChildHandle, incarnation: int, kind: ExitKind, error: BaseException | None) -> None:
        """The incarnation is over; it waits for ``start`` or ``close``."""
        ...
