"""Operations on channels, on a real file, against a small model in lockstep: whatever happens in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import PromoteMessages, PruneMessages, PublishMessages, Redrive, Seek
from dagger_actors.core.declarations import ChannelRow, SubscriptionRow
from dagger_actors.core.member_rows import DeadLetterRow
from dagger_actors.core.range_leases import ReleaseRanges, TakeRanges
from dagger_actors.errors import ChannelFull
from tests.channels_on_file import ChannelsOnFile
from tests.conftest import MEMORY
from tests.stateful.channels_model import RANGES, Channel, ChannelsModel, Cursor, Done, Member

CHANNELS = ("a", "b")
MEMBERS: tuple[Member, ...] = ((1, "m"), (1, "n"), (2, "m"), (3, "m"))
SUBSCRIPTIONS = {"g.h": RANGES, "g.o": 1}
BELOW = 25
"""How far at most a range is done at once."""

channels = st.sampled_from(CHANNELS)
members = st.sampled_from(MEMBERS)
wishes = st.lists(
    st.tuples(channels, st.none() | st.sampled_from("xyz"), st.none() | st.integers(-1, 20)), min_size=1, max_size=6
)


class ChannelsAgainstAModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dagger-sim-", dir=MEMORY if MEMORY.is_dir() else None))
        self.file = ChannelsOnFile(self.folder / "a.db")
        self.model = ChannelsModel(
            {"a": Channel(8, 5), "b": Channel(1_000, None), "@g": Channel(10**9, 0)},
        )
        self.now = 1_000
        self.number = 0
        self.dead: dict[int, tuple[str, str, bool]] = {}
        self.leases: dict[int, list[tuple[Member, int]]] = {}
        self.keys: dict[tuple[str, str], int] = {}
        self.crashes: dict[tuple[tuple[str, str], int], int] = {}

    def teardown(self) -> None:
        self.file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @initialize()
    def begin(self) -> None:
        rows = [
            SubscriptionRow(group="g", name=name, pattern="*", channels=CHANNELS, ranges=count)  # type: ignore[arg-type]
            for name, count in SUBSCRIPTIONS.items()
        ]
        declared = self.file.declare(
            ChannelRow(name="a", capacity=8, retain_age_us=5),
            ChannelRow(name="b", capacity=1_000, retain_age_us=None),
            *rows,
        )
        self.keys = {(name, channel): key for key, name, channel in declared.cursors}
        self.model.cursors = {pair: Cursor(0, SUBSCRIPTIONS[pair[0]]) for pair in self.keys}

    @property
    def group(self) -> int:
        return self.file.declared.groups["g"]

    # --- messages

    @rule(wanted=wishes, is_whole=st.booleans())
    def publish(self, wanted: list[tuple[str, str | None, int | None]], is_whole: bool) -> None:
        messages = []
        for channel, message_id, wait in wanted:
            self.number += 1
            due_at = None if wait is None else self.now + wait
            messages.append(NewMessage(channel, "", str(self.number), message_id, due_at=due_at))
        if is_whole and (full := self._full(messages)) is not None:
            operation = PublishMessages(tuple(messages), self.now)
            assert self.file.refusal(operation) == ChannelFull(full, self.model.channels[full].capacity)
            return
        expected = []
        for one in messages:
            is_known = one.message_id is not None and one.message_id in self.model.channels[one.channel].ids
            if not is_known and not is_whole and not self.model.has_room(one.channel):
                expected.append((-2, False))
            else:
                expected.append(self.model.publish(one.channel, one.payload, self.now, one.message_id, one.due_at))
        answers = self.file.publish(*messages, now_us=self.now, is_whole=is_whole)
        assert [(answer.offset, answer.is_new) for answer in answers] == expected

    def _full(self, messages: list[NewMessage]) -> str | None:
        """The channel that refuses a unit: it has no room before it, and gets something new."""
        for one in messages:
            is_known = one.message_id is not None and one.message_id in self.model.channels[one.channel].ids
            if not is_known and not self.model.has_room(one.channel):
                return one.channel
        return None

    @rule(by=st.sampled_from([1, 3, 10, -4]))
    def promote(self, by: int) -> None:
        self.now += by
        assert self.file.run(PromoteMessages(self.now)) == self.model.promote(self.now)

    @rule(limit=st.integers(1, 6))
    def prune(self, limit: int) -> None:
        count = self.model.prune(self.now, limit)
        assert self.file.run(PruneMessages(limit, self.now)) == (count, count == limit)

    # --- ranges

    @rule(me=members)
    def share(self, me: Member) -> None:
        taken, held, surplus = self.model.share(me)
        shared = self.file.share("g", *me, now_us=self.now)
        assert [lease.range for lease in shared.taken] == taken
        assert {lease.range: lease.epoch for lease in shared.held} == {one: self.model.epochs[one] for one in held}
        assert list(shared.surplus) == surplus
        for lease in shared.taken:
            self.leases.setdefault(lease.range, []).append((me, lease.epoch))

    @rule(me=members, how=st.sampled_from(["surplus", "surplus", "some", "all"]))
    def release(self, me: Member, how: str) -> None:
        ranges = None if how == "all" else list(self.file.share("g", *me).surplus) if how == "surplus" else [0, 16, 17]
        if how == "surplus":
            assert self.model.share(me)[2] == ranges
        self.model.release(me, ranges)
        self.file.run(ReleaseRanges(self.group, *me, None if ranges is None else tuple(ranges)))

    @rule()
    def everybody_shares(self) -> None:
        """When all give back what is too much and take what is theirs, their shares are even and nothing is left."""
        for _ in range(2):
            for me in list(self.model.members):
                self.share(me)
                self.release(me, "surplus")
        sizes = [sum(holder == me for holder in self.model.holders.values()) for me in self.model.members]
        assert not sizes or (sum(sizes) == RANGES and max(sizes) - min(sizes) <= 1)

    @rule(worker=st.sampled_from([1, 2, 3]), pair=st.tuples(st.sampled_from([*SUBSCRIPTIONS]), channels))
    def die(self, worker: int, pair: tuple[str, str]) -> None:
        cursor = self.model.cursors[pair]
        begun = [(0, 0), (1, 16), (2, 0), (9, 16)]
        met = {
            offset
            for offset, one in begun
            if (self.model.holders[one] or (0,))[0] == worker and not cursor.of(one).has(offset)
        }
        for offset in met:
            self.crashes[pair, offset] = self.crashes.get((pair, offset), 0) + 1
        rows = tuple((self.keys[pair], offset, one) for offset, one in begun)
        assert self.file.run(TakeRanges(worker, rows, self.now)) == self.model.take(worker)
        found = {row[1]: row[4] for row in self.file.waiting(self.keys[pair])}
        assert found == {offset: count for (whose, offset), count in self.crashes.items() if whose == pair}

    # --- done

    @rule(
        pair=st.tuples(st.sampled_from([*SUBSCRIPTIONS]), channels),
        one=st.sampled_from([0, 0, 16, 48]),
        pick=st.integers(0, 3),
        floor=st.integers(0, BELOW),
        above=st.sets(st.integers(0, BELOW), max_size=3),
    )
    def acknowledge(self, pair: tuple[str, str], one: int, pick: int, floor: int, above: set[int]) -> None:
        """With a lease that is, or was, somebody's."""
        leases = self.leases.get(one)
        if not leases:
            return
        me, epoch = leases[-1 - pick % len(leases)]
        cursor, end = self.model.cursors[pair], self.model.channels[pair[1]].end
        if one >= cursor.count:
            return
        old = cursor.of(one)
        done = Done(min(max(old.floor, floor), max(end, old.floor)))
        done.above = {offset for offset in old.above | above if done.floor < offset < end}
        is_held = (self.model.holders[one], self.model.epochs[one]) == (me, epoch)
        gaps = msgspec.json.encode(done.gaps()).decode()
        is_written = self.file.acknowledge(
            self.keys[pair], one, "g", epoch, done.floor, gaps, worker=me[0], member=me[1]
        )
        assert is_written == is_held
        if is_held:
            cursor.ranges[one] = done

    @rule(me=members, pair=st.tuples(st.sampled_from([*SUBSCRIPTIONS]), channels), short=st.integers(0, 3))
    def catch_up(self, me: Member, pair: tuple[str, str], short: int) -> None:
        """A member has done nearly all of its ranges."""
        cursor, end = self.model.cursors[pair], self.model.channels[pair[1]].end
        rows = []
        for one, holder in self.model.holders.items():
            if holder == me and one < cursor.count:
                floor = max(cursor.of(one).floor, end - short)
                cursor.ranges[one] = Done(floor)
                rows.append((self.keys[pair], one, self.group, *me, self.model.epochs[one], floor, "[]"))
        assert self.file.write("cursors.put", *rows) == len(rows)

    @rule(name=st.sampled_from([*SUBSCRIPTIONS]), to=st.sampled_from(["earliest", "latest", 2, 5]))
    def seek(self, name: str, to: str | int) -> None:
        ends = [self.model.channels[channel].end for channel in CHANNELS]
        if isinstance(to, int):
            if min(ends) < to:
                return
            how = Seek(name, offset=to)
        else:
            how = Seek(name, to=to)  # type: ignore[arg-type]
        assert self.file.run(how) == len(CHANNELS)
        for channel in CHANNELS:
            log = self.model.channels[channel]
            place = max(to, log.first) if isinstance(to, int) else log.first if to == "earliest" else log.end
            self.model.cursors[name, channel] = Cursor(place, SUBSCRIPTIONS[name])
        self.model.renew([*range(RANGES)])
        self.crashes = {place: count for place, count in self.crashes.items() if place[0][0] != name}

    # --- dead letters

    @rule(pair=st.tuples(st.sampled_from([*SUBSCRIPTIONS]), channels), pick=st.integers(0, 10_000))
    def bury(self, pair: tuple[str, str], pick: int) -> None:
        log = self.model.channels[pair[1]]
        if log.first == log.end:
            return
        offset = log.first + pick % (log.end - log.first)
        row = DeadLetterRow(self.keys[pair], offset, "", "failed", 5, None, self.now)
        assert self.file.write("dead_letters.put", row) == 1
        self.dead[len(self.dead) + 1] = pair[0], log.messages[offset][0], False

    @rule(
        name=st.none() | st.sampled_from([*SUBSCRIPTIONS]),
        picks=st.none() | st.lists(st.integers(0, 10_000), max_size=3),
    )
    def redrive(self, name: str | None, picks: list[int] | None) -> None:
        chosen = None if picks is None or not self.dead else tuple(1 + pick % len(self.dead) for pick in picks)
        wanted = [
            key
            for key, (whose, _, is_done) in sorted(self.dead.items())
            if not is_done and name in (None, whose) and (chosen is None or key in chosen)
        ]
        assert self.file.run(Redrive(chosen, name, self.now)) == len(wanted)
        for key in wanted:
            whose, payload, _ = self.dead[key]
            self.dead[key] = whose, payload, True
            self.model.append("@g", payload, self.now)

    # --- laws

    @invariant()
    def the_messages_are_dense_and_in_the_order_of_their_commits(self) -> None:
        for name, log in self.model.channels.items():
            kept = [(offset, log.messages[offset][0]) for offset in range(log.first, log.end)]
            assert self.file.messages(name) == kept
            row = self.file.channel(name)
            assert (row["first_offset"], row["next_offset"]) == (log.first, log.end)
            assert row["bytes"] == sum(len(payload) for _, payload in kept)
            assert row["delayed"] == sum(one[2] == name for one in self.model.delayed)
            assert row["floor"] <= self.model.floor(name)
            assert log.first <= self.model.floor(name), "nothing that somebody has not done is gone"

    @invariant()
    def every_range_has_one_holder(self) -> None:
        rows = self.file.rows("SELECT range, owner, member, epoch FROM group_ranges ORDER BY range")
        assert rows == [
            (one, *(holder or (None, None)), self.model.epochs[one])
            for one, holder in sorted(self.model.holders.items())
        ]

    @invariant()
    def a_message_id_is_there_once(self) -> None:
        for name, log in self.model.channels.items():
            found = self.file.rows(
                "SELECT message_id, offset FROM messages JOIN channels USING (channel_key) WHERE name = ?1 AND message_id IS NOT NULL "
                "UNION ALL SELECT message_id, -1 FROM delayed_messages JOIN channels USING (channel_key) WHERE name = ?1 AND message_id IS NOT NULL",
                name,
            )
            assert sorted(found) == sorted(log.ids.items())


def machine_settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


def test_the_store_does_with_channels_what_the_model_does() -> None:
    run_state_machine_as_test(ChannelsAgainstAModel, settings=machine_settings(30, 40))


@pytest.mark.full
def test_the_store_does_with_channels_what_the_model_does_for_long() -> None:
    run_state_machine_as_test(ChannelsAgainstAModel, settings=machine_settings(300, 80))
