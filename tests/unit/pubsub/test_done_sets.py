"""Floor and gaps of one range against a set of offsets."""

from __future__ import annotations

import itertools
import json

from hypothesis import example, given
from hypothesis import strategies as st

from dagger_actors.pubsub.machine.done import DoneSet

OFFSETS = st.integers(0, 40)


def is_done(floor: int, gaps: list[list[int]], offset: int) -> bool:
    return offset < floor or any(first <= offset <= last for first, last in gaps)


@example(mine={5, 10, 12}, steps=[("read", 19), ("done", 35), ("read", 46), ("undone", 4)])
@example(mine={23, 27}, steps=[("read", 48), ("done", 3), ("done", 2), ("undone", 3), ("undone", 0), ("done", 1)])
@given(
    mine=st.sets(OFFSETS), steps=st.lists(st.tuples(st.sampled_from(["read", "done", "undone"]), st.integers(0, 50)))
)
def test_what_is_written_says_of_each_message_whether_it_is_done(mine: set[int], steps: list[tuple[str, int]]) -> None:
    """Law: floor and gaps hold every message of the range that is done and none that is not, through undoing and reloading.

    What the file says is done is in it, and is undone by nobody: only what is done since may be rejected.
    """
    done: set[int] = set()
    in_file: set[int] = set()
    of_file: list[list[int]] = []
    parts, read_to = DoneSet(0), 0
    for step, choice in steps:
        pending = sorted(offset for offset in mine if offset < read_to and offset not in done)
        finished = sorted(done - in_file)
        if step == "read":
            to = max(read_to, choice)
            for offset in sorted(mine):
                if read_to <= offset < to:
                    assert parts.add(offset) == (offset not in done)
            read_to = to
        elif step == "done" and pending:
            offset = pending[choice % len(pending)]
            parts.remove(offset)
            done.add(offset)
        elif step == "undone" and finished:
            offset = finished[choice % len(finished)]
            parts.restore(offset, read_to)
            done.discard(offset)
        floor, gaps = parts.floor(read_to), json.loads(parts.gaps(read_to))
        for offset in mine:
            if offset < read_to or offset in done:
                assert is_done(floor, gaps, offset) == (offset in done)
            else:
                assert not is_done(floor, gaps, offset)
        assert parts.pending == sorted(offset for offset in mine if offset < read_to and offset not in done)
        assert gaps == sorted(gaps)
        assert all(floor <= first <= last for first, last in gaps)
        assert all(one[1] < two[0] for one, two in itertools.pairwise(gaps))
        assert len(gaps) <= len(parts.pending) + len(of_file)
        if choice % 5 == 0:  # made anew from the file
            parts, read_to = DoneSet(floor, [(first, last) for first, last in gaps]), floor
            in_file, of_file = set(done), gaps


def test_gaps_are_no_more_than_what_is_pending() -> None:
    """Law: a message that is never done costs one gap, however many are done behind it."""
    done = DoneSet(0)
    done.add(0)
    for offset in range(64, 64 * 1000, 64):
        done.add(offset)
        done.remove(offset)
    assert list(done.runs(64_000)) == [(64, 64 * 999)]
    assert done.floor(64_000) == 0
