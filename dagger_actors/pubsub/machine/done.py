"""What is done of one key range of one channel, for one subscription: a floor, and gaps above it.

Only offsets that were read and are not done are kept one by one (a subscription's window bounds them): whatever was read
and is not among them is done, or is another range's, which is the same. So there are never more gaps than messages at work.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator

__all__ = ["DoneSet"]


class DoneSet:
    """Floor and gaps of one range, from the file on.

    Messages are added in ascending order, as they are read.

    Args:
        floor: Every message of the range below it is done.
        gaps: First and last offset of runs at or above the floor that are done too; ascending.

    Attributes:
        pending: Read and not done; ascending.
    """

    __slots__ = ("_ahead", "_base", "_runs", "pending")

    def __init__(self, floor: int, gaps: Iterable[tuple[int, int]] = ()) -> None:
        self._base = floor
        self.pending: list[int] = []
        # What is done between one pending offset, the key here, and the next one; nothing is kept of what is below the first.
        self._runs: dict[int, tuple[int, int]] = {}
        # Runs of the file that are not read up to yet; all of them above what is pending.
        self._ahead = deque(gaps)

    def add(self, offset: int) -> bool:
        """A message was read. Tells whether it is still to be done."""
        if offset < self._base:
            return False
        ahead = self._ahead
        if ahead:
            while ahead and ahead[0][1] < offset:
                self._pass(*ahead.popleft())
            if ahead and ahead[0][0] <= offset:
                return False
        self.pending.append(offset)
        return True

    def remove(self, offset: int) -> None:
        """A pending message is done."""
        pending = self.pending
        if pending[0] == offset:
            del pending[0]
            if self._runs:
                self._runs.pop(offset, None)
            return
        index = bisect_left(pending, offset)
        assert pending[index] == offset
        del pending[index]
        before = self._runs.get(pending[index - 1])
        after = self._runs.pop(offset, None)
        self._runs[pending[index - 1]] = (before[0] if before else offset, after[1] if after else offset)

    def restore(self, offset: int, read_to: int) -> None:
        """A message that was done is pending again.

        Args:
            offset: Which; one that was removed. What the file says is done stays so.
            read_to: The range was read up to here.
        """
        pending = self.pending
        if not pending:
            last = self._skip(read_to) - 1
        elif offset < pending[0]:
            last = pending[0] - 1
        else:
            before = pending[bisect_left(pending, offset) - 1]
            first, last = self._runs.pop(before)
            if first < offset:
                self._runs[before] = (first, offset - 1)
        if last > offset:
            self._runs[offset] = (offset + 1, last)
        insort(pending, offset)

    def floor(self, read_to: int) -> int:
        """The lowest offset that is not done; the first that was not read, when nothing is pending."""
        return self.pending[0] if self.pending else max(self._base, read_to)

    def runs(self, read_to: int) -> Iterator[tuple[int, int]]:
        """First and last offset of each run above the floor that is done; ascending."""
        if self._runs:
            for offset in self.pending:
                if offset in self._runs:
                    yield self._runs[offset]
        floor = self.floor(read_to)
        for first, last in self._ahead:
            if last >= floor:
                yield max(first, floor), last

    def gaps(self, read_to: int) -> str:
        """The runs as JSON."""
        if not self._runs and not self._ahead:
            return "[]"
        return "[" + ",".join(f"[{first},{last}]" for first, last in self.runs(read_to)) + "]"

    def _pass(self, first: int, last: int) -> None:
        """A run of the file was read past: it is one between pending ones, or is below the floor."""
        if self.pending:
            before = self.pending[-1]
            run = self._runs.get(before)
            self._runs[before] = (run[0] if run else first, last)

    def _skip(self, read_to: int) -> int:
        """Forget the runs of the file below the floor, with nothing pending; the floor."""
        floor = max(self._base, read_to)
        ahead = self._ahead
        while ahead and ahead[0][0] < floor:
            _, last = ahead.popleft()
            if last >= floor:
                ahead.appendleft((floor, last))
        return floor
