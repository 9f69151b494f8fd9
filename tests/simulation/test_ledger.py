"""The ledger over many seeds: transfers between keyed accounts, while handlers fail and workers die, stand still, come and go.

CI runs a slice; the full number is behind the marker, in chunks for many processes at once:
``pytest -m full -n 2 tests/simulation/test_ledger.py``. Leases last one virtual second, for it is the looks at the file
meanwhile that take time.
"""

from __future__ import annotations

import contextlib
import random
import shutil
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem, watch
from dagger_actors.errors import SystemClosed
from dagger_actors.store import ownership
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate
from tests.simulation.random_transfers import Bench, Transfer, random_transfers, record

SLICE = 6
FULL = 10_000
CHUNK = 50
LEASE_US = 1_000_000
STEPS_S = (-20.0, 3600.0, 24 * 3600.0)
LEAST = {
    "deaths": 0.5,
    "freezes": 0.5,
    "crashes": 0.5,
    "handovers": 80.0,
    "redeliveries": 2.0,
    "failures": 8.0,
    "owners": 2.0,
}
"""How often, in a story on the average, each thing must have happened at least."""

NONSENSE = object()
"""What no supervisor understands: its turn ends with an error, as a defect of ours would end it."""


class Faults(msgspec.Struct, frozen=True):
    """How many of each one story has at most, and how many workers it begins with."""

    deaths: int = 0
    freezes: int = 0
    steps: int = 0
    crashes: int = 0
    joins: int = 0
    leaves: int = 0
    workers: int = 2


class Happened(msgspec.Struct):
    """What came to pass in some stories: a story that meets nothing shows nothing.

    Attributes:
        deaths: Workers that died at a commit.
        freezes: Workers that stood still.
        crashes: Supervisors that crashed.
        handovers: Ranges that got another holder.
        redeliveries: Turns that were begun again, for what they had done was not stored.
        failures: Tries that failed.
        owners: Workers that took turns.
    """

    deaths: int = 0
    freezes: int = 0
    crashes: int = 0
    handovers: int = 0
    redeliveries: int = 0
    failures: int = 0
    owners: int = 0

    def add(self, other: Happened) -> None:
        """Add those of another story."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Play:
    """One story: workers come and go, all transfers are published; in the end everything comes to rest."""

    def __init__(self, sim: Simulation, bench: Bench, chance: random.Random) -> None:
        self.sim = sim
        self.bench = bench
        self.chance = chance
        self.workers: list[ActorSystem] = []
        self.frozen: list[ActorSystem] = []
        self.happened = Happened()

    def living(self) -> list[ActorSystem]:
        self.workers = [one for one in self.workers if self.sim.is_alive(one)]
        return [one for one in self.workers if one not in self.frozen]

    def join(self) -> None:
        self.workers.append(self.bench.system(members=self.chance.choice((1, 1, 2))))

    def worker(self) -> ActorSystem:
        """Some worker that can be asked."""
        if not self.living():
            self.join()
        return self.chance.choice(self.living())

    def doom(self) -> None:
        """Let a worker die at one of its next commits."""
        self.sim.kill_at(self.worker(), self.chance.randint(1, 12), self.chance.choice(("before", "after")))

    def freeze(self) -> None:
        if len(self.living()) > 1:
            record.is_disturbed = True
            self.happened.freezes += 1
            self.frozen.append(self.worker())
            self.sim.freeze(self.frozen[-1])

    def thaw(self) -> None:
        for worker in self.frozen:
            if self.sim.is_alive(worker):
                self.sim.thaw(worker)
        self.frozen = []

    def crash(self) -> None:
        """Let a supervisor of some worker crash, somewhere in the midst of its turns."""
        record.is_disturbed = True
        worker = self.worker()
        for _ in range(self.chance.randrange(12)):
            self.sim.world.step()
        if self.sim.is_alive(worker):
            self.happened.crashes += 1
            self.chance.choice(list(worker._paradigms.channel_hub._seats)).supervisor.tell(NONSENSE)

    def leave(self) -> None:
        """Let some worker leave as it should, with or without time for what runs."""
        worker = self.worker()
        self.workers.remove(worker)
        with contextlib.suppress(WorkerKilled, SystemClosed):
            worker.stop(grace_s=self.chance.choice((0.0, 0.05, 10.0)))
        if self.sim.is_alive(worker):
            self.happened.deaths -= 1  # it has gone, and is no death at a commit
            self.sim.kill(worker)

    def publish(self, transfer: Transfer) -> None:
        for _ in range(20):
            with contextlib.suppress(WorkerKilled, SystemClosed):
                self.worker().channels.publish("transfers", transfer, id=f"transfer {transfer.number}")
                return
        raise AssertionError("twenty workers were not enough to publish a transfer")

    def settle(self) -> None:
        """Come to rest."""
        for _ in range(400):
            self.worker()
            self.sim.advance(0.5)
            if not self.bench.undone():
                return
            self.sim.run()  # the wall clock may have been set back
        raise AssertionError(f"never at rest: {self.bench.undone()}")

    def redrive(self) -> None:
        """Mend what is wrong with transfers, and give the dead ones back: the debits first, for they make credits."""
        record.is_mended = True
        for name in ("bank.debit", "bank.credit"):
            for _ in range(20):
                with contextlib.suppress(WorkerKilled, SystemClosed):
                    self.worker().channels.redrive(subscription=name)
                    break
            self.settle()

    def summed_up(self) -> Happened:
        """What has come to pass."""
        found = self.happened
        found.deaths += len(self.sim.deaths)
        found.handovers = self.bench.handovers()
        found.redeliveries, found.failures, found.owners = record.redeliveries, record.failures, len(record.owners)
        return found


def play(seed: int, folder: Path, *, count: int = 10, **faults: int) -> tuple[list[str], Happened]:
    """Play one seed; tells its trace, and what came to pass."""
    left: dict[str, int] = msgspec.structs.asdict(Faults(**faults))
    chance = random.Random(seed)

    def strikes(name: str, share: float) -> bool:
        if not left[name] or chance.random() >= share:
            return False
        left[name] -= 1
        return True

    with simulate(seed, folder) as sim:
        bench = Bench(sim)
        transfers = random_transfers(chance, count)
        story = Play(sim, bench, chance)
        try:
            for _ in range(left["workers"]):
                story.join()
            for transfer in transfers:
                for name, what in (
                    ("deaths", story.doom),
                    ("freezes", story.freeze),
                    ("crashes", story.crash),
                    ("joins", story.join),
                    ("leaves", story.leave),
                ):
                    if strikes(name, 0.3):
                        what()
                if strikes("steps", 0.3):
                    sim.world.wall_offset_us += round(chance.choice(STEPS_S) * 1e6)
                story.publish(transfer)
                sim.advance(chance.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.001, 0.01, 0.1, 0.5)))
                if story.frozen and chance.random() < 0.3:
                    sim.advance(chance.choice((0.1, 2.0, 3.0)))
                    story.thaw()
            if story.frozen:
                sim.advance(chance.choice((0.1, 3.0)))
            story.thaw()
            story.settle()
            story.redrive()
            bench.check(transfers)
            return list(sim.world.trace), story.summed_up()
        finally:
            bench.close()


def explore(folder: Path, count: int, first: int = 0, **options: int) -> Happened:
    """Play so many seeds; what came to pass in all of them."""
    happened = Happened()
    for seed in range(first, first + count):
        place = folder / str(seed)
        place.mkdir()
        happened.add(play(seed, place, **options)[1])
        shutil.rmtree(place)
    return happened


@pytest.fixture(autouse=True)
def _short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "LEASE_US", LEASE_US)
    monkeypatch.setattr(watch, "BEAT_US", LEASE_US // 3)


def test_every_transfer_is_applied_once_though_handlers_fail(memory: Path) -> None:
    """Law: e and g: the sum is right; state, table and history agree; an account's turns are one after the other, in order."""
    explore(memory, SLICE)


def test_every_transfer_is_applied_once_though_workers_die_at_random_commits(memory: Path) -> None:
    """The same; what was cut off is delivered again, and nothing of it was there."""
    explore(memory, SLICE, deaths=2)


def test_every_transfer_is_applied_once_though_members_come_and_go(memory: Path) -> None:
    """The same, while ranges change hands."""
    explore(memory, SLICE, joins=2, leaves=2)


def test_every_transfer_is_applied_once_though_a_worker_stands_still_past_its_lease(memory: Path) -> None:
    """The same; what was taken over is written by its new owner alone, though the old one goes on."""
    explore(memory, SLICE, freezes=2, workers=3)


def test_every_transfer_is_applied_once_though_supervisors_crash(memory: Path) -> None:
    """The same; they go on from the file, while the wall clock steps."""
    explore(memory, SLICE, crashes=3, steps=1)


def test_one_seed_gives_one_trace(memory: Path) -> None:
    """A failure can be repeated: equal seeds make equal choices, step by step."""
    traces = []
    for turn in "ab":
        folder = memory / turn
        folder.mkdir()
        traces.append(play(0, folder, deaths=1, freezes=1, crashes=1, joins=1, leaves=1, workers=3)[0])
    assert traces[0] == traces[1]


@pytest.mark.full
@pytest.mark.parametrize("first", range(0, FULL, CHUNK))
def test_ten_thousand_seeds_of_all_at_once(memory: Path, first: int) -> None:
    """All of it; and a story that nothing happens in shows nothing, so it is counted what has happened."""
    happened = explore(memory, CHUNK, first, deaths=1, freezes=1, crashes=1, steps=1, joins=1, leaves=1, workers=3)
    for name, least in LEAST.items():
        assert getattr(happened, name) >= least * CHUNK, happened
