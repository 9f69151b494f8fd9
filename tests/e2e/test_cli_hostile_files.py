"""FAULTS 18 as a person meets it: every hostile file through ``validate``, ``run`` and ``list``."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path

import pytest

from dagger_actors.cli.app import main

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"
REFUSED = sorted(path.name for path in HOSTILE.glob("*.yaml") if not path.name.startswith("accepted_"))
ACCEPTED = sorted(path.name for path in HOSTILE.glob("accepted_*.yaml"))
STEERING = set("\x00\x1b\u2028\u202e\ufeff")


def command(*words: str) -> tuple[int, str, str]:
    """Run one command in this process: forty of their own would take half a minute."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    return status, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("verb", ["validate", "run"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_refused_at_its_place_and_leaves_nothing(
    name: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: exit 2 within a second, file:line:column first, nothing that steers a terminal, no traceback, no database."""
    monkeypatch.chdir(tmp_path)
    began = time.thread_time()
    status, out, err = command(verb, str(HOSTILE / name))
    assert time.thread_time() - began < 1
    assert (status, out) == (2, "")
    place = err.split("\n", 1)[0].removeprefix(f"dagger-actors: {HOSTILE / name}:").split(":", 2)
    assert place[0].isdigit(), err
    assert place[1].isdigit(), err
    assert "Traceback" not in err
    assert not set(err) & STEERING
    assert len(err) < 20_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_only_looks_hostile_is_valid_but_for_its_action(name: str) -> None:
    """Law: the files are read as YAML 1.2 means them; what is told is that nobody gave their action."""
    status, _, err = command("validate", str(HOSTILE / name))
    assert status == 2
    assert "'noop'" in err
    assert "not YAML" not in err
    assert not set(err) & STEERING


def test_a_folder_of_hostile_files_is_listed_with_the_good_ones_among_them(tmp_path: Path) -> None:
    """Law: each bad file is one complaint; no file hides another."""
    for name in REFUSED:
        (tmp_path / name).write_bytes((HOSTILE / name).read_bytes())
    (tmp_path / "zz_good.yaml").write_text("name: good\ndescription: here it is\nnodes: [{id: a, action: b}]\n")
    status, out, err = command("list", str(tmp_path))
    assert "here it is" in out
    assert status == 2
    for name in REFUSED:
        assert name in out + err, name
    assert not set(out + err) & STEERING
