"""The machine of a group's member against a model: whatever happens, what is committed is right, and all is done in the end."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dagger_actors.core.protocols import Now
from dagger_actors.core.turns import TurnEffects
from dagger_actors.pubsub.machine.events import (
    Begin,
    Decision,
    DoneTurn,
    End,
    Fetch,
    Fetched,
    Gained,
    GiveBack,
    Grown,
    Lost,
    Paused,
    Retire,
    Settle,
    ShiftDone,
    Surplus,
    Ticked,
    TurnRedone,
    Undone,
    WakeAt,
)
from dagger_actors.pubsub.machine.machine import MemberMachine
from dagger_actors.pubsub.machine.shift_size import MOST

from .member_model import CURSORS, GROUP, KEYS, MEMBER, OWNER, RANGES, TERMS, File, Place, is_laned, ranges_of

MIN_US = 60_000_000


class MemberRules(RuleBasedStateMachine):
    """The shell around the machine, with a file whose commits come later and may be refused."""

    @initialize(
        keys=st.lists(st.sampled_from(KEYS), min_size=8, max_size=8),
        ranges=st.sampled_from([(0, 1, 2, 3), (2, 0), (1,)]),
    )
    def begin(self, keys, ranges) -> None:
        self.file = File()
        self.now_us = 1_000_000_000
        self.start_machine()
        for channel in "ab":
            self.file.channels[channel] += [(key, place % 4 != 3) for place, key in enumerate(keys)]
        self.gain_these(list(ranges))
        for asked, _ in list(self.fetches.values()):
            self.answer_with(asked, frozenset(ranges), asked.limit)

    def start_machine(self) -> None:
        self.machine = MemberMachine(GROUP, OWNER, MEMBER, tuple(TERMS.values()))
        self.twin = MemberMachine(GROUP, OWNER, MEMBER, tuple(TERMS.values()))
        self.held: set[int] = set()
        self.surplus: set[int] = set()
        self.paused: set[str] = set()
        self.fetches: dict[int, tuple[Fetch, frozenset[int]]] = {}
        self.shifts: dict[int, tuple[Begin, dict[str, tuple[Place, ...]]]] = {}
        self.units: list[Decision] = []
        self.ahead: dict[str, tuple[Place, ...]] = {}
        self.redoing: set[str] = set()
        self.wake_us: int | None = None
        self.is_retiring = False

    # --- what it decides

    def apply(self, event) -> Decision:
        self.is_sound = False  # until it is seen that it is
        decision = self.see(event)
        self.is_sound = True
        return decision

    def see(self, event) -> Decision:
        now = Now(self.now_us, self.now_us)
        decision = self.machine.apply(event, now)
        assert self.twin.apply(event, now) == decision, "the same events give the same decisions"
        self.check_rows(decision)
        for end in decision.ends:
            if end.verdict.kind == "handled" and is_laned(end.turn.subscription):
                self.ahead[end.turn.key] = tuple(map(tuple, json.loads(end.verdict.effects.state)))
        if decision.ends or decision.cursors or any(isinstance(effect, GiveBack) for effect in decision.effects):
            self.units.append(decision)
        if isinstance(event, ShiftDone):
            self.shifts.pop(event.shift, None)
        if isinstance(event, Fetched):
            self.fetches.pop(event.cursor_key, None)
        for effect in decision.effects:
            match effect:
                case Begin():
                    self.see_begin(effect, decision)
                case Fetch():
                    assert effect.cursor_key not in self.fetches, "one fetch at a time for each cursor"
                    assert not self.is_retiring
                    assert 1 <= effect.limit <= 512
                    name = CURSORS[effect.cursor_key][0]
                    assert name not in self.paused
                    one = self.machine._subscriptions[name]
                    terms = TERMS[name]
                    assert one.pending + one.asked <= terms.window, "no more is read than the window has room for"
                    assert one.pending_bytes + one.asked_bytes <= terms.window_bytes, "and no more bytes"
                    self.fetches[effect.cursor_key] = (effect, frozenset(self.held))
                case GiveBack(ranges=ranges):
                    assert self.surplus.issuperset(ranges)
                    for place in self.in_hand():
                        assert self.file.message(*place).range not in ranges, "nothing of it is in hand"
                    self.held.difference_update(ranges)
                    self.surplus.difference_update(ranges)
                case WakeAt(wall_us=wall_us):
                    self.wake_us = wall_us
        return decision

    def in_hand(self) -> set[Place]:
        """What is being taken, but for what is nobody's business here any more."""
        return {
            (item.part.cursor.key, item.offset)
            for number in self.shifts
            for turn in self.machine._shifts[number].turns
            for item in turn.items
            if item.is_live
        }

    def check_rows(self, decision: Decision) -> None:
        touched = [(row.cursor_key, row.range) for row in decision.cursors]
        assert len(touched) == len(set(touched)), "one row for each range of a cursor"
        for end in decision.ends:
            assert end.ranges == tuple(sorted({number for _, _, number, _ in end.turn.messages}))
            for cursor_key, _, number, _ in end.turn.messages:
                assert (cursor_key, number) in touched, "each range that an end touches has its row: the fence"
        for row in decision.cursors:
            assert row.range in self.held

    def see_begin(self, begin: Begin, decision: Decision) -> None:
        name = begin.subscription
        terms = TERMS[name]
        assert not self.is_retiring and name not in self.paused
        assert 1 <= len(begin.turns) <= MOST
        assert sum(one.subscription == name for one, _ in self.shifts.values()) < terms.concurrency
        taken = self.in_hand()
        keys: dict[str, tuple[Place, ...]] = {}
        for key, messages in begin.turns:
            assert 1 <= len(messages) <= terms.batch
            for cursor_key, offset, try_no in messages:
                message = self.file.message(cursor_key, offset)
                assert message.is_wanted and message.range in self.held and message.range not in self.surplus
                assert CURSORS[cursor_key][0] == name
                assert key == self.file.key(cursor_key, offset)
                assert (cursor_key, offset) not in taken, "a message is in one turn at a time"
                if message.range in self.file.mine:
                    assert (cursor_key, offset) not in self.file.over, "what is done is not taken again"
                assert try_no >= 1
                taken.add((cursor_key, offset))
            if is_laned(name):
                for one, others in self.shifts.values():
                    assert not is_laned(one.subscription) or key not in others, "one turn at a time for each key"
                assert key not in self.redoing, "nothing of a key begins while some of it is to be told again"
                keys[key] = self.ahead.get(key, ())
        self.shifts[begin.shift] = (begin, keys)

    # --- the world

    @rule(channel=st.sampled_from("ab"), keys=st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 5)), max_size=6))
    def append(self, channel, keys) -> None:
        self.file.channels[channel] += [(key, odds != 0) for key, odds in keys]
        for cursor_key, (_, name) in CURSORS.items():
            if name == channel:
                self.apply(Grown(cursor_key, self.file.head(cursor_key)))

    @rule(elapsed_us=st.integers(0, 3 * MIN_US))
    def wait(self, elapsed_us) -> None:
        self.now_us += elapsed_us
        if self.wake_us is not None and self.now_us >= self.wake_us:
            self.tick()

    def tick(self) -> None:
        self.wake_us = None
        self.apply(Ticked())

    @precondition(lambda self: len(self.units) > 2)
    @rule(name=st.sampled_from(sorted(TERMS)), is_paused=st.booleans())
    def pause(self, name, is_paused) -> None:
        (self.paused.add if is_paused else self.paused.discard)(name)
        self.apply(Paused(name, is_paused))

    @precondition(lambda self: not self.machine.is_settled and not self.fetches)
    @rule()
    def settle(self) -> None:
        self.apply(Settle())

    # --- reading

    @precondition(lambda self: self.fetches)
    @rule(data=st.data())
    def answer(self, data) -> None:
        cursor_key = data.draw(st.sampled_from(sorted(self.fetches)))
        asked, then = self.fetches[cursor_key]
        ranges = data.draw(st.sampled_from([then, frozenset(self.held), then & self.held, frozenset(range(RANGES))]))
        self.answer_with(asked, ranges, data.draw(st.integers(0, asked.limit)))

    def answer_with(self, asked: Fetch, ranges: frozenset[int], limit: int) -> None:
        found, next_offset = [], asked.first
        while next_offset < self.file.head(asked.cursor_key):
            message = self.file.message(asked.cursor_key, next_offset)
            if message.range in ranges:
                if len(found) == limit or sum(one.size_bytes for one in found) >= asked.limit_bytes:
                    break
                found.append(message)
            next_offset += 1
        self.apply(Fetched(asked.cursor_key, asked.first, next_offset, tuple(found)))

    # --- turns

    @precondition(lambda self: self.shifts)
    @rule(data=st.data(), spent_us=st.sampled_from([0, 1, 100, 5_000]))
    def end_another_shift(self, data, spent_us) -> None:
        self.end_shift_now(data, spent_us)

    @precondition(lambda self: self.shifts)
    @rule(data=st.data(), spent_us=st.sampled_from([0, 1, 100, 5_000]))
    def end_shift(self, data, spent_us) -> None:
        self.end_shift_now(data, spent_us)

    def end_shift_now(self, data, spent_us) -> None:
        number = data.draw(st.sampled_from(sorted(self.shifts)))
        kinds = st.sampled_from(["handled"] * 6 + ["retry", "retry", "snooze", "dead", "not_taken", "fooled"])
        self.end_with(number, spent_us, lambda: data.draw(kinds), data.draw(st.sampled_from([None, 0, MIN_US])))

    def end_with(self, number: int, spent_us: int, choose, delay_us) -> None:
        begin, keys = self.shifts[number]
        histories = dict(keys)
        failed: set[str] = set()
        verdicts = []
        for key, messages in begin.turns:
            kind = choose()
            if is_laned(begin.subscription) and key in failed and kind != "fooled":
                kind = "not_taken"
            elif kind == "fooled":  # a body that goes on with a key after a failure
                kind = "handled"
            elif kind != "handled":
                failed.add(key)
            verdicts.append(self.verdict(kind, key, tuple(one[:2] for one in messages), histories, delay_us))
        self.apply(ShiftDone(number, tuple(verdicts), spent_us))

    def verdict(self, kind: str, key: str, taken: tuple[Place, ...], histories, delay_us) -> DoneTurn:
        match kind:
            case "handled":
                histories[key] = histories.get(key, ()) + taken
                return DoneTurn(kind, TurnEffects(state=json.dumps(histories[key]).encode()))
            case "retry" | "snooze":
                return DoneTurn(kind, due_at=None if delay_us is None else self.now_us + delay_us, error="{}")
            case "dead":
                return DoneTurn(kind, reason="failed", error="{}")
            case _:
                return DoneTurn(kind)

    # --- commits

    @precondition(lambda self: self.units)
    @rule(count=st.integers(1, 5))
    def commit(self, count) -> None:
        for _ in range(count):
            if self.units:
                self.commit_next()

    def commit_next(self) -> None:
        if self.file.is_fenced_out(self.units[0]):
            self.refuse_all(())
        else:
            self.write(self.units.pop(0))

    def write(self, unit: Decision) -> None:
        self.file.commit(unit)
        self.release(unit)

    def release(self, unit: Decision) -> None:
        for effect in unit.effects:
            if isinstance(effect, GiveBack):
                for number in effect.ranges:
                    if number in self.file.mine:
                        self.file.take_away(number)

    @precondition(lambda self: self.units)
    @rule(data=st.data(), told_first=st.booleans())
    def refuse(self, data, told_first) -> None:
        if told_first:
            self.tell_lost()
        ends = [end for unit in self.units for end in unit.ends]
        culprits = data.draw(st.sets(st.sampled_from(range(len(ends))), max_size=2)) if ends else set()
        kinds = [data.draw(st.sampled_from(["retry", "dead"])) for _ in culprits]
        self.refuse_all(tuple(zip(sorted(culprits), kinds, strict=True)))

    def refuse_all(self, culprits: tuple[tuple[int, str], ...]) -> None:
        """Nothing of what is decided is in the file: it is undone, and told again one by one."""
        units, self.units = self.units, []
        ends = [end for unit in units for end in unit.ends]
        told = [end.turn for end in ends if is_laned(end.turn.subscription)]
        # Of two ends of one message the first is told again; it may begin anew behind that, and the second is nobody's.
        firsts = {place[:2]: turn.number for turn in reversed(told) for place in turn.messages}
        waited_for = {turn for turn in told if all(firsts[place[:2]] == turn.number for place in turn.messages)}
        self.redoing = {turn.key for turn in waited_for}
        self.ahead = dict(self.file.histories)
        self.apply(Undone(tuple(end.turn for end in ends)))
        for unit in units:
            self.release(unit)
        fates = dict(culprits)
        for place, end in enumerate(ends):
            self.redoing = {one.turn.key for one in ends[place + 1 :] if one.turn in waited_for}
            self.redo(end, fates.get(place))
        self.redoing = set()

    def redo(self, end: End, fate: str | None) -> None:
        verdict = end.verdict
        if fate is not None and verdict.kind == "handled":
            verdict = self.verdict(fate, end.turn.key, (), {}, MIN_US)
        decision = self.apply(TurnRedone(end.turn, verdict))
        while self.units:
            unit = self.units.pop(0)
            if self.file.is_fenced_out(unit):
                lost = tuple(one.turn for one in unit.ends)
                self.tell_lost()
                self.ahead = dict(self.file.histories)
                self.apply(Undone(lost))
            else:
                self.write(unit)
        assert len(decision.ends) <= 1

    # --- ranges

    @precondition(lambda self: len(self.file.mine | self.held) < RANGES)
    @rule(data=st.data())
    def gain(self, data) -> None:
        there = sorted(set(range(RANGES)) - self.file.mine - self.held)
        if there:
            self.gain_these(data.draw(st.lists(st.sampled_from(there), min_size=1, unique=True)))

    def gain_these(self, numbers: list[int]) -> None:
        leases, states, waiting = self.file.lease(numbers)
        self.held.update(numbers)
        for key in KEYS:  # what was handled of it under the lease before, and never committed, is forgotten
            if KEYS.index(key) % RANGES in numbers:
                self.ahead[key] = self.file.histories.get(key, ())
        self.apply(Gained(leases, states, waiting))
        for cursor_key in CURSORS:
            self.apply(Grown(cursor_key, self.file.head(cursor_key)))

    @precondition(lambda self: self.file.mine)
    @rule(data=st.data(), count=st.integers(0, 3), is_told=st.booleans())
    def lose(self, data, count, is_told) -> None:
        number = data.draw(st.sampled_from(sorted(self.file.mine)))
        self.file.take_away(number)
        self.file.work_elsewhere(number, count)
        if is_told:
            self.tell_lost()

    @precondition(lambda self: self.held - self.file.mine)
    @rule()
    def tell_lost(self) -> None:
        lost = tuple(sorted(self.held - self.file.mine))
        if lost:
            self.held.difference_update(lost)
            self.surplus.difference_update(lost)
            self.apply(Lost(lost))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def name_surplus(self, data) -> None:
        self.surplus = data.draw(st.sets(st.sampled_from(sorted(self.held))))
        self.apply(Surplus(tuple(sorted(self.surplus))))

    @precondition(lambda self: len(self.units) > 2)
    @rule(is_counted=st.booleans())
    def crash(self, is_counted) -> None:
        """The worker dies; what was begun has met a death more."""
        if is_counted:
            for begin, _ in self.shifts.values():
                cursor_key, offset, _ = begin.turns[0][1][0]
                if (cursor_key, offset) not in self.file.over:
                    self.file.die_of(cursor_key, offset)
        for number in list(self.file.mine):
            self.file.take_away(number)
        self.start_machine()

    @precondition(lambda self: len(self.units) > 3 and self.shifts)
    @rule()
    def retire(self) -> None:
        self.apply(Retire())
        self.is_retiring = True

    # --- what holds

    @invariant()
    def its_counts_are_right(self) -> None:
        if not hasattr(self, "machine"):
            return
        for one in self.machine._subscriptions.values():
            parts = [part for cursor in one.cursors for part in cursor.parts.values()]
            assert one.pending == sum(len(part.pending) for part in parts)
            assert all(sorted(part.items) == part.pending for part in parts)
            assert one.asked == sum(cursor.asked for cursor in one.cursors)
            assert one.pending_bytes == sum(item.size_bytes for part in parts for item in part.items.values())
            assert one.asked_bytes == sum(cursor.asked_bytes for cursor in one.cursors)
            assert one.running == sum(begin.subscription == one.name for begin, _ in self.shifts.values())
        assert self.machine.ranges == tuple(sorted(self.held))
        assert self.machine.in_hand == sum(len(begin.turns) for begin, _ in self.shifts.values())
        if not self.shifts and not any(one.pending for one in self.machine._subscriptions.values()):
            assert not self.machine._subscriptions[TERMS["g.keyed"].name]._keys, "keys are forgotten"
        self.nothing_stands_still()

    def nothing_stands_still(self) -> None:
        """What could begin has begun, what could be read is being read."""
        if self.is_retiring:
            return
        busy = {key for begin, keys in self.shifts.values() for key in keys}
        for name, one in self.machine._subscriptions.items():
            if name in self.paused:
                continue
            if one.running == 0:
                for cursor in one.cursors:
                    for part in cursor.parts.values():
                        for item in part.items.values():
                            key = self.file.key(cursor.key, item.offset)
                            assert (
                                (is_laned(name) and key in busy)
                                or part.held.is_surplus
                                or item.due_at is not None
                                or self.is_behind_another(one, key, item)
                            ), "what could begin has begun"
                terms = TERMS[name]
                if one.pending < terms.window and one.pending_bytes < terms.window_bytes and not one.asked:
                    assert not any(cursor.first() is not None for cursor in one.cursors), (
                        "what could be read is asked for"
                    )
        if self.wake_us is None:
            assert not len(self.machine._alarms)

    @staticmethod
    def is_behind_another(one, key: str, item) -> bool:
        lane = one._lanes.get(key)
        return (
            one.is_laned and lane is not None and (lane.items[0] is not item or lane.key.reserved not in (None, lane))
        )

    def teardown(self) -> None:
        if getattr(self, "is_sound", False):
            self.finish()

    def finish(self) -> None:
        """With nothing in the way, everything is done in the end."""
        if self.is_retiring:
            self.crash(is_counted=False)
        self.tell_lost()
        self.surplus = set()
        self.apply(Surplus(()))
        for name in sorted(self.paused):
            self.pause(name, is_paused=False)
        for cursor_key in CURSORS:  # where an answer brought nothing, it is not asked again before
            self.apply(Grown(cursor_key, self.file.head(cursor_key)))
        for _ in range(10_000):
            missing = sorted(set(range(RANGES)) - self.file.mine)
            if self.units:
                self.commit_next()
            elif missing:
                self.tell_lost()
                self.gain_these(missing)
            elif self.fetches:
                asked, _ = self.fetches[min(self.fetches)]
                self.answer_with(asked, frozenset(range(RANGES)), asked.limit)
            elif self.shifts:
                self.end_with(min(self.shifts), 1, lambda: "handled", None)
            elif self.wake_us is not None:
                self.now_us = max(self.now_us, self.wake_us)
                self.tick()
            else:
                break
        assert self.machine.is_quiescent
        assert not self.machine.retrying()
        assert set(self.machine.lag().values()) == {0}
        for cursor_key in CURSORS:
            for offset in range(self.file.head(cursor_key)):
                is_over = (cursor_key, offset) in self.file.over
                assert is_over or not self.file.message(cursor_key, offset).is_wanted, "everything is done in the end"
        self.apply(Settle())
        while self.units:
            self.commit_next()
        assert self.machine.is_settled
        for cursor_key, (name, _) in CURSORS.items():
            for number in range(RANGES):
                floor = self.file.head(cursor_key) if number in ranges_of(name) else 0
                assert self.file.rows.get((cursor_key, number), (0, [])) == (floor, [])
        assert not self.file.deliveries


FEW = settings(
    max_examples=60,
    stateful_step_count=40,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    deadline=None,
    report_multiple_bugs=False,
)
MANY = settings(
    max_examples=2000,
    stateful_step_count=80,
    suppress_health_check=list(HealthCheck),
    deadline=None,
    database=None,  # so that one seed always gives the same histories
)


def test_what_is_committed_is_right_and_all_is_done_in_the_end() -> None:
    """Law: order, exclusion, acknowledgements and states hold whatever happens, and nothing stays undone when all is well."""
    _run(FEW)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_what_is_committed_is_right_over_many_histories() -> None:
    """Law: the same, over thousands of histories."""
    _run(MANY)


def test_what_was_handled_under_a_lease_that_was_lost_is_forgotten_with_it() -> None:
    """Law: the first turn of a key under the next lease begins with what is in the file, be that nothing."""
    rules = MemberRules()
    rules.begin(["ant"] * 8, [1])

    def handle_one() -> None:
        while rules.fetches:
            asked, _ = rules.fetches[min(rules.fetches)]
            rules.answer_with(asked, frozenset(range(RANGES)), asked.limit)
        ours = (number for number, (_, keys) in rules.shifts.items() if "ant" in keys)
        rules.end_with(min(ours), 1, lambda: "handled", None)

    handle_one()
    rules.file.take_away(1)
    rules.tell_lost()
    rules.gain_these([1])
    handle_one()
    rules.finish()
    assert len(rules.file.histories["ant"]) == len(set(rules.file.histories["ant"])) > 0


def _run(chosen: settings) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(MemberRules, settings=chosen)
