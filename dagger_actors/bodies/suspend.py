"""How a body ends for now: what it waits for is told by its turn, and it will be run again from its beginning."""

from __future__ import annotations

__all__ = ["Suspend"]


class Suspend(BaseException):
    """Raised by a context whose owner may suspend bodies; user code lets it pass, as it lets a cancellation pass.

    The attempt ends as ``Suspended``, and what its turn has gathered is committed with that.
    """
