"""The plugin of pytest, registered by its entry point: the fixture ``sim``, and options that choose seeds and a kill.

It must cost nothing where it is not used: what simulates is imported by the fixture.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dagger_actors.errors import RequestError
from dagger_actors.testing.replay import KILL, SEED, SEEDS, chosen_kill, chosen_seeds, command, is_chosen

if TYPE_CHECKING:
    from dagger_actors.testing.simulation import Simulation

__all__: list[str] = []

HAS_FAILED = pytest.StashKey[bool]()
OPTIONS = {"dagger_seed": SEED, "dagger_seeds": SEEDS, "dagger_kill": KILL}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; they have the same meaning as the variables of the environment."""
    group = parser.getgroup("dagger_actors", "simulation (dagger_actors.testing)")
    group.addoption("--dagger-seeds", metavar="N", help="play each simulation with so many seeds")
    group.addoption("--dagger-seed", metavar="S", help="play the seed S alone; with --dagger-seeds, begin with it")
    group.addoption("--dagger-kill", metavar="WHEN", help="kill a worker at a commit: before:N or after:N")


def pytest_configure(config: pytest.Config) -> None:
    """Put the options where ``explore`` finds them too, processes of pytest-xdist included, until the session ends."""
    before = {name: os.environ.get(name) for name in OPTIONS.values()}
    for option, name in OPTIONS.items():
        value = config.getoption(option)
        if value is not None:
            os.environ[name] = value
    config.add_cleanup(lambda: _restore(before))
    try:
        chosen_seeds(1)
        chosen_kill()
    except RequestError as error:
        raise pytest.UsageError(str(error)) from None


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses the fixture once for each seed that was chosen, unless it says itself which it wants."""
    if "dagger_seed" not in metafunc.fixturenames or not is_chosen():
        return
    marks = metafunc.definition.iter_markers("parametrize")
    if not any("dagger_seed" in str(mark.args[:1]) for mark in marks):
        metafunc.parametrize("dagger_seed", chosen_seeds(1), ids=lambda seed: f"seed{seed}")


@pytest.fixture
def dagger_seed() -> int:
    """The seed of ``sim``; ``@pytest.mark.parametrize("dagger_seed", range(20))`` asks for others."""
    return 0


@pytest.fixture
def sim(request: pytest.FixtureRequest, dagger_seed: int, tmp_path: Path) -> Iterator[Simulation]:
    """A simulated world: systems started by ``sim.system(...)`` run on virtual time, in an order that the seed gives.

    Its database is in ``tmp_path``. ``--dagger-seeds 100`` runs the test with 100 seeds.
    """
    from dagger_actors.testing.simulation import open_simulation  # noqa: PLC0415 - only now is it needed

    with open_simulation(dagger_seed, tmp_path) as simulation:
        kill = chosen_kill()
        if kill is not None:
            simulation.fates.plan(kill)
        yield simulation
        if not request.node.stash.get(HAS_FAILED, False):
            simulation.finish()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell how to repeat a simulation that failed."""
    report = yield
    seed = _seed_of(item)
    if report.failed and seed is not None:
        item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or call.when == "call"
        # Said here, for after the call the variable that names the test is another one.
        report.sections.append(("dagger_actors", f"seed {seed}; repeat it with:\n  {command(seed, chosen_kill())}"))
    return report


def _seed_of(item: pytest.Item) -> int | None:
    """The seed of a test that uses the fixture ``sim`` of this plugin."""
    given: dict[str, Any] = getattr(item, "funcargs", {})
    seed = given.get("dagger_seed")
    return seed if isinstance(seed, int) and "sim" in given else None
