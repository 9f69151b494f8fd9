"""``artifacts list``, ``get`` and ``export`` as a person types them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys

import msgspec
import pytest

SAVING = """
from dagger_actors import Context, action

@action
def page(ctx: Context) -> bytes:
    ctx.save("../../evil\\u2028name", "hello")
    return bytes(range(256)) * 200

@action
def text() -> str:
    return "x" * 2000
"""
FLOW = """
name: saving
actions: [saving.py]
nodes:
  - {id: page, action: page}
  - {id: text, action: text, dependencies: [page]}
"""
LARGE = bytes(range(256)) * 200


@pytest.fixture
def saved(program):
    (program.folder / "saving.py").write_text(SAVING.replace("\\u2028", ""))
    (program.folder / "saving.yaml").write_text(FLOW)
    done = program("run", "saving.yaml", "--run-id", "one")
    assert done.returncode == 0, done.stderr
    return program


def raw(program, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        program.command(*words), cwd=program.folder, env=program.environment, capture_output=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_list_shows_what_is_stored_and_filters(saved) -> None:
    """Law: one line each; --json the same; each filter leaves something out."""
    lines = saved("artifacts", "list").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["artifact", "size", "kind", "media", "type", "run", "node", "attempt", "name"]
    assert any(line.startswith(hashlib.sha256(LARGE).hexdigest()[:12]) and "51,200" in line for line in lines)

    def roles(*words: str) -> list[tuple[str, str]]:
        done = saved("artifacts", "list", "--json", *words)
        assert done.returncode == 0, done.stderr
        return [(one["node_id"], one["role"]) for one in msgspec.json.decode(done.stdout)]

    everything = [("page", "output"), ("page", "saved"), ("text", "output")]
    assert roles() == roles("--run", "one") == everything
    assert roles("--node", "text") == [("text", "output")]
    assert roles("--kind", "bytes") == everything[:2]
    assert roles("--limit", "1") == everything[:1]
    done = saved("artifacts", "list", "--run", "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no run 'nope'" in done.stderr


def test_get_writes_the_very_bytes_to_stdout_or_to_a_file(saved) -> None:
    """Law: by id or its first digits; a file is not replaced unasked; a wrong id is one sentence."""
    artifact = hashlib.sha256(LARGE).hexdigest()
    assert raw(saved, "artifacts", "get", artifact[:8]).stdout == LARGE
    done = saved("artifacts", "get", artifact, "--output", "out.bin")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "written: out.bin\n")
    assert (saved.folder / "out.bin").read_bytes() == LARGE
    (saved.folder / "out.bin").write_bytes(b"mine")
    for words, part in (
        (("get", artifact, "--output", "out.bin"), "something is there already"),
        (("get", "abc"), "is no artifact's id"),
        (("get", "0000000"), "no artifact '0000000'"),
        (("get", artifact, "--overwrite"), "--overwrite needs a file"),
    ):
        done = saved("artifacts", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert part in done.stderr
        assert "Traceback" not in done.stderr
    assert (saved.folder / "out.bin").read_bytes() == b"mine"
    assert saved("artifacts", "get", artifact, "-o", "out.bin", "--overwrite").returncode == 0
    assert (saved.folder / "out.bin").read_bytes() == LARGE


def test_export_writes_a_run_into_a_folder_and_nothing_outside(saved) -> None:
    """Law: hostile names are encoded; the manifest says what is what; a second time is refused unless told."""
    before = {path.name for path in saved.folder.iterdir()}
    done = saved("artifacts", "export", "one", "out")
    assert (done.returncode, done.stderr) == (0, "3 files and manifest.json in out\n")
    assert {path.name for path in saved.folder.iterdir()} == before | {"out"}
    assert sorted(path.name for path in (saved.folder / "out").iterdir()) == [
        "manifest.json", "page--%2E.%2F..%2Fevilname", "page--output", "text--output.json",
    ]  # fmt: skip
    assert (saved.folder / "out" / "page--output").read_bytes() == LARGE
    assert msgspec.json.decode((saved.folder / "out" / "text--output.json").read_bytes()) == "x" * 2000
    listed = msgspec.json.decode((saved.folder / "out" / "manifest.json").read_bytes())
    assert (listed[0]["file"], listed[0]["artifact"]["node_id"]) == ("page--output", "page")
    assert saved("artifacts", "export", "one", "out").returncode == 2
    assert saved("artifacts", "export", "one", "out", "--overwrite").returncode == 0
    assert saved("artifacts", "export", "nope", "other").returncode == 2
    assert not (saved.folder / "other").exists()


def test_looking_at_artifacts_works_on_a_read_only_folder_and_writes_nothing(saved) -> None:
    """Law: not a file more."""
    before = {path: path.stat().st_mtime_ns for path in saved.folder.rglob("*") if path.is_file()}
    artifact = hashlib.sha256(LARGE).hexdigest()
    assert saved("artifacts", "list").returncode == 0
    assert raw(saved, "artifacts", "get", artifact).stdout == LARGE
    assert {path: path.stat().st_mtime_ns for path in saved.folder.rglob("*") if path.is_file()} == before


def test_a_damaged_artifact_is_one_sentence(saved) -> None:
    """FAULTS 16: exit 2, the artifact named, nothing on stdout."""
    artifact = hashlib.sha256(LARGE).hexdigest()
    path = saved.folder / "dagger.db-artifacts" / artifact[:2] / artifact
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    done = raw(saved, "artifacts", "get", artifact)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"artifact {artifact} of".encode() in done.stderr
    assert b"damaged" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_run_with_a_damaged_output_is_shown_and_computed_again(saved) -> None:
    """FAULTS 16: everything but the output is told, with what to do about it; `retry --from` does it."""
    (saved.folder / "long.yaml").write_text("name: long\nactions: [long.py]\nnodes: [{id: make, action: long}]\n")
    (saved.folder / "long.py").write_text(
        "from dagger_actors import action\n@action\ndef long() -> str:\n    return 'x' * 50_000\n"
    )
    assert saved("run", "long.yaml", "--run-id", "l").returncode == 0
    artifact = hashlib.sha256(b'"' + b"x" * 50_000 + b'"').hexdigest()
    path = saved.folder / "dagger.db-artifacts" / artifact[:2] / artifact
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    shown = saved("show", "l")
    assert (shown.returncode, "make  succeeded" in shown.stdout, "Traceback" in shown.stderr) == (2, True, False), shown
    assert f"its outputs cannot be shown: artifact {artifact} of" in shown.stderr
    assert "compute it again: dagger-actors retry l --from make" in shown.stderr
    assert saved("show", "l", "--json").returncode == 2
    assert saved("why", "l", "make").returncode == 0
    assert saved("graph", "--run", "l").returncode == 0
    assert saved("resume", "l").returncode == 2
    again = saved("retry", "l", "--from", "make")
    assert again.returncode == 0, again.stderr
    assert saved("show", "l").returncode == 0


def test_the_readmes_example_of_looking_runs(saved, repository) -> None:
    """Law: copied as it stands, it prints the failed runs and writes each bytes artifact to a file."""
    blocks = re.findall(r"^```python\n(.*?)^```", (repository / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if "ActorSystem.look" in block)
    assert saved("run", "saving.yaml", "--run-id", "two", "--db", "runs.db").returncode == 0
    assert saved("run", "broken.yaml", "--run-id", "bad", "--db", "runs.db").returncode == 1
    (saved.folder / "example.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=saved.folder, env=saved.environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith("bad fail: ValueError: broken")
    assert (saved.folder / f"{hashlib.sha256(LARGE).hexdigest()[:12]}.bin").read_bytes() == LARGE
