"""The book of a durable actor's state, against a store that commits, refuses and loses what it likes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.durable import (
    FORMAT,
    Begun,
    Commit,
    Committed,
    Drop,
    Emit,
    Found,
    Read,
    Refused,
    Restore,
    Returned,
    StateBook,
)

STATES = st.sampled_from([b"a", b"b", b"c"])

FATES = st.sampled_from(["committed", "refused", "refused and there", "killed before", "killed behind"])


@given(turns=st.lists(st.tuples(STATES, FATES), max_size=20))
def test_nothing_is_emitted_of_a_state_that_is_not_stored_and_no_incarnation_begins_with_another(
    turns: list[tuple[bytes, str]],
) -> None:
    """Law: ``Emit`` says that what the turn has left is what is stored; ``Restore`` gives what is stored. A refused commit
    may be there all the same (a sync that failed), and so may one that was under way when its incarnation was killed.
    """
    stored, book = b"a", StateBook()

    def begin() -> None:
        decision = book.apply(Begun())
        if isinstance(decision, Read):
            decision = book.apply(Found(state=stored, format=FORMAT, epoch=3))
        assert decision == Restore(stored, FORMAT)

    begin()
    for state, fate in turns:
        decision = book.apply(Returned(state))
        if decision == Emit():
            assert stored == state
            continue
        assert decision == Commit(state, 3)
        assert stored != state
        if fate in ("committed", "refused and there", "killed behind"):
            stored = state
        if fate == "committed":
            assert book.apply(Committed()) == Emit()
        elif fate.startswith("refused"):
            assert book.apply(Refused()) == Drop()
            begin()
        else:
            begin()


def test_a_state_in_an_older_format_is_written_anew_by_the_first_turn() -> None:
    """Law: that the bytes are equal is no reason to leave the row as it is when it says something else about them."""
    book = StateBook()
    assert book.apply(Begun()) == Read()
    assert book.apply(Found(state=b"a", format=FORMAT - 1, epoch=1)) == Restore(b"a", FORMAT - 1)
    assert book.apply(Returned(b"a")) == Commit(b"a", 1)
    assert book.apply(Committed()) == Emit()
    assert book.apply(Returned(b"a")) == Emit()


def test_no_turn_ends_before_the_one_before_is_committed() -> None:
    """Law: while a commit is under way there is no turn; that one ends is our own mistake."""
    book = StateBook()
    book.apply(Found(state=b"a", format=FORMAT, epoch=1))
    book.apply(Returned(b"b"))
    with pytest.raises(AssertionError, match="before the next one ends"):
        book.apply(Returned(b"c"))
