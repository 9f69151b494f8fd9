"""Single laws of the machine of a group's member, as examples."""

from __future__ import annotations

import msgspec
import pytest

from dagger_actors.core.protocols import Now
from dagger_actors.core.range_leases import Lease
from dagger_actors.pubsub.machine.events import (
    Begin,
    CursorState,
    Decision,
    DoneTurn,
    Event,
    Fetch,
    Fetched,
    Gained,
    GiveBack,
    Grown,
    Lost,
    Message,
    Settle,
    ShiftDone,
    SubscriptionTerms,
    Surplus,
    Ticked,
    TurnRedone,
    Undone,
    Waiting,
    WakeAt,
)
from dagger_actors.pubsub.machine.machine import MemberMachine

ONE = SubscriptionTerms(name="g.one", is_keyed=True)
TWO = SubscriptionTerms(name="g.two", is_keyed=True)
MIB = 1024 * 1024
HANDLED, NOT_TAKEN = DoneTurn("handled"), DoneTurn("not_taken")


class Member:
    """The machine with one range, and a subscription on a channel for each of its terms."""

    def __init__(self, *terms: SubscriptionTerms, waiting: tuple[Waiting, ...] = (), range_no: int = 5) -> None:
        self.range_no = range_no
        self.machine = MemberMachine(1, 2, "m", terms)
        self.now_us = 1_000
        states = tuple(CursorState(place, one.name, 0, {}) for place, one in enumerate(terms))
        self.apply(Gained((Lease(range_no, 1),), states, waiting))

    def apply(self, event: Event) -> Decision:
        return self.machine.apply(event, Now(self.now_us, 0))

    def begun(self, event: Event) -> list[Begin]:
        return [one for one in self.apply(event).effects if isinstance(one, Begin)]

    def read(self, cursor_key: int, *keys: str) -> Decision:
        self.apply(Grown(cursor_key, len(keys)))
        messages = tuple(Message(offset, self.range_no, key) for offset, key in enumerate(keys))
        return self.apply(Fetched(cursor_key, 0, len(keys), messages))


def test_a_key_goes_on_to_others_while_its_lane_waits_for_another_try() -> None:
    """Law: what is told again as failed waits for its time; whoever else wants the key has it in the meantime."""
    member = Member(ONE, TWO)
    first = member.read(0, "a").effects[0]
    assert isinstance(first, Begin)
    member.read(1, "a", "a")
    (two,) = member.begun(ShiftDone(first.shift, (HANDLED,)))
    assert two.subscription == "g.two"
    end = member.apply(ShiftDone(two.shift, (HANDLED, NOT_TAKEN))).ends[0]
    member.apply(Undone((end.turn,)))
    retried = member.apply(TurnRedone(end.turn, DoneTurn("retry", due_at=9_000)))
    assert [row.due_at for row in retried.ends[0].deliveries] == [9_000]
    (tainted,) = member.machine._shifts
    assert member.apply(ShiftDone(tainted, (HANDLED,))).effects == (WakeAt(9_000),), (
        "what had seen the undone turn is not taken"
    )
    member.apply(Grown(0, 2))
    (other,) = member.begun(Fetched(0, 1, 2, (Message(1, 5, "a"),)))
    member.now_us = 9_000
    assert not member.begun(Ticked()), "the key is in other hands"
    (again,) = member.begun(ShiftDone(other.shift, (HANDLED,)))
    assert again.turns == (("a", ((1, 0, 2),)), ("a", ((1, 1, 1),)))


def test_what_was_built_on_a_turn_that_could_not_be_committed_is_delivered_anew() -> None:
    """Law: when the first of a key is given up as it is told again, the later ones, whose state has it in it, are not taken."""
    member = Member(ONE)
    begin = member.read(0, "a", "a").effects[0]
    assert isinstance(begin, Begin)
    ends = member.apply(ShiftDone(begin.shift, (HANDLED, HANDLED))).ends
    member.apply(Undone(tuple(end.turn for end in ends)))
    dead = member.apply(TurnRedone(ends[0].turn, DoneTurn("dead", reason="failed")))
    assert [(row.floor, row.gaps) for row in dead.cursors] == [(1, "[]")]
    decision = member.apply(TurnRedone(ends[1].turn, ends[1].verdict))
    assert decision.ends == ()
    (again,) = [one for one in decision.effects if isinstance(one, Begin)]
    assert again.turns == (("a", ((0, 1, 1),)),)


def test_a_range_that_stays_after_all_is_read_from_where_it_was() -> None:
    """Law: a range that was to be given back is not read on meanwhile, and misses nothing when it is kept."""
    member = Member(ONE)
    begin = member.read(0, "a").effects[0]
    assert isinstance(begin, Begin)
    state = CursorState(0, "g.one", 1, {})
    member.apply(Gained((Lease(6, 1),), (state,)))
    member.apply(Surplus((5,)))
    member.apply(Grown(0, 3))
    decision = member.apply(Fetched(0, 1, 2, (Message(1, 5, "a"),)))
    assert decision.effects == (Fetch(0, 2, 1, MIB),)
    member.apply(Surplus(()))
    decision = member.apply(Fetched(0, 2, 3, (Message(2, 5, "a"),)))
    assert decision.effects == (Fetch(0, 1, 2, 2 * MIB),)
    member.apply(Fetched(0, 1, 3, (Message(1, 5, "a"), Message(2, 5, "a"))))
    (again,) = member.begun(ShiftDone(begin.shift, (HANDLED,)))
    assert again.turns == (("a", ((0, 1, 1),)), ("a", ((0, 2, 1),)))


def test_a_message_that_killed_three_workers_is_given_up_when_it_is_read() -> None:
    """Law: it goes to the dead letters as poison, with its tries, and nothing of it begins."""
    member = Member(ONE, waiting=(Waiting(0, 1, 5, 2, 3, None), Waiting(0, 2, 5, 1, 2, None)))
    decision = member.read(0, "a", "b", "c")
    (end,) = decision.ends
    (letter,) = end.dead_letters
    assert (letter.offset, letter.key, letter.reason, letter.tries) == (1, "b", "poison", 2)
    assert end.clear == ((0, 1),)
    assert [(row.floor, row.gaps) for row in decision.cursors] == [(0, "[[1,1]]")]
    (begin,) = [one for one in decision.effects if isinstance(one, Begin)]
    assert [key for key, _ in begin.turns] == ["a", "c"]


@pytest.mark.parametrize("is_keyed", [True, False])
def test_after_a_death_in_a_batch_its_messages_are_taken_one_by_one(is_keyed: bool) -> None:
    """Law: only the first of a batch is known to have been in it; whoever died of which is found out, so none is accused of another."""
    terms = SubscriptionTerms(name="g.one", is_keyed=is_keyed, batch=4, window=3)
    member = Member(terms, waiting=(Waiting(0, 1, 0, 1, 1, None),), range_no=0)
    (begin,) = [one for one in member.read(0, *"aaaaaaaa").effects if isinstance(one, Begin)]
    batches = [len(messages) for _, messages in begin.turns]
    while sum(batches) < 8:
        (begin,) = member.begun(ShiftDone(begin.shift, (HANDLED,) * len(begin.turns)))
        batches += [len(messages) for _, messages in begin.turns]
    assert batches == [1, 1, 1, 4, 1]


def test_a_range_is_given_back_when_nothing_of_it_is_in_hand() -> None:
    """Law: what is in hand ends and is written, with the row of the range, in the decision that gives it back."""
    member = Member(ONE)
    begin = member.read(0, "a", "b").effects[0]
    assert isinstance(begin, Begin)
    assert member.apply(Surplus((5,))) == Decision()
    decision = member.apply(ShiftDone(begin.shift, (HANDLED, HANDLED)))
    assert [row.floor for row in decision.cursors] == [2]
    assert decision.effects == (GiveBack((5,)),)
    assert member.machine.ranges == ()


def test_a_range_whose_turns_are_to_be_told_again_is_not_given_back_before() -> None:
    """Law: undone turns are in hand."""
    member = Member(ONE)
    begin = member.read(0, "a").effects[0]
    assert isinstance(begin, Begin)
    (end,) = member.apply(ShiftDone(begin.shift, (HANDLED,))).ends
    member.apply(Undone((end.turn,)))
    assert member.apply(Surplus((5,))) == Decision()
    assert member.machine.in_hand == 1
    decision = member.apply(TurnRedone(end.turn, HANDLED))
    assert len(decision.ends) == 1
    assert decision.effects == (GiveBack((5,)),)


def test_how_far_a_range_was_read_is_written_when_it_is_given_back() -> None:
    """Law: what was passed over without being delivered is not read again by the next member."""
    member = Member(ONE)
    member.apply(Grown(0, 2))
    member.apply(Fetched(0, 0, 2, (Message(0, 5, "a", is_wanted=False),)))
    decision = member.apply(Surplus((5,)))
    assert [row.floor for row in decision.cursors] == [2]
    assert decision.effects == (GiveBack((5,)),)


def test_of_what_is_all_in_order_nothing_is_written_but_of_its_one_range() -> None:
    """Law: that other ranges of it are empty says nothing of its messages; who has not that range does not read them."""
    ordered = SubscriptionTerms(name="g.one")
    machine = MemberMachine(1, 2, "m", (ordered, TWO))
    states = tuple(CursorState(place, one, 0, {}) for place, one in enumerate(("g.one", "g.two")))
    now = Now(0, 0)
    machine.apply(Gained((Lease(5, 1),), states), now)
    assert machine.apply(Grown(0, 3), now).effects == ()
    machine.apply(Gained((Lease(0, 1),), states), now)
    machine.apply(Grown(1, 3), now)
    machine.apply(Fetched(1, 0, 3, ()), now)
    begun = machine.apply(Fetched(0, 0, 3, (Message(0, 0), Message(1, 0), Message(2, 0))), now)
    assert any(isinstance(one, Begin) for one in begun.effects)
    assert {(row.cursor_key, row.range) for row in machine.apply(Settle(), now).cursors} == {(1, 0), (1, 5)}


def test_it_asks_for_messages_by_halves_of_the_window() -> None:
    """Law: it reads as much as there is room for, and again when half of the window is free."""
    member = Member(SubscriptionTerms(name="g.one", window=4), range_no=0)
    assert member.apply(Grown(0, 100)).effects == (Fetch(0, 0, 4, 4 * MIB),)
    messages = tuple(Message(offset, 0) for offset in range(4))
    (begin,) = member.begun(Fetched(0, 0, 4, messages))
    assert len(begin.turns) == 4
    decision = member.apply(ShiftDone(begin.shift, (HANDLED, *[NOT_TAKEN] * 3)))
    assert not any(isinstance(one, Fetch) for one in decision.effects)
    (again,) = [one for one in decision.effects if isinstance(one, Begin)]
    decision = member.apply(ShiftDone(again.shift, (HANDLED, *[NOT_TAKEN] * 2)))
    assert Fetch(0, 4, 2, 2 * MIB) in decision.effects


def test_it_asks_for_no_more_bytes_than_there_is_room_for() -> None:
    """Law: of large messages it reads fewer; again when half of their bytes are done; what is lost or undone counts right."""
    member = Member(SubscriptionTerms(name="g.one", window_bytes=8 * MIB), range_no=0)
    assert member.apply(Grown(0, 100)).effects == (Fetch(0, 0, 100, 8 * MIB),)
    large = tuple(Message(offset, 0, size_bytes=MIB) for offset in range(8))
    decision = member.apply(Fetched(0, 0, 8, large))
    (begin,) = decision.effects
    assert isinstance(begin, Begin)
    decision = member.apply(ShiftDone(begin.shift, (HANDLED,) * 3 + (NOT_TAKEN,) * (len(begin.turns) - 3)))
    assert not any(isinstance(one, Fetch) for one in decision.effects), "three of eight are done"
    member.apply(Undone(tuple(end.turn for end in decision.ends)))
    (begin,) = [one for one in decision.effects if isinstance(one, Begin)]
    for end in decision.ends:
        member.apply(TurnRedone(end.turn, HANDLED))
    decision = member.apply(ShiftDone(begin.shift, (NOT_TAKEN,) * len(begin.turns)))
    (begin,) = [one for one in decision.effects if isinstance(one, Begin)]
    decision = member.apply(ShiftDone(begin.shift, (HANDLED,) + (NOT_TAKEN,) * (len(begin.turns) - 1)))
    assert Fetch(0, 8, 92, 4 * MIB) in decision.effects, "four of eight are done"
    member.apply(Fetched(0, 8, 8, ()))
    member.apply(Lost((0,)))
    (one,) = member.machine._order
    assert (one.pending, one.pending_bytes, one.asked, one.asked_bytes) == (0, 0, 0, 0)


def test_it_reads_nothing_while_all_its_bytes_wait_for_another_try() -> None:
    """Law: what waits is in memory too, though nothing runs."""
    member = Member(SubscriptionTerms(name="g.one", is_ordered=False, window_bytes=8))
    member.apply(Grown(0, 100))
    (begin,) = member.begun(Fetched(0, 0, 1, (Message(0, 5, size_bytes=9),)))
    decision = member.apply(ShiftDone(begin.shift, (DoneTurn("retry", due_at=9_000),)))
    assert decision.effects == (WakeAt(9_000),)


def test_of_quick_turns_two_full_shifts_are_begun_at_once_and_of_slow_ones_as_many_as_may() -> None:
    """Law: turns of microseconds would only wait for one another; those that take long are taken side by side."""
    member = Member(msgspec.structs.replace(ONE, concurrency=16, window=2_000))
    begun = [one for one in member.read(0, *map(str, range(4_000))).effects if isinstance(one, Begin)]
    running: dict[int, int] = {}

    def end_first(spent_us: int) -> list[int]:
        shift = min(running)
        begun = member.begun(ShiftDone(shift, (HANDLED,) * running.pop(shift), spent_us))
        running.update((one.shift, len(one.turns)) for one in begun)
        return [len(one.turns) for one in begun]

    running.update((one.shift, len(one.turns)) for one in begun)
    assert list(running.values()) == [4] * 16
    while list(running.values()) != [64, 64]:
        end_first(1)
    assert end_first(1) == [64]
    assert end_first(10_000_000) == [1] * 15
