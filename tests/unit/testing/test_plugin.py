"""The plugin of pytest, in pytest runs of its own: the fixture, the options, the command that repeats a failure."""

from __future__ import annotations

import re
import shlex
import sys
from importlib.metadata import entry_points

import pytest

FLOW = """
import asyncio
import pytest
from dagger_actors import action
from dagger_actors.testing import explore

SPEC = {"name": "f", "nodes": [{"id": "one", "action": "work"}]}

@action
async def work() -> int:
    await asyncio.sleep(3600)
    return 1

def body(system):
    return system.flows.start(SPEC, run_id="r").result()
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest on the text of a test file, with the plugin as its entry point gives it."""
    for name in ("DAGGER_SEED", "DAGGER_SEEDS", "DAGGER_KILL", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)

    def run_one(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_shop=FLOW + text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)

    return run_one


def test_the_plugin_is_registered_by_an_entry_point() -> None:
    """Law: who installs the package has the fixture; a checkout wants its ``pip install -e .`` once more when it changes."""
    found = [point.value for point in entry_points(group="pytest11") if point.name == "dagger_actors"]
    assert found == ["dagger_actors.testing.plugin"]


def test_the_fixture_gives_a_simulation_in_the_tests_folder(run) -> None:
    """Law: a test that takes ``sim`` needs nothing else; an hour passes at once; its database is in ``tmp_path``."""
    result = run("""
def test_an_hour(sim, tmp_path):
    assert body(sim.system(actions=[work])) == {"one": 1}
    assert sim.now_s >= 3600
    assert sim.seed == 0
    assert sim.path.parent == tmp_path
""")
    result.assert_outcomes(passed=1)


def test_nothing_heavy_is_imported_until_a_test_uses_it(pytester: pytest.Pytester) -> None:
    """Law: who has the package installed and does not use the fixture pays next to nothing."""
    pytester.makepyfile("""
import sys

def test_nothing():
    assert "dagger_actors.testing.plugin" in sys.modules
    loaded = {name for name in sys.modules if name.partition(".")[0] in ("apsw", "pykka", "msgspec", "yaml", "tenacity", "rich")}
    assert loaded == set()
    ours = {name for name in sys.modules if name.startswith("dagger_actors")}
    assert {name for name in ours if not name.startswith("dagger_actors.errors.")} == {
        "dagger_actors", "dagger_actors.errors", "dagger_actors.testing", "dagger_actors.testing.plugin",
        "dagger_actors.testing.replay",
    }
""")
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest").assert_outcomes(passed=1)


SEEDS = """
def test_of_seeds(sim):
    print("seed", sim.seed)
    assert sim.seed != 4, "unlucky"

def test_without(tmp_path):
    pass

@pytest.mark.parametrize("dagger_seed", [70, 71])
def test_of_its_own(sim):
    assert sim.seed in (70, 71)

@pytest.mark.parametrize("size", [1, 2])
def test_beside_another(sim, size):
    assert sim.seed != 4 or size == 1
"""


def test_the_option_seeds_plays_each_test_of_the_fixture_with_so_many(run) -> None:
    """Law: the seeds are parameters, tests without the fixture run once, a test that names its seeds keeps them."""
    result = run(SEEDS, "--dagger-seeds", "4")
    result.assert_outcomes(passed=4 + 1 + 2 + 8)
    result = run(SEEDS, "--dagger-seeds=6", "-v")
    result.assert_outcomes(passed=5 + 1 + 2 + 11, failed=2)
    result.stdout.fnmatch_lines(["*test_of_seeds?seed3? PASSED*", "*test_of_seeds?seed4? FAILED*"])


def test_without_options_the_seed_is_nought_and_the_names_are_plain(run) -> None:
    """Law: an ordinary run is the same each time."""
    result = run(SEEDS, "-v")
    result.assert_outcomes(passed=1 + 1 + 2 + 2)
    result.stdout.fnmatch_lines(["*::test_of_seeds PASSED*"])


def repetition(result: pytest.RunResult) -> list[str]:
    """The first command that a failing run has printed, as words, with this Python."""
    text = str(result.stdout)
    found = re.search(r"repeat it with:\n(?:E +)?\s+(DAGGER_\S.*)$", text, re.MULTILINE)
    assert found is not None, text
    return [
        "env",
        *shlex.split(found[1].replace("python -m pytest", f"{sys.executable} -m pytest -p no:cacheprovider")),
    ]


def test_a_failing_seed_is_printed_as_a_command_that_repeats_it(run, pytester: pytest.Pytester) -> None:
    """Law: the command, as it was printed, runs the failing test with the failing seed and nothing else."""
    result = run(SEEDS, "--dagger-seeds=6", "-k", "test_of_seeds")
    assert "DAGGER_SEED=4 python -m pytest 'test_shop.py::test_of_seeds[seed4]'" in str(result.stdout)
    again = pytester.run(*repetition(result))
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*unlucky*"])
    mixed = run(SEEDS, "--dagger-seeds=6", "-k", "test_beside_another")
    pytester.run(*repetition(mixed)).assert_outcomes(failed=1)


def test_the_option_seed_plays_that_one_and_with_seeds_begins_there(run) -> None:
    """Law: as the variables of the environment."""
    run(SEEDS, "--dagger-seed=9").assert_outcomes(passed=1 + 1 + 2 + 2)
    result = run(SEEDS, "--dagger-seed=3", "--dagger-seeds=2", "-k", "test_of_seeds")
    result.assert_outcomes(passed=1, failed=1)


EXPLORING = """
def test_explores(sim):
    pass

def test_around_every_commit():
    def check(sim):
        deaths = []
        def once(system):
            deaths.append(len(sim.deaths))
            return body(system)
        plan = sim.fates.planned
        assert sim.keep_going(once, actions=[work]) == {"one": 1}
        assert len(deaths) == 1 or plan.commit < 3, "late"
    print(explore(check, seeds=2, crash="every_commit"))
"""


def test_a_failing_exploration_prints_a_command_that_repeats_it(run, pytester: pytest.Pytester) -> None:
    """Law: seed, commit and moment are in the report, and the command plays just that run."""
    result = run(EXPLORING)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.re_match_lines([r".*seed \d+, a worker killed (before|after) commit \d+; repeat it with:"])
    again = pytester.run(*repetition(result))
    again.assert_outcomes(failed=1)
    again.stdout.re_match_lines([r".*late"])
    assert "Explored" not in str(again.stdout)


def test_the_options_reach_explore(run) -> None:
    """Law: one seed, one kill, one run; so many seeds."""
    result = run(EXPLORING, "--dagger-seed=1", "--dagger-kill=before:1", "-k", "around", "-rP")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*Explored(seeds=1, runs=1, commits=0)*"])
    text = """
def test_seeds():
    print(explore(lambda sim: None, seeds=2))
"""
    run(text, "--dagger-seeds=5", "-rP").stdout.fnmatch_lines(["*Explored(seeds=5, runs=5, commits=0)*"])


def test_a_kill_reaches_the_fixture(run) -> None:
    """Law: the option is not ignored: the worker of a test that takes ``sim`` dies there."""
    text = """
from dagger_actors.testing import WorkerKilled

def test_dies(sim):
    with pytest.raises(WorkerKilled):
        body(sim.system(actions=[work]))
    assert sim.deaths == ["w1"]
"""
    run(text, "--dagger-kill=after:2").assert_outcomes(passed=1)
    result = run(text, "--dagger-kill=after:99")
    assert "after commit 99" not in str(result.stdout)  # the test's own failure comes first
    result = run("\ndef test_lives(sim):\n    body(sim.system(actions=[work]))\n", "--dagger-kill=after:99")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*NotRepeatable: a worker was to be killed after commit 99, but only*"])


def test_an_unused_stub_is_an_error_of_a_test_that_passed_and_of_no_other(run) -> None:
    """Law: what failed first is told alone."""
    result = run("""
def test_passes(sim):
    sim.stub("wrok")

def test_fails(sim):
    sim.stub("wrok")
    assert False
""")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*UnusedStub: no worker has loaded an action named 'wrok'*"])


@pytest.mark.parametrize("option", ["--dagger-seed=x", "--dagger-seeds=0", "--dagger-kill=after"])
def test_an_option_that_cannot_be_is_a_usage_error(run, option: str) -> None:
    """Law: refused before anything runs."""
    result = run(SEEDS, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "DAGGER" in str(result.stderr) or "kill" in str(result.stderr)


def test_the_environment_is_as_before_when_the_session_has_ended(pytester: pytest.Pytester, monkeypatch) -> None:
    """Law: the options are this session's alone."""
    import os

    monkeypatch.setenv("DAGGER_SEEDS", "2")
    pytester.makepyfile("def test_it(sim): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--dagger-seed=5", "--dagger-seeds=3")
    result.assert_outcomes(passed=3)
    assert os.environ.get("DAGGER_SEEDS") == "2"
    assert "DAGGER_SEED" not in os.environ


def test_a_fixture_of_ones_own_of_that_name_goes_first(run) -> None:
    """Law: a project that has a ``sim`` already keeps it, seeds and all."""
    result = run(
        """
@pytest.fixture
def sim():
    return "ours"

def test_it(sim):
    assert sim == "ours"
""",
        "--dagger-seeds=5",
    )
    result.assert_outcomes(passed=1)


def test_the_help_names_the_options(run) -> None:
    """Law: they are to be found."""
    text = str(run("", "--help").stdout)
    assert {"--dagger-seeds=N", "--dagger-seed=S", "--dagger-kill=WHEN"} <= set(text.split())
