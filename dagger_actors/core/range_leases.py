"""How the members of a group share its key ranges: each range is leased by one member at a time.

A lease has an owner, a member and an epoch. Whatever a member writes of a range expects its lease.
"""

from __future__ import annotations

import msgspec

__all__ = ["Lease", "ReleaseRanges", "ShareRanges", "Shared", "TakeRanges"]


class ShareRanges(msgspec.Struct, frozen=True, tag="share_ranges"):
    """Join a group (again), and take the ranges that are this member's share and nobody's.

    The share is told by all that have joined and whose workers are there: they are put in the order of joining, and range r
    of 64 goes to number ``r * n // 64``. A range in another's hands is waited for: its holder gives it back. Answers a
    ``Shared``.

    Attributes:
        group_key: The group.
        worker: This worker.
        member: The name of the member in it.
        now_us: Wall microseconds.
    """

    group_key: int
    worker: int
    member: str
    now_us: int


class Lease(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One range in a member's hands.

    Attributes:
        range: 0 to 63.
        epoch: Counts its holders.
    """

    range: int
    epoch: int


class Shared(msgspec.Struct, frozen=True):
    """What a member holds.

    Attributes:
        taken: Ranges that it has taken now.
        held: All that it holds, those included.
        surplus: Ranges that are another's share: to be given back once nothing of them is in hand.
        members: How many members share.
    """

    taken: tuple[Lease, ...]
    held: tuple[Lease, ...]
    surplus: tuple[int, ...]
    members: int


class ReleaseRanges(msgspec.Struct, frozen=True, tag="release_ranges"):
    """Give ranges back; what is no longer this member's is passed over.

    Attributes:
        group_key: The group.
        worker: This worker.
        member: The member.
        ranges: Which; None = all, and it leaves the group.
    """

    group_key: int
    worker: int
    member: str
    ranges: tuple[int, ...] | None


class TakeRanges(msgspec.Struct, frozen=True, tag="take_ranges"):
    """Take what a dead or stalled worker held away from it, and count the deaths that its messages met.

    Its ranges become nobody's, with a new epoch; it leaves all groups. Answers how many ranges.

    Attributes:
        owner: The dead worker.
        begun: Messages that it had begun and not ended: cursor_key, offset and range (its slot file says both: ``place_of``).
            The ``crash_no`` of those that are not done rises by one.
        now_us: Wall microseconds.
    """

    owner: int
    begun: tuple[tuple[int, int, int], ...]
    now_us: int
