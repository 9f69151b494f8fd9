"""Supervisors as users meet them: what is restarted, in what order, what goes up, and what a system does at its end."""

from __future__ import annotations

import msgspec
import pytest

from dagger_actors import (
    Actor,
    ActorContext,
    ActorStopped,
    ActorSystem,
    BackOff,
    ChildRefused,
    ChildSpec,
    Supervisor,
    SupervisorFailed,
    SystemFailed,
    UnknownActor,
    handler,
)
from dagger_actors.testing.simulation import simulate

diary: list[str] = []


class Fail(msgspec.Struct, frozen=True):
    how: str = ""


class Who(msgspec.Struct, frozen=True):
    pass


class Add(msgspec.Struct, frozen=True):
    key: str


class Sums(msgspec.Struct):
    total: int = 0


class Worker(Actor):
    state: Sums

    def started(self, ctx: ActorContext) -> None:
        diary.append(f"+{ctx.name}")

    def stopping(self, ctx: ActorContext) -> None:
        diary.append(f"-{ctx.name}")

    def pre_restart(self, error: BaseException, ctx: ActorContext) -> None:
        diary.append(f"!{ctx.name} {error}")

    @handler
    def fail(self, fail: Fail) -> None:
        raise ValueError(fail.how)

    @handler
    def who(self, _who: Who, ctx: ActorContext) -> tuple[str, int]:
        return ctx.name, ctx.incarnation

    @handler
    def add(self, _add: Add) -> int:
        self.state.total += 1
        return self.state.total


class Stillborn(Actor):
    def started(self, ctx: ActorContext) -> None:
        raise RuntimeError(f"{ctx.name} cannot")


@pytest.fixture(autouse=True)
def _clean_diary():
    diary.clear()


def crew(*names: str, **options) -> Supervisor:
    return Supervisor("crew", [ChildSpec(Worker, name) for name in names], **options)


def names_of(branch) -> list[str]:
    return [one.name for one in branch.children]


def test_children_start_in_order_and_stop_in_reverse():
    """Law: who depends on an earlier one finds it there, from its start to its end."""
    with simulate(1) as sim:
        system = sim.system(agents=[crew("a", "b"), ChildSpec(Worker, "c")])
        assert diary == ["+crew/a", "+crew/b", "+c"]
        system.stop()
        assert diary[3:] == ["-c", "-crew/b", "-crew/a"]


def test_a_restart_keeps_ref_and_mailbox_and_begins_with_a_new_state():
    """Law: what was queued behind the failure is handled by the next incarnation; only the failing message is lost."""
    with simulate(2) as sim:
        system = sim.system(agents=[crew("a")])
        ref = system.actors["crew/a"]
        ref.tell(Add("x"))
        ref.tell(Fail("oh"))
        ref.tell(Add("y"))
        assert ref.ask(Add("z")) == 2
        assert ref.ask(Who()) == ("crew/a", 2)
        assert diary == ["+crew/a", "!crew/a oh", "+crew/a"]


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ("one_for_one", ["!crew/b oh", "+crew/b"]),
        ("rest_for_one", ["-crew/c", "!crew/b oh", "+crew/b", "+crew/c"]),
        ("one_for_all", ["-crew/c", "-crew/a", "+crew/a", "!crew/b oh", "+crew/b", "+crew/c"]),
    ],
)
def test_a_strategy_says_who_is_restarted_besides(strategy: str, told: list[str]):
    """Law: OTP's three strategies, stopped in reverse and started in order."""
    with simulate(3) as sim:
        system = sim.system(agents=[crew("a", "b", "c", strategy=strategy)])
        diary.clear()
        system.actors["crew/b"].tell(Fail("oh"))
        sim.settle()
        assert diary == told


@pytest.mark.parametrize(("restart", "fails", "stops"), [("permanent", 2, 2), ("transient", 2, 1), ("temporary", 1, 1)])
def test_a_restart_type_says_after_which_end(restart: str, fails: int, stops: int):
    """Law: permanent after any end, transient after a failure, temporary never."""
    for message, expected in ((Fail(), fails), ("stop", stops)):
        diary.clear()
        with simulate(4) as sim:
            spec = ChildSpec(Worker, "a", restart=restart)
            system = sim.system(agents=[Supervisor("crew", [spec])])
            ref = system.actors["crew/a"]
            if message == "stop":
                ref.stop(block=False)
            else:
                ref.tell(message)
            sim.settle()
            assert diary.count("+crew/a") == expected, (restart, message)


def test_too_many_restarts_go_up_and_the_system_stops_with_the_reason():
    """Law: the supervisor gives up, its own supervisor restarts it, and in the end the root's failure is the system's."""
    with simulate(5) as sim:
        system = sim.system(agents=[crew("a", "b", intensity=1)])
        for number in range(20):
            if system.actors.failure is None:
                system.actors["crew/a"].tell(Fail(str(number)))
                sim.settle()
        assert isinstance(system.actors.failure, SystemFailed)
        assert "crew" in str(system.actors.failure)
        with pytest.raises(SystemFailed):
            system.actors.spawn(Worker)


def test_leaving_a_system_that_has_failed_raises_the_reason():
    """Law: nobody leaves a broken system without hearing of it."""
    with pytest.raises(SystemFailed, match="root"):
        fail_until_the_root_gives_up()


def fail_until_the_root_gives_up() -> None:
    with ActorSystem(agents=[ChildSpec(Worker, "a")]) as system:
        while system.actors.failure is None:
            with pytest.raises((ValueError, ActorStopped, UnknownActor)):
                system.actors["a"].ask(Fail())


def test_a_first_start_that_fails_stops_what_was_started_and_the_system_does_not_open():
    """Law: the caller hears why, and nothing is left running."""
    with simulate(6) as sim, pytest.raises(SupervisorFailed, match="cannot"):
        sim.system(agents=[ChildSpec(Worker, "a"), ChildSpec(Stillborn, "b")])
    assert diary == ["+a", "-a"]


def test_a_back_off_makes_restarts_wait_and_mail_waits_with_them():
    """Law: virtual seconds pass before each restart, twice as many after the second failure."""
    with simulate(7) as sim:
        backoff = BackOff(min_s=1, max_s=10, jitter=0, reset_s=60)
        system = sim.system(agents=[ChildSpec(Worker, "a", backoff=backoff)])
        ref = system.actors["a"]
        for wait_s in (1, 2):
            ref.tell(Fail())
            sim.settle()
            began = sim.now_s
            assert ref.ask(Add("x"), timeout=30) == 1
            assert sim.now_s - began == pytest.approx(wait_s, abs=0.01)


def test_a_pool_by_key_sends_equal_keys_to_one_actor_and_round_robin_to_each_in_turn():
    """Law: the two ways of a pool; each of its actors has a name of its own."""
    with simulate(8) as sim:
        system = sim.system(
            agents=[
                ChildSpec(Worker, "turns", instances=3),
                ChildSpec(Worker, "keys", instances=3, route="key", key="key"),
            ]
        )
        assert [system.actors["turns"].ask(Add("k")) for _ in range(6)] == [1, 1, 1, 2, 2, 2]
        assert [system.actors["keys"].ask(Add("k")) for _ in range(6)] == [1, 2, 3, 4, 5, 6]
        assert system.actors["turns-2"].ask(Who())[0] == "turns-2"


def test_children_come_and_go_at_run_time():
    """Law: started behind the others, refused twice, stopped and forgotten."""
    with simulate(9) as sim:
        system = sim.system()
        system.actors.start(ChildSpec(Worker, "late"))
        with pytest.raises(ChildRefused, match="that runs"):
            system.actors.start(ChildSpec(Worker, "late"))
        assert names_of(system.actors.tree()) == ["late"]
        system.actors.stop("late")
        assert names_of(system.actors.tree()) == []
        with pytest.raises(UnknownActor):
            system.actors["late"]
        with pytest.raises(ChildRefused, match="no child"):
            system.actors.stop("late")


def test_a_significant_child_ends_its_supervisor():
    """Law: auto_shutdown stops the others when the one that matters has done its work."""
    with simulate(10) as sim:
        children = [ChildSpec(Worker, "a"), ChildSpec(Worker, "b", restart="transient", significant=True)]
        crew = Supervisor("crew", children, auto_shutdown="any_significant", restart="transient")
        system = sim.system(agents=[crew])
        system.actors["crew/b"].stop(block=False)
        sim.settle()
        assert diary == ["+crew/a", "+crew/b", "-crew/b", "-crew/a"]


def test_the_tree_shows_states_restarts_and_counts():
    """Law: what a person looks for is there: who, how often restarted, how much handled."""
    with simulate(11) as sim:
        system = sim.system(agents=[crew("a")])
        system.actors["crew/a"].tell(Fail())
        system.actors["crew/a"].ask(Add("x"))
        (crew_branch,) = system.actors.tree().children
        (worker,) = crew_branch.children
        assert (worker.name, worker.kind, worker.state, worker.restarts) == ("crew/a", "Worker", "idle", 1)
        assert worker.handled == 2
