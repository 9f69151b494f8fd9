"""pykka's own test suite, from its sdist, on our plain actor class: the canary for what we take over and override."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FETCHED_S = 240
PATIENCE_S = 240
PASSING = {"4.5.0": 149}
"""Tests of that version apart from ``test_threading_actor.py``, which is about the threads of pykka's own class."""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pykka")
    wanted = f"pykka=={version('pykka')}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "pykka", wanted, "-d", str(folder)]
    try:
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=FETCHED_S, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"the source of {wanted}, which holds its tests, is not here after {FETCHED_S} s")
    archives = list(folder.glob("pykka-*.tar.gz"))
    if not archives:
        last = (fetched.stderr.strip() or fetched.stdout.strip() or "no output").splitlines()[-1]
        pytest.skip(f"the source of {wanted}, which holds its tests, cannot be fetched: {last}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.mark.timeout(FETCHED_S + 2 * PATIENCE_S)
def test_pykkas_own_suite_passes_on_the_pooled_actor(sdist: Path) -> None:
    """Law: to whoever knows pykka, a plain pooled actor, its ref, its future and its proxies are pykka's."""
    paths = os.pathsep.join([str(sdist), str(HERE), *sys.path])
    command = [
        *(sys.executable, "-m", "pytest", str(sdist / "tests"), "-q", "-p", "pooled_runtime", "-p", "no:cacheprovider"),
        *("--rootdir", str(sdist), "--timeout", "30", "-o", "addopts="),
    ]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=sdist,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) == PASSING.get(version("pykka"), int(passed[1]))
    assert int(passed[1]) >= min(PASSING.values()), "a newer pykka has fewer tests: look at what the plugin replaces"
    turns = re.search(r"pooled turns: (\d+)", run.stdout)
    assert turns is not None
    assert int(turns[1]) > 0, "the suite ran on pykka's own class"
