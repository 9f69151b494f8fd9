"""FAULTS 19: whatever nodes, items and artifacts are called, an export writes inside its folder, a file each."""

from __future__ import annotations

import hashlib
import tempfile
import unicodedata
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagger_actors.errors import ArtifactCorrupt, ExportRefused
from dagger_actors.flow.artifacts.artifact_library import ArtifactEntry
from dagger_actors.flow.artifacts.run_export import MANIFEST, ExportedFile, export_run, file_names


def entry(node: str, key: str = "", name: str = "", *, role: str = "saved", attempt: int = 1) -> ArtifactEntry:
    content = repr((node, key, name, role, attempt)).encode("utf-8", "backslashreplace")
    return ArtifactEntry(
        artifact_id=hashlib.sha256(content).hexdigest(), kind="bytes", media_type="text/plain", size_bytes=len(content),
        location="inline", role=role, name=name, run_id="r", node_id=node, invocation_key=key, attempt=attempt,
    )  # fmt: skip


HOSTILE = st.sampled_from(
    ["..", ".", "/", "../../etc/passwd", "/etc/passwd", "\0", "a\0b", "x" * 5000, "x" * 4999 + "y", "é", "e\u0301", "A", "a",
     "CON", "nul", "\x1b[2J", "<script>", "~", "-rf", "manifest.json", "a/b", "a\\b", " ", "%2F", "%", "\n", "\u202e", "", "a--b"]
) | st.text(max_size=30)  # fmt: skip
ENTRIES = st.lists(
    st.builds(entry, HOSTILE, HOSTILE, HOSTILE, role=st.sampled_from(["saved", "output", "step"]), attempt=st.integers(1, 3)),
    max_size=12,
    unique_by=lambda one: (one.node_id, one.invocation_key, one.name, one.role, one.attempt),
)  # fmt: skip


@given(ENTRIES)
@example([entry("A"), entry("a")])
@example([entry("é"), entry("e\u0301")])
@example([entry("x" * 5000), entry("x" * 4999 + "y")])
@example([entry("a--b", "", "c"), entry("a", "b", "c")])
@example([entry("n", "", "f", attempt=1), entry("n", "", "f", attempt=2)])
@example([entry("", "", "", role="saved"), entry("..", "..", "..")])
def test_names_are_plain_and_no_two_alike(entries: list[ArtifactEntry]) -> None:
    """Law: one part of a path, ASCII, not hidden, at most 255 bytes; different also where case or composition is ignored."""
    names = file_names(entries)
    assert len(names) == len(entries)
    for name in names:
        assert name == Path(name).name
        assert name.isascii()
        assert name.isprintable()
        assert not name.startswith((".", "-"))
        assert not set(name) & set('/\\:*?"<>| \0')
        assert 1 <= len(name) <= 255
    folded = {unicodedata.normalize("NFC", name).lower() for name in (*names, MANIFEST)}
    assert len(folded) == len(names) + 1


def content_of(one: ArtifactEntry) -> bytes:
    place = (one.node_id, one.invocation_key, one.name, one.role, one.attempt)
    return repr(place).encode("utf-8", "backslashreplace")


@settings(max_examples=25)  # each file is synced
@given(ENTRIES)
@example([entry("../..", "/", "..")])
def test_an_export_writes_inside_its_folder_and_the_manifest_leads_back(entries: list[ArtifactEntry]) -> None:
    """Law: nothing outside; each file holds what the manifest says it does."""
    with tempfile.TemporaryDirectory() as name:
        outside = Path(name)
        export_run(entries, outside / "out", content_of, overwrite=False)
        assert [path.name for path in outside.iterdir()] == ["out"]
        files = {path.name: path.read_bytes() for path in (outside / "out").iterdir()}
        listed = msgspec.json.decode(files.pop(MANIFEST), type=list[ExportedFile])
        assert {one.file for one in listed} == set(files)
        assert [one.artifact for one in listed] == entries
        for one in listed:
            assert hashlib.sha256(files[one.file]).hexdigest() == one.artifact.artifact_id


def test_names_a_person_would_expect(tmp_path: Path) -> None:
    """Law: plain names stay as they are."""
    entries = [
        entry("fetch", "", "page.html"),
        entry("measure", "red", "", role="output"),
        msgspec.structs.replace(entry("sum", role="output"), kind="json", media_type="application/json"),
        entry("sum", "", "half", role="step"),
    ]
    assert file_names(entries) == ["fetch--page.html", "measure--red--output", "sum--output.json", "sum--step%20half"]


def test_a_folder_that_holds_such_a_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Law: whole or not at all; with overwrite it is replaced."""
    entries = [entry("a", "", "1"), entry("b", "", "2")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b--2").symlink_to("/etc/passwd")
    with pytest.raises(ExportRefused, match="choose an empty folder, or give --overwrite"):
        export_run(entries, tmp_path / "out", content_of, overwrite=False)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b--2"]
    export_run(entries, tmp_path / "out", content_of, overwrite=True)
    assert not (tmp_path / "out" / "b--2").is_symlink()
    assert (tmp_path / "out" / "b--2").read_bytes() == content_of(entries[1])


def test_a_damaged_artifact_ends_the_export_without_a_manifest(tmp_path: Path) -> None:
    """Law: a manifest means that everything is there."""

    def damaged(one: ArtifactEntry) -> bytes:
        raise ArtifactCorrupt("x.db", one.artifact_id)

    with pytest.raises(ArtifactCorrupt):
        export_run([entry("a")], tmp_path / "out", damaged, overwrite=False)
    assert not (tmp_path / "out" / MANIFEST).exists()


@pytest.mark.parametrize("folder", ["nowhere/out", "file", "a\0b"])
def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path, folder: str) -> None:
    """Law: named, with the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportRefused, match="cannot write"):
        export_run([], tmp_path / folder, content_of, overwrite=False)
