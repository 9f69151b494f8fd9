"""What the test kit raises: the death of a worker, a world that does not come to rest, and what cannot be simulated."""

from __future__ import annotations

__all__ = ["Killed", "NeverSettles", "WorkerDied"]


class Killed(BaseException):
    """The worker whose turn this is has just been killed."""

    is_death = True
    """Node actors let it pass: nothing of a dead process is told."""

    def __init__(self, worker: str) -> None:
        self.worker = worker
        super().__init__(worker)


class WorkerDied(Exception):
    """The worker that was waited for has been killed; its caller would have died with it."""


class NeverSettles(AssertionError):
    """Thirty virtual days have passed and there is still something to do."""
