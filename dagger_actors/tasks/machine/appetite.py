"""How many tasks of each agent a worker wants leased: enough that its places never stand empty, and no more than it needs.

A lease costs a commit, and whoever holds it keeps the task from other workers. So each agent leases what its places
take, and ahead of that what it has lately done in ``AHEAD_US``: work of milliseconds is leased by the hundred, work of
minutes one by one. It claims again when half of what it leased ahead is used up. ``at_most_once`` work, whose start is
committed with its lease, is never leased ahead.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagger_actors.core.protocols import Now
from dagger_actors.core.tasks import Claim, ClaimAnswer
from dagger_actors.tasks.machine.events import AgentTerms

__all__ = ["MOST_AHEAD", "Appetite"]

MOST_AHEAD = 1024
"""Leases ahead of an agent's places, at most."""

AHEAD_US = 50_000
"""How much of an agent's work is leased ahead: what some commits take, and what another worker has to wait for at most."""

MEASURED_US = 5_000
"""How long ends are counted until the pace is told from them."""


class _Share:
    """One agent's.

    Attributes:
        held: Leases in hand.
        ahead: Leases it wants ahead of its places.
        used: Ends since ``since_us``, which the pace is told from.
        is_drained: Whether the last answer had fewer than was wanted, and nothing has been heard since it was asked for.
        is_woken: Whether something was heard since the last claim: its answer may not know of that.
        again_us: Not before this: the agent's rate; wall microseconds.
    """

    __slots__ = ("again_us", "ahead", "held", "is_drained", "is_woken", "since_us", "terms", "used")

    def __init__(self, terms: AgentTerms) -> None:
        self.terms = terms
        self.held = 0
        self.ahead = 0
        self.used = 0
        self.since_us = 0
        self.is_drained = False
        self.is_woken = False
        self.again_us = 0

    def measure(self, now: Now) -> None:
        """Tell the pace, when enough time has passed for that."""
        elapsed_us = now.mono_us - self.since_us
        if elapsed_us >= MEASURED_US and not self.terms.is_at_most_once:
            self.ahead = min(self.used * AHEAD_US // elapsed_us, MOST_AHEAD)
            self.used, self.since_us = 0, now.mono_us

    def wants(self, now: Now) -> int:
        """How many leases to claim now."""
        places = self.terms.concurrency
        if self.is_drained or self.again_us > now.wall_us or self.held >= places + self.ahead // 2:
            return 0
        return places + self.ahead - self.held


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
        self._claimed: tuple[str, ...] = ()

    def wake(self, agents: frozenset[str] | None) -> None:
        """Something may be ready for these; None = for any."""
        for name in self._shares if agents is None else agents & self._shares.keys():
            share = self._shares[name]
            share.is_drained, share.is_woken = False, True

    def answered(self, answer: ClaimAnswer) -> None:
        """A claim brought these."""
        for task in answer.tasks:
            self._shares[task.agent].held += 1
        self._held += len(answer.tasks)
        for name in self._claimed:
            share = self._shares[name]
            share.again_us = answer.again_us.get(name, 0)
            share.is_drained = name in answer.drained and not share.is_woken

    def adopt(self, agent: str) -> None:
        """A lease that was claimed before."""
        self._shares[agent].held += 1
        self._held += 1

    def end(self, agent: str) -> None:
        """A lease was given back because its attempt has ended."""
        share = self._shares[agent]
        share.held -= 1
        share.used += 1
        self._held -= 1
        # Its end may be what others waited for, or have made new ones.
        self.wake(None)

    def waiting(self) -> int:
        """Leases ahead of the places, of all agents."""
        return sum(max(0, share.held - share.terms.concurrency) for share in self._shares.values())

    def wanted(self, now: Now) -> tuple[Claim, ...]:
        """What to claim now."""
        for share in self._shares.values():
            share.measure(now)
        room = self._total + sum(share.ahead for share in self._shares.values()) - self._held
        claims: list[Claim] = []
        for name in self._order:
            share = self._shares[name]
            count = min(share.wants(now), room)
            if count > 0:
                claims.append(Claim(name, count, share.terms.is_at_most_once))
                share.is_woken = False
                room -= count
        self._claimed = tuple(claim.agent for claim in claims)
        if claims:  # whoever was first is last the next time
            self._order.append(self._order.pop(0))
        return tuple(claims)

    def again_us(self, now_us: int) -> int | None:
        """When the rate of an agent lets it go on, wall microseconds; None = nobody waits for that."""
        times = [share.again_us for share in self._shares.values() if share.again_us > now_us and not share.is_drained]
        return min(times, default=None)
