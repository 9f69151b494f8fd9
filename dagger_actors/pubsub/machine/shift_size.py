"""How many turns go into one shift: as many as take ``AIM_US`` together.

A shift costs a way to a thread and back, so quick handlers take many turns in one; whatever waits behind slow ones in
their shift could be taken elsewhere, so they take one.
"""

from __future__ import annotations

from typing import Final

__all__ = ["AIM_US", "MOST", "ShiftSize"]

AIM_US: Final = 2_000
MOST: Final = 64
FIRST: Final = 4
MOST_QUICK: Final = 2 * MOST
"""Turns in shifts that are taken at once, when several stand in one."""


class ShiftSize:
    """Grows by doubling while shifts are short and full, and shrinks at once to what would have fitted.

    Attributes:
        turns: In the next shift, at most; 1 to 64.
    """

    __slots__ = ("turns",)

    def __init__(self) -> None:
        self.turns = FIRST

    def at_once(self, concurrency: int) -> int:
        """How many shifts are begun at once, of ``concurrency`` allowed ones.

        Turns of a few microseconds only wait for one another: two shifts full of them keep the machine busy.
        """
        return min(concurrency, MOST_QUICK // self.turns)

    def record(self, taken: int, spent_us: int) -> None:
        """A shift has ended.

        Args:
            taken: Turns of it that were taken; nothing is learnt from none.
            spent_us: How long they took together.
        """
        if taken <= 0:
            return
        if spent_us > 2 * AIM_US:
            self.turns = max(1, min(self.turns // 2, AIM_US * taken // spent_us))
        elif 2 * spent_us <= AIM_US and taken >= self.turns:
            self.turns = min(MOST, 2 * self.turns)
