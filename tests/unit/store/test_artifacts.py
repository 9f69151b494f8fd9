"""Stored content has the hash that is its name, is durable before anything names it, and stays inside its folder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dagger_actors import errors
from dagger_actors.store.artifacts import THRESHOLD_BYTES, Artifact, ArtifactStore
from dagger_actors.store.refusals import translate_os

BIG = bytes(range(256)) * 200


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "runs.db")


def put(store: ArtifactStore, data: bytes = BIG) -> Artifact:
    return store.prepare(data, kind="bytes", media_type="application/octet-stream")


def file_of(store: ArtifactStore, artifact: Artifact) -> Path:
    assert artifact.file_path is not None
    return store.folder / artifact.file_path


def test_small_content_travels_with_the_row(store: ArtifactStore) -> None:
    """Below 32 KiB nothing touches the disk; the row holds the bytes."""
    data = b"x" * (THRESHOLD_BYTES - 1)
    artifact = put(store, data)
    assert (artifact.location, artifact.data, artifact.file_path) == ("inline", data, None)
    assert artifact.artifact_id == hashlib.sha256(data).hexdigest()
    assert not store.folder.exists()
    assert store.verify(artifact.artifact_id, data) is data


def test_large_content_is_a_file_named_by_its_hash(store: ArtifactStore, tmp_path: Path) -> None:
    """From 32 KiB on: two hexadecimal digits, then all of them; nothing temporary stays."""
    data = b"x" * THRESHOLD_BYTES
    artifact = put(store, data)
    name = hashlib.sha256(data).hexdigest()
    assert (artifact.location, artifact.data, artifact.size_bytes) == ("file", None, len(data))
    assert artifact.file_path == f"{name[:2]}/{name}"
    assert file_of(store, artifact) == tmp_path / "runs.db-artifacts" / name[:2] / name
    assert store.load_file(name) == data
    assert list((store.folder / "tmp").iterdir()) == []


def test_the_threshold_is_a_choice(tmp_path: Path) -> None:
    """With 0 even empty content is a file."""
    store = ArtifactStore(tmp_path / "runs.db", threshold=0)
    assert store.load_file(put(store, b"").artifact_id) == b""


def test_the_same_content_is_stored_once(store: ArtifactStore) -> None:
    """A second time the file is verified and left as it is, but young again for the collection."""
    path = file_of(store, put(store))
    os.utime(path, (1, 1))
    before = path.stat()
    assert file_of(store, put(store)) == path
    after = path.stat()
    assert after.st_ino == before.st_ino
    assert after.st_mtime > 1


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def link_elsewhere(path: Path) -> None:
    """A link to the very same content is refused, too: it can change behind our back."""
    target = path.with_name("target")
    path.rename(target)
    path.symlink_to(target)


def link_folder(path: Path) -> None:
    moved = path.parent.with_name("moved")
    path.parent.rename(moved)
    path.parent.symlink_to(moved)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [flip, truncate, empty, link_elsewhere, link_folder, pipe, make_folder])
def test_damage_is_detected_on_read(store: ArtifactStore, damage: Callable[[Path], None]) -> None:
    """Fault 16: flipped, truncated or swapped for something else is an error with the artifact's name."""
    artifact = put(store)
    damage(file_of(store, artifact))
    with pytest.raises(errors.ArtifactCorrupt, match=artifact.artifact_id):
        store.load_file(artifact.artifact_id)


@pytest.mark.parametrize("damage", [flip, truncate, empty, link_elsewhere, pipe])
def test_a_damaged_file_is_replaced_when_its_content_comes_again(
    store: ArtifactStore, damage: Callable[[Path], None]
) -> None:
    """Recomputing heals: the same content stored again is whole again, and no link is followed."""
    artifact = put(store)
    damage(file_of(store, artifact))
    put(store)
    assert not file_of(store, artifact).is_symlink()
    assert store.load_file(artifact.artifact_id) == BIG


def test_a_deleted_file_is_missing(store: ArtifactStore) -> None:
    """Fault 16, deleted: a named error; also before anything was ever stored."""
    with pytest.raises(errors.ArtifactMissing):
        store.load_file("0" * 64)
    artifact = put(store)
    file_of(store, artifact).unlink()
    with pytest.raises(errors.ArtifactMissing, match=artifact.artifact_id):
        store.load_file(artifact.artifact_id)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "A" * 64,
        "0" * 63,
        "0" * 65,
        "0" * 64 + "\n",
        "0" * 63 + "/",
        "é" * 64,
        "\0",
    ],
)
def test_an_id_that_is_none_leads_nowhere(store: ArtifactStore, name: str) -> None:
    """Fault 19: only 64 lower-case hexadecimal digits reach the file system."""
    put(store)
    with pytest.raises(errors.ArtifactMissing):
        store.load_file(name)


def test_inline_content_is_verified_too(store: ArtifactStore) -> None:
    """What comes back from a row is held against its id."""
    artifact = put(store, b"small")
    with pytest.raises(errors.ArtifactCorrupt):
        store.verify(artifact.artifact_id, b"Small")


def test_a_file_is_durable_before_it_can_be_named(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content is synced, then renamed, then the folders are synced; also when another had stored it a moment ago."""
    order: list[str] = []
    sync, rename = os.fsync, os.rename

    def spy_sync(descriptor: int) -> None:
        sync(descriptor)
        order.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().relative_to(store.folder.parent)}")

    def spy_rename(source: Path, target: str, **folders: int) -> None:
        rename(source, target, **folders)
        order.append("rename")

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "rename", spy_rename)
    artifact = put(store)
    shard = f"sync runs.db-artifacts/{artifact.artifact_id[:2]}"
    assert order[:2] == ["sync .", "sync runs.db-artifacts"]
    assert order[2].startswith("sync runs.db-artifacts/tmp/")
    assert order[3:] == ["rename", shard]
    order.clear()
    put(store)
    assert order == [shard]


def test_a_failed_write_leaves_nothing(store: ArtifactStore) -> None:
    """When the place cannot be taken the caller gets an error and no temporary file stays."""
    artifact = put(store)
    make_folder(file_of(store, artifact))
    with pytest.raises(errors.StoreBroken):
        put(store)
    assert list((store.folder / "tmp").iterdir()) == []


LIMITED = """
import resource, signal, sys
from dagger_actors.errors import StoreError
from dagger_actors.store.artifacts import ArtifactStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    ArtifactStore(sys.argv[1]).prepare(b"x" * 100_000, kind="bytes", media_type="x")
except StoreError as error:
    print(type(error).__name__)
"""


def test_a_write_that_stops_half_way_is_an_error(tmp_path: Path) -> None:
    """Fault 5 in an artifact: the system takes a part, then refuses; nothing of it stays under any name."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "runs.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "StoreBroken\n"
    assert [path for path in (tmp_path / "runs.db-artifacts").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.StoreFull),
        (errno.EDQUOT, errors.StoreFull),
        (errno.EROFS, errors.ReadOnlyDatabase),
        (errno.EACCES, errors.ReadOnlyDatabase),
        (errno.EIO, errors.StoreBroken),
        (errno.EMFILE, errors.StoreBroken),
    ],
)
def test_every_refusal_of_the_system_has_one_of_ours(number: int, kind: type[errors.StoreError]) -> None:
    """No space, no permission and a broken disk stay apart."""
    assert type(translate_os(OSError(number, os.strerror(number)), "/x")) is kind


def test_what_dead_writers_left_is_swept_and_what_living_ones_write_is_not(store: ArtifactStore) -> None:
    """A temporary file without its writer's lock goes when the store is opened; a locked one stays."""
    put(store)
    dead, living = store.folder / "tmp" / "1-0", store.folder / "tmp" / "2-0"
    dead.write_bytes(b"half")
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ArtifactStore(store.folder.with_name("runs.db"))
        assert not dead.exists()
        assert living.exists()


def test_a_name_left_by_a_dead_process_of_the_same_id_is_passed_by(store: ArtifactStore) -> None:
    """Process ids come again; a temporary name that is taken is not used."""
    put(store)
    taken = store.folder / "tmp" / f"{os.getpid()}-1"
    taken.write_bytes(b"left")
    artifact = put(store, BIG + b"!")
    assert store.load_file(artifact.artifact_id) == BIG + b"!"
    assert taken.read_bytes() == b"left"


def test_threads_may_store_the_same_content_at_once(store: ArtifactStore) -> None:
    """All succeed, one file stands, whole."""
    found: list[str] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        found.append(put(store).artifact_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert store.load_file(found[0]) == BIG
    assert list((store.folder / "tmp").iterdir()) == []
