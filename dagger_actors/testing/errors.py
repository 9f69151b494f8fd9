"""What the test kit raises: the death of a worker, a world that does not come to rest, and what cannot be simulated."""

from __future__ import annotations

from dagger_actors.errors import DaggerError, MessageRefused

__all__ = [
    "CannotSimulate",
    "ChangedOnTheWire",
    "Killed",
    "NeverSettles",
    "NotAsExpected",
    "NotRepeatable",
    "UnusedStub",
    "WorkerKilled",
]


class Killed(BaseException):
    """The worker whose turn this is has just been killed."""

    is_death = True
    """Body actors let it pass: nothing of a dead process is told."""

    def __init__(self, worker: str) -> None:
        self.worker = worker
        super().__init__(worker)


class WorkerKilled(Exception):
    """The worker (a system of the simulation) that was waited for has been killed; its caller would have died with it.

    Not to be taken for ``dagger_actors.errors.WorkerDied``, by which an attempt fails whose worker process has died.
    """


class NeverSettles(AssertionError):
    """What is waited for does not come, however long: thirty virtual days, ten million turns, or nothing left but polling.

    Says what is still waiting.
    """


class NotRepeatable(AssertionError):
    """The same seed has not given the same course: a kill was not reached, or turns came in another order.

    Something in what is simulated follows real time, real chance, real threads, or what an earlier run has left behind.
    """


class UnusedStub(AssertionError):
    """A stub stood in for nothing: no worker has loaded an action of its name."""


class NotAsExpected(AssertionError):
    """A probe has received something else than its test expects, or nothing in time.

    Attributes:
        probe: The probe's name.
        expected: What the test waited for.
        instead: What came instead, and what else is known.
    """

    def __init__(self, probe: str, expected: str, instead: str) -> None:
        self.probe = probe
        self.expected = expected
        self.instead = instead
        super().__init__(probe, expected, instead)

    def __str__(self) -> str:
        return f"the probe {self.probe} expected {self.expected}; {self.instead}"


class ChangedOnTheWire(MessageRefused):
    """A message or an answer that does not come out of the wire as it went in.

    Attributes:
        message: Name of its class.
        place: Where it differs, as in ``Order.customer.address[2]``.
        detail: What differs, and what to do.
    """

    def __init__(self, message: str, place: str, detail: str) -> None:
        super().__init__(message, detail)
        self.place = place
        self.args = (message, place, detail)

    def __str__(self) -> str:
        return f"{self.place} would not arrive as it was sent: {self.detail}. (`sim.check_wire = False` turns this check off)"


class CannotSimulate(DaggerError):
    """Code under the simulation reaches for something that no seed can repeat.

    Attributes:
        what: What it reached for.
        why: Why that cannot be simulated.
        instead: What to do.
    """

    def __init__(self, what: str, why: str, instead: str) -> None:
        self.what = what
        self.why = why
        self.instead = instead
        super().__init__(what, why, instead)

    def __str__(self) -> str:
        return f"{self.what} cannot be simulated: {self.why}. {self.instead}"
