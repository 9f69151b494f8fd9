"""The handle of a task that a body has spawned."""

from __future__ import annotations

__all__ = ["Child"]


class Child:
    """A task that this one has spawned; equal ones are of the same id.

    Attributes:
        id: Its id.
        agent: Its agent's name.
    """

    __slots__ = ("agent", "id")

    def __init__(self, task_id: int, agent: str) -> None:
        self.id = task_id
        self.agent = agent

    def __repr__(self) -> str:
        return f"<Child {self.id} of {self.agent}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Child) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)
