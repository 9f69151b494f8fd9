"""A14, artifacts: stored once by their content, verified, out of the way of small outputs, readable by anybody meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, ArtifactRef, Context
from dagger_actors.errors import (
    AmbiguousArtifact,
    ArtifactCorrupt,
    ArtifactMissing,
    BlockingCall,
    ExportRefused,
    RequestError,
    RunNotFound,
    SystemClosed,
    UnknownArtifact,
)
from dagger_actors.store.connection import open_reader, open_writer

SMALL = os.urandom(10 * 1024)
LARGE = os.urandom(100 * 1024)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make(ctx: Context, size_kb: int = 10) -> bytes:
    data = LARGE if size_kb == 100 else SMALL
    ctx.save("note.txt", f"{size_kb} KB", media_type="text/plain")
    return data


def text(length: int) -> str:
    return "x" * length


def saves(ctx: Context, word: str) -> int:
    ctx.save("word.txt", word)
    return len(word)


@pytest.fixture
def actions() -> tuple[Any, ...]:
    return (make, text, saves)


def flow(action: str, **inputs: Any) -> dict[str, Any]:
    given = {name: {"value": value} for name, value in inputs.items()}
    return {"name": action, "nodes": [{"id": "node", "action": action, "inputs": given}]}


def sql(path: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = open_reader(path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def write(path: Path, statement: str, *values: Any) -> None:
    connection = open_writer(path)
    connection.execute(statement, values)
    connection.close()


def stored_files(system: ActorSystem) -> list[Path]:
    return sorted(path for path in Path(f"{system.path}-artifacts").glob("??/*"))


class TestTiers:
    @pytest.mark.parametrize(("size_kb", "data", "location"), [(10, SMALL, "inline"), (100, LARGE, "file")])
    def test_10_kb_lie_inline_and_100_kb_in_a_file_under_their_hash(self, system, size_kb, data, location) -> None:
        """Law: the id is the SHA-256 of the content, wherever that lies."""
        run = system.flows.start(flow("make", size_kb=size_kb))
        output = run.result(timeout=30)["node"]
        assert (output.artifact_id, output.size_bytes) == (digest(data), len(data))
        (entry,) = (one for one in system.artifacts.list(run=run.id) if one.role == "output")
        assert (entry.artifact_id, entry.location, entry.kind) == (digest(data), location, "bytes")
        assert system.artifacts.get(output) == system.artifacts.get(entry) == data
        files = [path.name for path in stored_files(system)]
        assert files == ([digest(data)] if location == "file" else [])

    def test_output_rows_up_to_1_kib_cost_no_artifact(self, system) -> None:
        """Law: JSON of 1,024 bytes lies in its row; one byte more is an artifact."""
        system.flows.start(flow("text", length=1022)).result(timeout=30)
        assert system.artifacts.list() == ()
        assert sql(system.path, "SELECT count(*) FROM artifacts") == [(0,)]
        system.flows.start(flow("text", length=1023)).result(timeout=30)
        assert [(one.kind, one.size_bytes) for one in system.artifacts.list()] == [("json", 1025)]

    def test_the_same_content_is_stored_once(self, system) -> None:
        """Law: two runs that make the same content share one row and one file, and each still names it."""
        first, second = (system.flows.start(flow("make", size_kb=100)) for _ in range(2))
        assert first.result(timeout=30) == second.result(timeout=30)
        assert len(stored_files(system)) == 1
        assert sql(system.path, "SELECT count(*) FROM artifacts WHERE storage_location = 'file'") == [(1,)]
        system.artifacts.put(LARGE, name="again")
        assert len(stored_files(system)) == 1
        named = [one for one in system.artifacts.list() if one.artifact_id == digest(LARGE)]
        assert [one.run_id for one in named] == [second.id, first.id, None]

    def test_two_runs_of_one_flow_never_overwrite_each_other(self, system) -> None:
        """Law: the same node saves under the same name in both; each run keeps its own content."""
        runs = {word: system.flows.start(flow("saves", word=word)) for word in ("one", "three")}
        for word, run in runs.items():
            run.result(timeout=30)
            (entry,) = system.artifacts.list(run=run.id)
            assert (entry.role, entry.name, entry.run_id, entry.node_id) == ("saved", "word.txt", run.id, "node")
            assert system.artifacts.get(entry) == word.encode()

    def test_rows_are_queryable_with_plain_sql_while_the_run_goes_on(self, open_system) -> None:
        """Law: what has been committed is there for any reader, before the run ends."""
        saved, release = threading.Event(), threading.Event()

        def first() -> bytes:
            return SMALL

        def second(first: bytes) -> int:
            saved.set()
            assert release.wait(30)
            return len(first)

        nodes = [{"id": "first", "action": "first"}, {"id": "second", "action": "second", "inputs": {"first": "first"}}]
        system = open_system(first, second)
        run = system.flows.start({"name": "two", "nodes": nodes})
        try:
            assert saved.wait(30)
            query = (
                "SELECT n.node_id, n.state, a.storage_location, a.size_bytes FROM nodes AS n "
                "JOIN artifacts AS a ON a.artifact_id = n.output_artifact_id"
            )
            assert sql(system.path, query) == [("first", "succeeded", "inline", len(SMALL))]
            assert sql(system.path, f"SELECT status FROM runs WHERE run_id = '{run.id}'") == [("running",)]
            assert [one.node_id for one in system.artifacts.list(run=run.id)] == ["first"]
        finally:
            release.set()
        run.result(timeout=30)


class TestCorruption:
    """FAULTS 16: what is no longer what it was is a named error, and the next store of it mends it."""

    @pytest.fixture
    def stored(self, system) -> Path:
        assert system.artifacts.put(LARGE).artifact_id == digest(LARGE)
        (path,) = stored_files(system)
        return path

    def refused(self, system: ActorSystem, tmp_path: Path, error: type[Exception]) -> None:
        with pytest.raises(error, match=digest(LARGE)):
            system.artifacts.get(digest(LARGE))
        with pytest.raises(error):
            system.artifacts.export(digest(LARGE), tmp_path / "out.bin")
        assert not (tmp_path / "out.bin").exists()
        system.artifacts.put(LARGE)
        assert system.artifacts.get(digest(LARGE)) == LARGE

    def test_a_flipped_bit_is_detected(self, system, stored, tmp_path) -> None:
        """Law: same length, other content."""
        data = bytearray(stored.read_bytes())
        data[5000] ^= 1
        stored.write_bytes(data)
        self.refused(system, tmp_path, ArtifactCorrupt)

    def test_a_truncated_file_is_detected(self, system, stored, tmp_path) -> None:
        """Law: a file cut short is not its content."""
        os.truncate(stored, 1000)
        self.refused(system, tmp_path, ArtifactCorrupt)

    def test_a_deleted_file_is_missing(self, system, stored, tmp_path) -> None:
        """Law: a row without its file is told as such."""
        stored.unlink()
        self.refused(system, tmp_path, ArtifactMissing)

    def test_a_link_in_its_place_is_not_followed(self, system, stored, tmp_path) -> None:
        """Law: even to the right content: what is outside the folder is not ours."""
        (tmp_path / "elsewhere").write_bytes(LARGE)
        stored.unlink()
        stored.symlink_to(tmp_path / "elsewhere")
        self.refused(system, tmp_path, ArtifactCorrupt)

    def test_inline_content_is_verified_too(self, system) -> None:
        """Law: a row that was edited does not have its hash."""
        reference = system.artifacts.put(b"small")
        write(system.path, "UPDATE artifacts SET inline_data = ?", b"other")
        with pytest.raises(ArtifactCorrupt, match=reference.artifact_id):
            system.artifacts.get(reference)


class TestPut:
    def test_it_is_durable_on_return_and_named(self, open_system, tmp_path) -> None:
        """Law: what is on the disk when it returns is enough: a copy of the files has it."""
        first = open_system()
        reference = first.artifacts.put("grüße", name="hello.txt", media_type="text/plain")
        (tmp_path / "copy").mkdir()
        for name in ("runs.db", "runs.db-wal"):
            shutil.copy(tmp_path / name, tmp_path / "copy" / name)
        second = open_system(db=tmp_path / "copy" / "runs.db")
        assert second.artifacts.get(reference) == "grüße".encode()
        (entry,) = second.artifacts.list()
        assert (entry.role, entry.name, entry.media_type, entry.run_id) == ("put", "hello.txt", "text/plain", None)
        assert (entry.node_id, entry.invocation_key, entry.attempt, entry.size_bytes) == ("", "", 0, 7)

    def test_one_content_may_have_several_names_and_the_last_media_type_counts(self, system) -> None:
        """Law: names are rows of their own; the same name again is the same row."""
        for name, media_type in (("a", "x/1"), ("b", "x/2"), ("a", "x/3"), ("", "x/4")):
            assert system.artifacts.put(b"1", name=name, media_type=media_type).media_type == media_type
        found = [(one.name, one.media_type) for one in system.artifacts.list()]
        assert found == [("", "x/4"), ("a", "x/3"), ("b", "x/2")]

    def test_an_action_can_load_what_was_put(self, open_system) -> None:
        """Law: the reference travels as an input."""

        def size(artifact: ArtifactRef, ctx: Context) -> int:
            return len(ctx.load(artifact))

        system = open_system(size)
        reference = system.artifacts.put(LARGE)
        given = {"value": {"artifact_id": reference.artifact_id, "kind": "bytes", "size_bytes": len(LARGE)}}
        run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "size", "inputs": {"artifact": given}}]})
        assert run.result(timeout=30) == {"n": len(LARGE)}

    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            ({"data": 5}, "bytes or text, not an int"),
            ({"data": b"", "name": "a\nb"}, "an artifact's name"),
            ({"data": b"", "name": "x" * 201}, "an artifact's name"),
            ({"data": b"", "media_type": ""}, "a media type"),
        ],
    )
    def test_what_cannot_be_stored_or_named_is_refused(self, system, arguments, part) -> None:
        """Law: the caller is told, and nothing is stored."""
        with pytest.raises(RequestError, match=part):
            system.artifacts.put(arguments.pop("data"), **arguments)
        assert system.artifacts.list() == ()

    def test_a_closed_system_takes_nothing(self, open_system) -> None:
        """Law: after leaving, every verb says so."""
        system = open_system()
        reference = system.artifacts.put(b"1")
        system.stop()
        with pytest.raises(SystemClosed):
            system.artifacts.put(b"2")
        with pytest.raises(SystemClosed):
            system.artifacts.get(reference)


class TestFinding:
    def test_six_digits_stand_for_the_whole_when_only_one_begins_so(self, system) -> None:
        """Law: as in git."""
        reference = system.artifacts.put(b"one")
        assert system.artifacts.get(reference.artifact_id[:6]) == b"one"
        assert system.artifacts.find(reference.artifact_id[:20]) == reference.artifact_id

    def test_unknown_ambiguous_and_malformed_ids_are_named_errors(self, system) -> None:
        """Law: the error names what was given, and what to do."""
        for end in "01":
            row = ("abcdef" + end * 58, "bytes", "x", 0, "inline", b"", None, 0)
            write(system.path, "INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *row)
        with pytest.raises(AmbiguousArtifact, match=r"several artifacts begin with 'abcdef'.*give more digits"):
            system.artifacts.get("abcdef")
        assert system.artifacts.find("abcdef0") == "abcdef" + "0" * 58
        with pytest.raises(UnknownArtifact, match="no artifact 'abcde0'"):
            system.artifacts.get("abcde0")
        for wrong in ("abcde", "ABCDEF", "abcdeg", "", "../../etc/passwd", "a" * 65, "%%%%%%", "abcdef\n"):
            with pytest.raises(RequestError, match="is no artifact's id"):
                system.artifacts.get(wrong)

    def test_each_filter_filters(self, system) -> None:
        """Law: run, node, kind and limit each leave out what they do not name."""
        made = system.flows.start(flow("make", size_kb=10))
        made.result(timeout=30)
        long = system.flows.start({"name": "t", "nodes": [{"id": "other", "action": "text", "inputs": {"length": {"value": 2000}}}]})  # fmt: skip
        long.result(timeout=30)
        system.artifacts.put(b"1")

        def found(**filters: Any) -> list[tuple[str | None, str]]:
            return [(one.run_id, one.role) for one in system.artifacts.list(**filters)]

        everything = [(long.id, "output"), (made.id, "output"), (made.id, "saved"), (None, "put")]
        assert found() == everything
        assert found(run=made.id) == [(made.id, "output"), (made.id, "saved")]
        assert found(node="other") == [(long.id, "output")]
        assert found(kind="json") == [(long.id, "output")]
        assert found(kind="bytes", run=long.id) == []
        assert found(limit=2) == everything[:2]
        with pytest.raises(RunNotFound, match="nope"):
            found(run="nope")
        with pytest.raises(RequestError, match="json or bytes, not 'xml'"):
            found(kind="xml")
        with pytest.raises(RequestError, match="node is the id of a node"):
            found(node="")
        for limit in (0, -1, True, 1.5):
            with pytest.raises(RequestError, match="limit"):
                found(limit=limit)

    def test_items_of_a_map_say_which_they_are(self, system) -> None:
        """Law: node, invocation key and attempt lead back to the row."""
        nodes = [{"id": "words", "action": "saves", "map": {"over": "inputs.words", "item": "word"}}]
        run = system.flows.start({"name": "m", "inputs": {"words": ["a", "bb"]}, "nodes": nodes})
        run.result(timeout=30)
        found = [(one.node_id, one.invocation_key, one.attempt, one.size_bytes) for one in system.artifacts.list()]
        assert found == [("words", "0", 1, 1), ("words", "1", 1, 2)]


class TestExport:
    def test_it_writes_the_content_and_leaves_nothing_else(self, system, tmp_path) -> None:
        """Law: one file, no temporary ones."""
        folder = tmp_path / "out"
        folder.mkdir()
        reference = system.artifacts.put(LARGE)
        assert system.artifacts.export(reference.artifact_id[:8], folder / "a.bin") == folder / "a.bin"
        assert [path.name for path in folder.iterdir()] == ["a.bin"]
        assert (folder / "a.bin").read_bytes() == LARGE

    def test_it_overwrites_only_when_told(self, system, tmp_path) -> None:
        """Law: what is there stays as it was, and no temporary file stays behind."""
        reference = system.artifacts.put(b"new")
        folder = tmp_path / "out"
        folder.mkdir()
        path = folder / "a"
        path.write_bytes(b"old")
        with pytest.raises(ExportRefused, match="already"):
            system.artifacts.export(reference, path)
        assert [(one.name, one.read_bytes()) for one in folder.iterdir()] == [("a", b"old")]
        system.artifacts.export(reference, path, overwrite=True)
        assert [(one.name, one.read_bytes()) for one in folder.iterdir()] == [("a", b"new")]

    def test_a_link_in_the_way_is_never_followed(self, system, tmp_path) -> None:
        """Law: a link to elsewhere, whole or dangling, is refused; overwritten, it is the link that goes."""
        reference = system.artifacts.put(b"new")
        target, link = tmp_path / "target", tmp_path / "link"
        link.symlink_to(target)
        with pytest.raises(ExportRefused):
            system.artifacts.export(reference, link)
        assert not target.exists()
        target.write_bytes(b"old")
        system.artifacts.export(reference, link, overwrite=True)
        assert target.read_bytes() == b"old"
        assert not link.is_symlink()
        assert link.read_bytes() == b"new"

    def test_a_place_that_cannot_be_is_one_sentence(self, system, tmp_path) -> None:
        """Law: no folder, a folder, a NUL byte, no name: named, nothing written."""
        reference = system.artifacts.put(b"1")
        (tmp_path / "folder").mkdir()
        for path in (tmp_path / "nowhere" / "a", tmp_path / "folder", Path(f"{tmp_path}/a\0b"), Path("/"), Path("..")):
            with pytest.raises(ExportRefused, match="cannot write"):
                system.artifacts.export(reference, path, overwrite=True)
        assert list((tmp_path / "folder").iterdir()) == []


class TestOnALoop:
    def test_blocking_verbs_refuse_with_advice_and_their_twins_work(self, open_system, tmp_path) -> None:
        """Law: each verb names its twin."""

        async def story() -> None:
            async with open_system() as system:
                artifacts = system.artifacts
                reference = await artifacts.aput(b"1", name="n", media_type="text/x")
                assert await artifacts.aget(reference) == b"1"
                assert [(one.name, one.media_type) for one in await artifacts.alist(kind="bytes", limit=5)] == [("n", "text/x")]  # fmt: skip
                await artifacts.aexport(reference, tmp_path / "a")
                await artifacts.aexport(reference, tmp_path / "a", overwrite=True)
                assert (tmp_path / "a").read_bytes() == b"1"
                for verb, call in {
                    "aget": lambda: artifacts.get(reference),
                    "aput": lambda: artifacts.put(b"1"),
                    "alist": artifacts.list,
                    "aexport": lambda: artifacts.export(reference, tmp_path / "b"),
                }.items():
                    with pytest.raises(BlockingCall, match=f"await artifacts.{verb}"):
                        call()

        asyncio.run(story())
