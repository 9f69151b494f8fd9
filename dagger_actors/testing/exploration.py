"""``explore``: one test under many seeds, and with its worker killed around every commit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from dagger_actors.errors import RequestError, SystemClosed
from dagger_actors.testing.errors import NotRepeatable, WorkerKilled
from dagger_actors.testing.replay import Kill, chosen_kill, chosen_seeds, command
from dagger_actors.testing.simulation import Simulation, open_simulation

__all__ = ["Explored", "explore"]

MOST_RUNS = 10_000

Test = Callable[[Simulation], object]


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """What an exploration has covered.

    Attributes:
        seeds: How many seeds were played.
        runs: How often the test ran in all.
        commits: The most commits that one run without a kill has made; 0 when only one kill was played again.
    """

    seeds: int
    runs: int
    commits: int


class Course(msgspec.Struct, frozen=True):
    """What one run has done: its commits, and its turns up to its kill, or all of them."""

    commits: int
    trace: tuple[str, ...]


def explore(
    fn: Test,
    seeds: int | Sequence[int] = 100,
    crash: Literal["every_commit"] | None = None,
    *,
    check: Test | None = None,
    most_runs: int = MOST_RUNS,
) -> Explored:
    """Run a test in a fresh simulation for each seed; with ``crash``, also with a worker killed around each commit.

    With ``crash="every_commit"`` each seed is first played without a kill, which tells its number of commits; then twice
    for each of them, with the worker that makes it killed right before it is written and right after it, when nothing of
    it has been told to anybody. The test must hold each time. Where a worker may die, write it with
    ``Simulation.keep_going``:

    >>> from dagger_actors import action
    >>> from dagger_actors.testing import explore
    >>> @action
    ... def pay(order: str) -> str:
    ...     return f"receipt for {order}"
    >>> FLOW = {"name": "shop", "inputs": {"order": "A17"}, "nodes": [{"id": "pay", "action": "pay"}]}
    >>> def order_is_paid(sim):
    ...     def shop(system):
    ...         return system.flows.start(FLOW, run_id="order-A17").result()
    ...     assert sim.keep_going(shop, actions=[pay]) == {"pay": "receipt for A17"}
    >>> explored = explore(order_is_paid, seeds=2, crash="every_commit")
    >>> explored.runs == 2 * (1 + 2 * explored.commits)
    True

    A failure is what the test raised, with a note: the seed, the commit, the moment, and the command that repeats it.
    ``DAGGER_SEEDS`` in the environment asks for another number of seeds (``replay`` tells more), for a nightly run, say.

    Args:
        fn: The test. It is called again and again, so it must begin anew each time: stubs, counters and the like are made
            inside.
        seeds: How many seeds, from 0, or which; 1 or more.
        crash: ``every_commit``, or None = nobody is killed.
        check: What must hold at the end of each run, called behind ``fn``; with it, ``fn`` may end by its worker's death
            (``WorkerKilled``, or ``SystemClosed`` from what is asked of the dead), and what ``check`` starts goes on with
            what there is.
        most_runs: The most that ``fn`` may be run; more is refused as soon as it shows.

    Returns:
        What was covered.

    Raises:
        RequestError: An argument or the environment says what it cannot, or this would be more than ``most_runs``.
        NotRepeatable: The test does not do the same for the same seed.
        BaseException: Whatever the test raises.
    """
    _refuse_arguments(fn, crash, check, most_runs)
    chosen, kill = chosen_seeds(seeds), chosen_kill()
    runs = commits = 0
    for played, seed in enumerate(chosen):
        if kill is not None:
            _play(fn, check, seed, kill)
            runs += 1
            continue
        first = _play(fn, check, seed, None)
        runs, commits = runs + 1, max(commits, first.commits)
        each = 2 * first.commits if crash is not None else 0
        expected = runs + each + (len(chosen) - played - 1) * (1 + each)
        if expected > most_runs:
            raise RequestError(
                f"{len(chosen):,} seeds, of which the seed {seed} makes {first.commits:,} commits, are about {expected:,} "
                f"runs: give fewer `seeds`, or `most_runs` more than {most_runs:,}"
            )
        for at in _kills(first) if crash is not None else ():
            course = _play(fn, check, seed, at)
            _compare(seed, at, course, first)
            runs += 1
    return Explored(seeds=len(chosen), runs=runs, commits=commits)


def _refuse_arguments(fn: Test, crash: str | None, check: Test | None, most_runs: int) -> None:
    for name, function in (("fn", fn), *((("check", check),) if check is not None else ())):
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise RequestError(f"`{name}` of explore is a plain function of the simulation, not {function!r:.100}")
    if crash not in ("every_commit", None):
        raise RequestError(f"`crash` is 'every_commit' or None, not {crash!r:.100}")
    if type(most_runs) is not int or most_runs < 1:
        raise RequestError(f"`most_runs` is a whole number, 1 or more, not {most_runs!r:.100}")


def _kills(course: Course) -> Iterator[Kill]:
    for commit in range(1, course.commits + 1):
        yield Kill(commit, "before")
        yield Kill(commit, "after")


def _play(fn: Test, check: Test | None, seed: int, kill: Kill | None) -> Course:
    try:
        with open_simulation(seed) as sim:
            if kill is not None:
                sim.fates.plan(kill)
            try:
                fn(sim)
            except (WorkerKilled, SystemClosed):
                if check is None or not sim.deaths:
                    raise
            course = Course(sim.fates.commits, tuple(sim.world.trace[: sim.fates.killed_at]))
            if check is not None:
                check(sim)
            sim.finish()
            return course
    except BaseException as error:
        _note(error, seed, kill)
        raise


def _note(error: BaseException, seed: int, kill: Kill | None) -> None:
    death = "" if kill is None else f", a worker killed {kill.moment} commit {kill.commit}"
    if kill is not None and isinstance(error, WorkerKilled | SystemClosed):
        error.add_note(
            "the test does not go on when its worker dies: write it with `sim.keep_going`, or give a `check`"
        )
    error.add_note(f"seed {seed}{death}; repeat it with:\n  {command(seed, kill)}")


def _compare(seed: int, kill: Kill, course: Course, first: Course) -> None:
    """Up to its kill a run must be the run without one, or the kill is not where it is said to be."""
    for step, (turn, expected) in enumerate(zip(course.trace, first.trace, strict=False)):
        if turn != expected:
            error = NotRepeatable(f"the turn {step} is {turn!r}, and was {expected!r} when nobody was killed")
            _note(error, seed, kill)
            raise error
