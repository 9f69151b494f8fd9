"""The outbox: nothing is lost, nothing comes twice, order holds, and every publisher hears what became of its messages."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, PublishMessages
from dagger_actors.core.declarations import ChannelRow, Declare
from dagger_actors.core.protocols import Now, Owner, Unit
from dagger_actors.errors import (
    ChannelFull,
    OutboxFull,
    RequestRefused,
    StoreFull,
    SystemClosed,
    UnitRejected,
    UnknownChannel,
)
from dagger_actors.pubsub.outgoing import shelf
from dagger_actors.pubsub.outgoing.outbox import AGAIN_US, Outbox
from dagger_actors.pubsub.outgoing.outlet import Outlet
from dagger_actors.pubsub.outgoing.parcel import Parcel

CAPACITY = 5


class World:
    """A clock, timers and a journal that do nothing by themselves, and channels with room for ``CAPACITY`` messages."""

    def __init__(self, *channels: str) -> None:
        self.mono_us = 0
        self.logs: dict[str, list[NewMessage]] = {name: [] for name in channels}
        self.floors = dict.fromkeys(channels, 0)
        self.declared: list[str] = []
        self.told: list[tuple[NewMessage, Appended]] = []
        self.units = 0
        self._owners: list[Owner] = []
        self._timers: dict[object, tuple[int, Callable[[], None]]] = {}
        self.outbox = Outbox(
            journal=self,
            clock=self,
            timers=self,
            appended=lambda messages, answers: self.told.extend(zip(messages, answers, strict=True)),
            declared=self.declared.extend,
        )

    # what the outbox is given

    def now(self) -> Now:
        return Now(self.mono_us, self.mono_us)

    def set(self, key: object, mono_us: int, fire: Callable[[], None]) -> None:
        self._timers[key] = (mono_us, fire)

    def cancel(self, key: object) -> None:
        self._timers.pop(key, None)

    def wake(self, owner: Owner) -> None:
        if owner not in self._owners:
            self._owners.append(owner)

    def submit(self, unit: Unit) -> None:
        raise NotImplementedError

    # what happens to it

    def pass_time(self, us: int) -> None:
        self.mono_us += us
        for key, (due_us, fire) in list(self._timers.items()):
            if due_us <= self.mono_us:
                del self._timers[key]
                fire()

    def take(self) -> Unit | None:
        """What the journal would write next; None = nobody has woken it."""
        while self._owners:
            unit = self._owners.pop(0).take_unit()
            if unit is not None:
                return unit
        return None

    def write(self, unit: Unit, error: Exception | None = None) -> None:
        self.units += 1
        try:
            answers = [self._carry_out(operation) for operation in unit.work]
        except UnitRejected as refused:
            unit.rejected(refused)
            return
        if error is not None:
            unit.rejected(error)
            return
        for messages, found in (
            (one.messages, answer) for one, answer in zip(unit.work, answers, strict=True) if answer
        ):
            for message, answer in zip(messages, found, strict=True):
                if answer.offset >= 0:
                    self.logs[message.channel].append(message)
        unit.answered(answers)
        unit.committed()

    def _carry_out(self, operation: Any) -> Sequence[Appended] | None:
        if isinstance(operation, Declare):
            for row in operation.channels:
                self.logs.setdefault(row.name, [])
                self.floors.setdefault(row.name, 0)
            return None
        assert isinstance(operation, PublishMessages)
        assert not operation.is_whole
        ends = {name: len(log) for name, log in self.logs.items()}
        answers = []
        for message in operation.messages:
            if message.channel not in ends:
                raise RequestRefused("x.db", UnknownChannel(message.channel))
            if message.payload == '"poison"':
                raise UnitRejected("x.db", "poison", 0, 0)
            end = ends[message.channel]
            if end - self.floors[message.channel] >= CAPACITY:
                answers.append(Appended(-2, is_new=False))
            else:
                answers.append(Appended(end, is_new=True))
                ends[message.channel] = end + 1
        return answers

    def read(self, channel: str, count: int = CAPACITY, *, tells: bool = True) -> None:
        self.floors[channel] = min(self.floors[channel] + count, len(self.logs[channel]))
        if tells:
            self.outbox.moved(channel)

    def run(self) -> None:
        while (unit := self.take()) is not None:
            self.write(unit)

    # publishing

    def parcel(
        self,
        channel: str,
        *payloads: Any,
        waits: bool = True,
        timeout_us: int = 10**9,
        overflow: Any = "block",
        row: Any = None,
    ) -> Parcel:
        messages = tuple(NewMessage(channel, "", f'"{one}"') for one in payloads)
        size_bytes = sum(len(one.payload) for one in messages)
        outlet = Outlet(channel, CAPACITY, overflow, row)
        until_us = self.mono_us + timeout_us
        return Parcel(outlet, messages, size_bytes=size_bytes, waits=waits, since_us=self.mono_us, until_us=until_us)

    def publish(self, channel: str, *payloads: Any, **more: Any) -> Parcel:
        parcel = self.parcel(channel, *payloads, **more)
        assert self.outbox.post(parcel) is None
        return parcel

    def log(self, channel: str) -> list[str]:
        return [one.payload.strip('"') for one in self.logs[channel]]


def offsets(parcel: Parcel) -> list[int]:
    return [one.offset for one in parcel.future.get(timeout=0)]


def refusal(parcel: Parcel, kind: type[Exception]) -> Exception:
    with pytest.raises(kind) as refused:
        parcel.future.get(timeout=0)
    return refused.value


# --- the law


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), length=st.integers(1, 60))
def test_nothing_is_lost_or_comes_twice_and_order_holds_whatever_is_refused_or_full(seed, length):
    """Law: each parcel is answered once; those in the file are those it says, in the order of publication, under capacity."""
    chance = random.Random(seed)
    world = World("a", "b", "c")
    posted: list[Parcel] = []
    outside: list[Parcel] = []
    flying: Unit | None = None

    def post(parcel: Parcel) -> None:
        try:
            taken = world.outbox.post(parcel) is None
        except (OutboxFull, ChannelFull):
            assert not parcel.waits
            return
        (posted if taken else outside).append(parcel)

    for number in range(length):
        match chance.choice(["publish"] * 4 + ["write"] * 3 + ["take", "read", "time", "outside"]):
            case "publish":
                channel = chance.choice(["a", "a", "b", "c", "gone"])
                payloads = [f"{number}.{at}" for at in range(chance.choice([1, 1, 1, 3, 8]))]
                if chance.random() < 0.05:
                    payloads[-1] = "poison"
                waits, timeout_us = chance.random() < 0.7, chance.choice([0, AGAIN_US, 50 * AGAIN_US])
                overflow = "reject" if channel == "c" else "block"
                post(world.parcel(channel, *payloads, waits=waits, timeout_us=timeout_us, overflow=overflow))
            case "take" if flying is None:
                flying = world.take()
            case "write":
                unit, flying = flying or world.take(), None
                if unit is not None:
                    world.write(unit, StoreFull("x.db") if chance.random() < 0.1 else None)
            case "read":
                world.read(chance.choice(["a", "b", "c"]), chance.randint(0, 6), tells=chance.random() < 0.5)
            case "time":
                world.pass_time(chance.choice([AGAIN_US, 10 * AGAIN_US]))
            case "outside":
                waiting, outside = outside, []
                for parcel in waiting:
                    post(parcel)
        assert all(len(world.logs[name]) - world.floors[name] <= CAPACITY for name in world.logs)
    if flying is not None:
        world.write(flying)
    for _ in range(200):
        for name in world.logs:
            world.read(name, tells=False)
        world.pass_time(AGAIN_US)
        world.run()
        waiting, outside = outside, []
        for parcel in waiting:
            post(parcel)
    assert not outside
    _hold(world, posted)


def _hold(world: World, posted: list[Parcel]) -> None:
    written = {id(message): (name, at) for name, log in world.logs.items() for at, message in enumerate(log)}
    assert len(written) == sum(map(len, world.logs.values())), "one came twice"
    placed: dict[str, list[int]] = {name: [] for name in world.logs}
    for parcel in posted:
        assert parcel.future.is_done(), "its publisher is never told"
        stored = [message for message in parcel.messages if id(message) in written]
        if parcel.rest:
            with pytest.raises(Exception):  # noqa: B017 - any of them
                parcel.future.get(timeout=0)
            assert [parcel.messages[at] for at in range(len(parcel.messages)) if at not in parcel.rest] == stored
        else:
            answers = parcel.future.get(timeout=0)
            assert [(parcel.outlet.name, one.offset) for one in answers] == [
                written[id(one)] for one in parcel.messages
            ]
        placed.get(parcel.outlet.name, []).extend(written[id(one)][1] for one in stored)
    assert all(places == list(range(len(places))) for places in placed.values()), "not in the order of publication"
    told = [(id(message), answer.offset) for message, answer in world.told if answer.offset >= 0]
    assert sorted(told) == sorted((one, at) for one, (_name, at) in written.items())
    assert world.outbox.drained().is_done()


# --- units


def test_what_came_meanwhile_is_one_unit_in_order():
    """Law: all that was published since the last group goes into one unit; another one follows only its commit."""
    world = World("a", "b")
    first = world.publish("a", 1)
    unit = world.take()
    assert unit is not None
    more = [world.publish("b", 2), world.publish("a", 3), world.publish("a", 4)]
    assert world.take() is None
    assert not first.future.is_done()
    world.write(unit)
    assert offsets(first) == [0]
    world.run()
    assert world.units == 2
    assert [offsets(one) for one in more] == [[0], [1], [2]]
    assert world.log("a") == ["1", "3", "4"]


def test_a_unit_has_bounds_and_the_rest_follows(monkeypatch):
    """Law: no unit takes messages beyond its bound; nothing has to be published for the next one to go."""
    monkeypatch.setattr(shelf, "UNIT", 2)
    world = World("a")
    parcels = [world.publish("a", at) for at in range(5)]
    world.run()
    assert world.units == 3
    assert [offsets(one) for one in parcels] == [[0], [1], [2], [3], [4]]


def test_a_channel_is_declared_with_its_first_message_and_not_again():
    """Law: Declare stands before the publication, in the same unit, until it is committed; then its readers are told."""
    world = World()
    row = ChannelRow(name="raw.a")
    lost = world.publish("raw.a", 1, row=row)
    unit = world.take()
    assert unit is not None
    world.write(unit, StoreFull("x.db"))
    assert (world.declared, type(refusal(lost, StoreFull))) == ([], StoreFull)
    world.publish("raw.a", 2, row=row)
    world.publish("raw.a", 3, row=row)
    unit = world.take()
    assert unit is not None
    assert [type(one) for one in unit.work] == [Declare, PublishMessages]
    assert [one.name for one in unit.work[0].channels] == ["raw.a"]  # type: ignore[union-attr]
    world.write(unit)
    assert world.declared == ["raw.a"]
    world.publish("raw.a", 4, row=row)
    unit = world.take()
    assert unit is not None
    assert [type(one) for one in unit.work] == [PublishMessages]


def test_only_the_parcel_that_is_to_blame_is_refused():
    """Law: in a unit of many, one that the store refuses fails alone, with its cause, and costs a few units more."""
    world = World("a", "b")
    before = [world.publish("a", at) for at in range(2)]
    unknown = world.publish("gone", "x")
    poison = world.publish("b", "poison")
    after = [world.publish("b", at) for at in range(3)]
    world.run()
    assert [offsets(one) for one in before] == [[0], [1]]
    assert [offsets(one) for one in after] == [[0], [1], [2]]
    assert isinstance(refusal(unknown, UnknownChannel), UnknownChannel)
    assert isinstance(refusal(poison, UnitRejected), UnitRejected)


def test_a_full_disk_refuses_all_that_were_under_way_and_nothing_else():
    """Law: what the disk is to blame for is not tried again behind the publisher's back; the next unit is."""
    world = World("a")
    lost = [world.publish("a", 1), world.publish("a", 2)]
    unit = world.take()
    assert unit is not None
    kept = world.publish("a", 3)
    world.write(unit, StoreFull("x.db"))
    world.run()
    assert [type(refusal(one, StoreFull)) for one in lost] == [StoreFull, StoreFull]
    assert offsets(kept) == [0]


# --- full channels


def full(world: World, channel: str = "a") -> None:
    world.publish(channel, *(f"old{at}" for at in range(CAPACITY)))
    world.run()


def test_what_finds_its_channel_full_waits_with_all_behind_it_and_others_go_on():
    """Law: of a full channel nothing overtakes, and no other channel waits; when readers have moved, it goes at once."""
    world = World("a", "b")
    full(world)
    waiting = [world.publish("a", at) for at in range(3)]
    world.run()
    late = world.publish("a", "late")
    other = world.publish("b", "other")
    world.run()
    assert offsets(other) == [0]
    assert not any(one.future.is_done() for one in (*waiting, late))
    world.read("a", 2)
    world.run()
    assert [one.future.is_done() for one in (*waiting, late)] == [True, True, False, False]
    world.read("a", 2)
    world.run()
    assert world.log("a")[CAPACITY:] == ["0", "1", "2", "late"]


def test_room_that_another_process_has_made_is_found_by_the_clock():
    """Law: a full channel is tried again every AGAIN_US, though nobody here tells that its readers have moved."""
    world = World("a")
    full(world)
    waiting = world.publish("a", "new")
    world.run()
    world.read("a", tells=False)
    world.run()
    assert not waiting.future.is_done()
    world.pass_time(AGAIN_US)
    world.run()
    assert offsets(waiting) == [CAPACITY]


def test_a_parcel_goes_as_far_as_there_is_room():
    """Law: of many messages those that have room are appended, the rest behind them, each once."""
    world = World("a")
    parcel = world.publish("a", *range(2 * CAPACITY + 1))
    for done in (1, 2):
        world.run()
        assert len(world.log("a")) == done * CAPACITY
        world.read("a")
    world.run()
    assert offsets(parcel) == list(range(2 * CAPACITY + 1))


def test_who_has_waited_long_enough_is_told_so_and_those_behind_go_on_waiting():
    """Law: ChannelFull after the time-out, with how long that was and how many were published; the next keep their place."""
    world = World("a")
    parcel = world.publish("a", *range(CAPACITY + 1), timeout_us=2_000_000)
    patient = world.publish("a", "patient", timeout_us=60_000_000)
    world.run()
    world.pass_time(1_000_000)
    assert not parcel.future.is_done()
    world.pass_time(1_000_000)
    error = refusal(parcel, ChannelFull)
    assert isinstance(error, ChannelFull)
    assert (error.capacity, error.waited_s) == (CAPACITY, 2.0)
    assert error.__notes__ == [f"{CAPACITY} messages of {CAPACITY + 1} were published all the same"]
    world.read("a")
    world.run()
    assert offsets(patient) == [CAPACITY]


def test_a_channel_that_rejects_lets_nobody_wait():
    """Law: overflow="reject" answers ChannelFull with the commit that found it full."""
    world = World("a")
    full(world)
    parcel = world.publish("a", "new", overflow="reject")
    world.run()
    assert isinstance(refusal(parcel, ChannelFull), ChannelFull)
    world.read("a")
    assert world.take() is None


def test_who_does_not_wait_is_told_that_a_channel_is_known_to_be_full(caplog):
    """Law: wait=False never queues behind a full channel; what was taken before that was known is lost with a warning."""
    world = World("a")
    full(world)
    world.publish("a", "taken", waits=False, timeout_us=AGAIN_US)
    world.run()
    with pytest.raises(ChannelFull):
        world.publish("a", "refused", waits=False)
    world.pass_time(AGAIN_US)
    assert "of what was published to 'a' without waiting, 1 message: not stored" in caplog.text
    world.read("a")
    world.run()
    assert world.log("a")[CAPACITY:] == []


def test_what_waits_for_room_keeps_its_order_though_a_unit_with_it_is_refused():
    """Law: halving a refused unit lets nothing overtake what is before it on its channel."""
    world = World("a")
    full(world)
    waiting = [world.publish("a", at) for at in range(2)]
    world.run()
    world.outbox.moved("a")
    world.publish("gone", "x")
    for _ in range(2):
        unit = world.take()
        assert unit is not None
        world.write(unit)  # refused; then the first that waits, alone, which finds no room
    assert not any(one.future.is_done() for one in waiting)
    world.read("a", 1, tells=False)
    world.run()
    world.pass_time(AGAIN_US)
    world.run()
    assert world.log("a")[CAPACITY:] == ["0"]


# --- bounds


def test_beyond_the_bound_publishers_wait_outside_or_are_told(monkeypatch):
    """Law: so many messages wait, no more; who waits is woken when there is room, who does not gets OutboxFull."""
    monkeypatch.setattr(shelf, "WAITING", 3)
    world = World("a")
    world.publish("a", 1, 2)
    with pytest.raises(OutboxFull) as refused:
        world.publish("a", 3, 4, waits=False)
    assert (refused.value.messages, refused.value.size_bytes) == (2, 6)
    room = world.outbox.post(world.parcel("a", 3, 4))
    assert room is not None
    assert not room.is_done()
    world.publish("a", 5)
    world.run()
    assert room.is_done()
    assert world.log("a") == ["1", "2", "5"]
    assert world.outbox.post(world.parcel("a", 3, 4)) is None


def test_bytes_are_bounded_too(monkeypatch):
    """Law: the bound of bytes holds whatever the number; one parcel always has room in an empty outbox."""
    monkeypatch.setattr(shelf, "WAITING_BYTES", 10)
    world = World("a")
    world.publish("a", "x" * 100)
    with pytest.raises(OutboxFull):
        world.publish("a", "y", waits=False)


def test_publishers_that_wait_for_a_full_channel_leave_room_to_others(monkeypatch):
    """Law: a stuck subscriber slows the publishers of its channel alone."""
    monkeypatch.setattr(shelf, "WAITING", 3)
    world = World("a", "b")
    full(world)
    for at in range(10):
        world.publish("a", at)
        world.run()
    other = world.publish("b", 1, 2, 3)
    world.run()
    assert offsets(other) == [0, 1, 2]


# --- leaving


def test_leaving_refuses_what_is_not_with_the_journal_and_answers_what_is():
    """Law: after close every future is resolved once the journal has answered, and nothing more is taken."""
    world = World("a", "b")
    full(world)
    stuck = world.publish("a", "stuck")
    world.run()
    flying = world.publish("b", "flying")
    unit = world.take()
    assert unit is not None
    waiting = world.publish("b", "waiting")
    drained = world.outbox.drained()
    world.outbox.close()
    assert [type(refusal(one, SystemClosed)) for one in (stuck, waiting)] == [SystemClosed, SystemClosed]
    assert not drained.is_done()
    world.write(unit)
    assert offsets(flying) == [0]
    assert drained.is_done()
    with pytest.raises(SystemClosed):
        world.publish("b", "late")
