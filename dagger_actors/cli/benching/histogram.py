"""How long things took, in buckets that grow with the time: percentiles to within 1 %, in bounded memory.

Times below 128 ns have a bucket each; from there on 64 buckets halve each power of two more finely, so the middle of a bucket
is at most 1/128 away from whatever lies in it. Source: Gil Tene, HdrHistogram.
"""

from __future__ import annotations

__all__ = ["LONGEST_NS", "Histogram"]

LONGEST_NS = 2**46 - 1
"""Some twenty hours; what took longer counts as that."""

BITS = 6
"""Of a time's leading bits behind the first, so many are kept."""

EXACT = 2 ** (BITS + 1)


class Histogram:
    """Counts of times in nanoseconds.

    Attributes:
        longest_ns: The longest time of all, exactly; 0 when there is none.
    """

    def __init__(self) -> None:
        self.longest_ns = 0
        self._counts: dict[int, int] = {}  # by bucket; there are at most 2,688

    def record(self, time_ns: int) -> None:
        """Count one time; less than 0 counts as 0, more than ``LONGEST_NS`` as that."""
        time_ns = min(max(0, time_ns), LONGEST_NS)
        self.longest_ns = max(self.longest_ns, time_ns)
        bucket = bucket_of(time_ns)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1

    def total(self) -> int:
        """How many there are."""
        return sum(self._counts.values())

    def percentile_ns(self, percent: float) -> int | None:
        """The time that so many percent did not exceed, to within 1 %.

        Args:
            percent: More than 0, up to 100.

        Returns:
            Nanoseconds, never more than the longest; None when nothing was counted.
        """
        assert 0 < percent <= 100
        wanted = self.total() * percent / 100
        reached = 0
        for bucket in sorted(self._counts):
            reached += self._counts[bucket]
            if reached >= wanted:
                return min(middle_of(bucket), self.longest_ns)
        return None


def bucket_of(time_ns: int) -> int:
    """Number the bucket of a time; longer times are in later ones."""
    if time_ns < EXACT:
        return time_ns
    shift = time_ns.bit_length() - BITS - 1
    return (shift << BITS) + (time_ns >> shift)


def middle_of(bucket: int) -> int:
    """The time that stands for all of a bucket."""
    if bucket < EXACT:
        return bucket
    shift = (bucket >> BITS) - 1
    return ((bucket - (shift << BITS)) << shift) + (1 << shift >> 1)
