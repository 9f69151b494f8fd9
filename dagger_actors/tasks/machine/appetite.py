"""How many tasks of each agent a worker wants leased: enough that its places never stand empty, and no more than it needs.

A lease costs a commit, and whoever holds it keeps the task from other workers. So each agent leases what its places
take, and ahead of that what they do in ``AHEAD_US``, by how long its attempts have taken lately: work of milliseconds is
leased by the hundred, work of minutes one by one. It claims again when half of what it leased ahead is used up.
``at_most_once`` work, whose start is committed with its lease, is never leased ahead.

Each agent has claims of its own under way: what one of them waits for keeps no other from claiming. An agent of which nothing
more is ready is *drained* until something is heard. The end of an attempt may have made tasks ready that waited for it: of a
drained agent they are claimed for in the same transaction, on condition that the end was waited for at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagger_actors.core.protocols import Now
from dagger_actors.core.task_leases import Claim, ClaimAnswer
from dagger_actors.tasks.machine.events import AgentTerms

__all__ = ["MOST_AHEAD", "Appetite"]

MOST_AHEAD = 1024
"""Leases ahead of the places, of all agents, at most."""

AHEAD_US = 50_000
"""How much of an agent's work is leased ahead: what some commits take, and what another worker has to wait for at most."""

LEAST_US = 100
"""What an attempt takes of a worker at least, however short its body is."""

SHIFT_US = 2_000
"""How long a shift is to take: bodies of microseconds are done several on end, for a body of its own costs more than they do."""

LARGEST_SHIFT = 16
"""Tasks in a shift at most."""

QUICK_US = 500
"""Attempts that lately took longer are not done in shifts."""

SLOW_US = 20_000
"""An attempt of so long, or longer, has held up what was behind it in its shift ..."""

ALONE = 64
"""... so that after it this many are done alone."""

LATELY = 16
"""Attempts that count for how long one takes, roughly. (The pace of ends would not do: who starves is slow.)"""

LONG_US = 200_000
"""An attempt of so long, or longer, counts alone: what is leased ahead of such would wait for ages."""


class _Share:
    """One agent's.

    Attributes:
        held: Leases in hand.
        asked: Leases that are claimed for, by claims that are not answered.
        ahead: Leases it wants ahead of its places.
        pace: How many attempts one place lately did in ``AHEAD_US``: a mean in which one that is held up counts as one, and
            not for as long as it took.
        alone: How many more are done alone, whatever the pace.
        is_drained: Whether the last answer had fewer than was wanted, and nothing has been heard since it was asked for.
        is_woken: Whether something was heard since the last claim: its answer may not know of that.
        again_us: Not before this: the agent's rate; wall microseconds.
    """

    __slots__ = ("again_us", "ahead", "alone", "asked", "held", "is_drained", "is_woken", "pace", "terms")

    def __init__(self, terms: AgentTerms) -> None:
        self.terms = terms
        self.held = 0
        self.asked = 0
        self.ahead = 0
        self.pace: float | None = None
        self.alone = 0
        self.is_drained = False
        self.is_woken = False
        self.again_us = 0

    def measure(self, took_us: int) -> None:
        """An attempt has taken so long."""
        self.alone = ALONE if took_us >= SLOW_US else max(0, self.alone - 1)
        took_us = max(took_us, LEAST_US)
        pace = AHEAD_US / took_us
        weight = 1.0 if self.pace is None else min(1.0, max(1 / LATELY, took_us / LONG_US))
        self.pace = pace * weight + (self.pace or 0.0) * (1 - weight)
        if not self.terms.is_at_most_once:
            self.ahead = min(int(self.terms.concurrency * self.pace), MOST_AHEAD)

    @property
    def shift(self) -> int:
        """How many tasks one body does on end."""
        if not self.terms.takes_shifts or self.alone or self.pace is None or self.pace * QUICK_US < AHEAD_US:
            return 1
        return min(LARGEST_SHIFT, int(SHIFT_US * self.pace / AHEAD_US))

    def wake(self) -> None:
        """Something may be ready."""
        self.is_drained, self.is_woken = False, True

    def claim(self, room: int, now: Now, *, is_doubtful: bool) -> Claim | None:
        """What to claim now, if anything.

        Args:
            room: No more than this.
            now: When.
            is_doubtful: Whether ends that are written with it may have made something ready.
        """
        own = self.terms.concurrency + self.ahead - self.held - self.asked
        room = 0 if self.again_us > now.wall_us else max(0, min(room, own))
        if self.is_drained:
            if not is_doubtful:
                return None
            # Half, so that there is room left if something is heard before the answer.
            return Claim(self.terms.name, (room + 1) // 2, self.terms.is_at_most_once, is_doubtful=True)
        if not room or own <= self.ahead - self.ahead // 2:
            return None
        return Claim(self.terms.name, room, self.terms.is_at_most_once)


class Appetite:
    """Counts leases, and tells what is wanted.

    Args:
        agents: This worker's.
        total: Attempts at once, of all agents; 1 or more.
    """

    def __init__(self, agents: Mapping[str, AgentTerms], total: int) -> None:
        self._shares = {name: _Share(terms) for name, terms in agents.items()}
        self._order = list(self._shares)
        self._total = total
        self._held = 0
        self._is_doubtful = False

    def wake(self, agents: frozenset[str] | None) -> None:
        """Something may be ready for these; None = for any."""
        for name in self._shares if agents is None else agents & self._shares.keys():
            self._shares[name].wake()

    def doubt(self) -> None:
        """A task has ended: if another waited for that, it may be ready as soon as that is written."""
        self._is_doubtful = True

    def answered(self, answer: ClaimAnswer, claims: Sequence[Claim]) -> None:
        """Claims brought these."""
        for task in answer.tasks:
            self._shares[task.agent].held += 1
        self._held += len(answer.tasks)
        for claim in claims:
            share = self._shares[claim.agent]
            share.asked -= claim.count
            share.again_us = answer.again_us.get(claim.agent, 0)
            share.is_drained = claim.agent in answer.drained and not share.is_woken

    def unanswered(self, claims: Sequence[Claim]) -> None:
        """Claims could not be written."""
        for claim in claims:
            share = self._shares[claim.agent]
            share.asked -= claim.count
            share.wake()

    def adopt(self, agent: str) -> None:
        """A lease that was claimed before."""
        self._shares[agent].held += 1
        self._held += 1

    def end(self, agent: str, took_us: int | None = None) -> None:
        """A lease is given back; ``wake`` or ``doubt`` must follow.

        Args:
            agent: Whose.
            took_us: How long its attempt has taken; None = it has not ended by itself.
        """
        share = self._shares[agent]
        share.held -= 1
        if took_us is not None:
            share.measure(took_us)
        self._held -= 1

    def shift_of(self, agent: str) -> int:
        """How many tasks of an agent one body does on end, at most; 1 = it has one for each."""
        return self._shares[agent].shift

    def waiting(self) -> int:
        """Leases ahead of the places, of all agents."""
        return sum(max(0, share.held - share.terms.concurrency) for share in self._shares.values())

    def wanted(self, now: Now) -> tuple[Claim, ...]:
        """What to claim now, with what is decided already."""
        is_doubtful, self._is_doubtful = self._is_doubtful, False
        shares = self._shares.values()
        ahead = min(sum(share.ahead for share in shares), MOST_AHEAD)
        room = self._total + ahead - self._held - sum(share.asked for share in shares)
        claims: list[Claim] = []
        for name in self._order:
            share = self._shares[name]
            claim = share.claim(room, now, is_doubtful=is_doubtful)
            if claim is not None:
                claims.append(claim)
                share.asked += claim.count
                room -= claim.count
                if not claim.is_doubtful:
                    share.is_woken = False
        if claims:  # whoever was first is last the next time
            self._order.append(self._order.pop(0))
        return tuple(claims)

    def again_us(self, now_us: int) -> int | None:
        """When the rate of an agent lets it go on, wall microseconds; None = nobody waits for that."""
        times = [share.again_us for share in self._shares.values() if share.again_us > now_us and not share.is_drained]
        return min(times, default=None)
