"""How often a system looks at its file."""

from __future__ import annotations

import asyncio

from dagger_actors import action, task_agent
from dagger_actors.errors import StoreBroken
from dagger_actors.testing.simulation import simulate
from dagger_actors.watch import BEAT_US


@action
async def endless() -> None:
    await asyncio.sleep(3600)


def test_a_run_that_has_just_been_opened_is_looked_after_at_once():
    """Law: a cancel of another process lands within 150 ms, also right after a start in a system that was idle."""
    for seed in range(20):
        with simulate(seed) as sim:
            system = sim.system(actions=[endless])
            sim.advance(60)
            looks = []
            asks = system._paradigms.watch._has_reason
            system._paradigms.watch._has_reason = lambda now_us, asks=asks, looks=looks: (
                looks.append(now_us / 1e6),
                asks(now_us),
            )[1]
            began = sim.now_s
            system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "endless"}]})
            sim.advance(0.5)
            gaps = [after - before for before, after in zip([began, *looks], looks, strict=False)]
            assert gaps[0] <= 0.121, gaps  # nothing of it runs yet
            assert max(gaps[1:]) <= 0.06, gaps


def test_who_looks_wakes_nobody_unless_there_is_something_to_see():
    """Law: of the looks of an idle system only the beats go further than the timer's own thread."""
    with simulate(1) as sim:
        system = sim.system(actions=[endless])
        sim.advance(60)
        asked, looks = [], []
        asks, look = system._paradigms.watch._has_reason, system._paradigms.watch._look
        system._paradigms.watch._has_reason = lambda now_us: (asked.append(now_us), asks(now_us))[1]
        system._paradigms.watch._look = lambda: (looks.append(sim.now_s), look())
        sim.advance(100)
        assert len(asked) >= 190
        # One for each beat, and one that sees what that has written.
        assert len(looks) <= 2 * 100 * 1_000_000 // BEAT_US + 2
        with sim.system(actions=[endless]) as other:
            before = len(looks)
            other.flows.start({"name": "f", "nodes": [{"id": "n", "action": "endless"}]})
            sim.advance(1)
            assert len(looks) > before


def test_a_run_that_only_waits_is_looked_after_less_often_and_hears_a_cancel_in_time():
    """Law: while nothing of a run runs, looks come eight times a second; a cancel lands within 150 ms."""

    @action
    async def fails() -> None:
        raise PermissionError("not yet")

    again = {"try_count": 2, "retry_strategy": {"linear": {"delay_secs": 3600}}}
    for seed in range(10):
        with simulate(seed) as sim:
            system = sim.system(actions=[fails])
            run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "fails", **again}]})
            sim.advance(2 + sim.world.chance.random())
            assert system._paradigms.watch._pace_us() == 120_000
            began = sim.now_s
            assert sim.system().flows.cancel(run.id).state == "cancelled"
            assert sim.now_s - began <= 0.150


def test_a_change_that_could_not_be_looked_at_is_looked_at_again():
    """Law: a read that fails once delays what others want by one look; it does not lose it until the next commit."""
    stopped: list[float] = []

    @task_agent
    async def work(task: int) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.append(sim.now_s)

    with simulate(1) as sim:
        doing, asking = sim.system(agents=[work]), sim.system()
        task = asking.tasks.submit(work, 1)
        sim.advance(2)
        readers, failed = doing._store.readers, []
        query = readers.query

        def fail_once(name, *parameters):
            if name == "read.task_stops" and not failed:
                failed.append(sim.now_s)
                raise StoreBroken(str(sim.path), "once")
            return query(name, *parameters)

        readers.query = fail_once
        task.cancel()
        sim.advance(1)
        assert failed
        assert stopped


def test_a_paradigm_that_cannot_look_does_not_keep_the_others_from_it():
    """Law: flows and tasks share the file, not their failures."""
    with simulate(1) as sim:
        system = sim.system()
        sim.advance(1)
        first, second, *_ = system._paradigms.watch._paradigms
        looks: list[float] = []

        def fail() -> None:
            raise StoreBroken(str(sim.path), "for long")

        first.look = fail
        second.look = lambda: looks.append(sim.now_s)
        other = sim.system()
        sim.advance(2)
        assert looks
        other.stop()


def test_any_number_of_waiters_is_woken_though_the_file_does_not_change_again():
    """Law: one change of the file is looked at for all who wait, however many that is."""

    @task_agent
    async def root(task: int) -> None:
        await asyncio.sleep(1)
        raise TypeError("no")

    @task_agent
    def leaf(task: int) -> int:
        return task

    with simulate(1) as sim:
        system = sim.system(agents=[root, leaf])
        culprit = system.tasks.submit(root, 1)
        leaves = system.tasks.submit_many(leaf, list(range(3500)), depends_on=[culprit])
        waiters = system._paradigms.task_hub.waiters
        futures = [waiters.watch(task.id) for task in leaves]
        sim.advance(2)
        assert culprit.state == "failed"
        assert all(future.is_done() for future in futures)
