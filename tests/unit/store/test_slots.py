"""The slot file tells, after any death of its process, exactly what had begun and what had ended."""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from dagger_actors.errors import StoreBroken
from dagger_actors.store.slot_records import (
    END_AT,
    HEAD_BYTES,
    PAYLOAD_AT,
    PAYLOAD_ROOM_BYTES,
    RECORD_BYTES,
    SlotRecord,
    is_gone,
    read_slots,
    slot_folder,
)
from dagger_actors.store.slots import SlotFile


@pytest.fixture
def slots(tmp_path: Path) -> Iterator[SlotFile]:
    file = SlotFile.create(slot_folder(tmp_path / "runs.db"), 7, capacity=4)
    yield file
    file.close()


def record(run_key: int = 1, *, payload: bytes | None = None, has_begun: bool = False) -> SlotRecord:
    return SlotRecord(
        run_key=run_key,
        node=2,
        item=-1,
        attempt=3,
        started_us=1_700_000_000_000_000,
        payload=payload,
        has_begun=has_begun or payload is not None,
    )


def begin(slots: SlotFile, run_key: int = 1) -> int:
    return slots.start(run_key, 2, -1, 3, 1_700_000_000_000_000)


def test_the_file_lies_beside_the_database_under_the_workers_id(slots: SlotFile, tmp_path: Path) -> None:
    """Whoever knows the database and the worker finds the file."""
    assert slots.path == tmp_path / "runs.db-workers" / "7.slots"
    assert slots.capacity == 4


def test_a_started_slot_reads_as_started_and_an_ended_one_with_its_message(slots: SlotFile) -> None:
    """start, end and free each show at once to whoever reads the file."""
    first, second = begin(slots, 1), begin(slots, 2)
    assert (first, second) == (0, 1)
    assert read_slots(slots.path) == [record(1), record(2)]
    slots.begin(first)
    assert read_slots(slots.path) == [record(1, has_begun=True), record(2)]
    assert slots.end(first, b"done")
    assert read_slots(slots.path) == [record(1, payload=b"done"), record(2)]
    slots.free(first)
    assert read_slots(slots.path) == [record(2)]


def test_a_mark_names_the_piece_that_is_at_work_and_a_torn_one_names_none(slots: SlotFile) -> None:
    """Law: of a body that does several pieces the record names the last one begun; a death within the mark itself, when no
    piece is at work, leaves nothing that looks like one."""
    slot = begin(slots)
    slots.mark(slot, 9, 41)
    marked = msgspec.structs.replace(record(9, has_begun=True), item=41)
    assert read_slots(slots.path) == [marked]
    slots.mark(slot, 9, 42)
    assert read_slots(slots.path) == [msgspec.structs.replace(marked, item=42)]
    whole = slots.path.read_bytes()
    slots.mark(slot, 8, 43)
    changed = [at for at, (one, other) in enumerate(zip(whole, slots.path.read_bytes(), strict=True)) if one != other]
    for cut in changed[1:]:
        torn = bytearray(whole)
        torn[changed[0] : cut] = slots.path.read_bytes()[changed[0] : cut]
        slots.path.with_name("torn").write_bytes(torn)
        assert read_slots(slots.path.with_name("torn")) == []
    slots.end(slot, b"")
    assert read_slots(slots.path) == [msgspec.structs.replace(marked, run_key=8, item=43, payload=b"")]


def test_extreme_values_come_back(slots: SlotFile) -> None:
    """Sixty-four bits and an empty or largest payload fit."""
    slot = slots.start(2**63 - 1, 10**6, 10**6, 2**31 - 1, 2**62)
    for payload in (b"", b"x" * PAYLOAD_ROOM_BYTES):
        assert slots.end(slot, payload)
        (found,) = read_slots(slots.path)
        assert (found.run_key, found.node, found.attempt, found.payload) == (2**63 - 1, 10**6, 2**31 - 1, payload)


def test_a_payload_that_does_not_fit_leaves_the_slot_started(slots: SlotFile) -> None:
    """Too large a message is told; recovery then sees an attempt that never ended."""
    slot = begin(slots)
    assert not slots.end(slot, b"x" * (PAYLOAD_ROOM_BYTES + 1))
    assert read_slots(slots.path) == [record()]


def test_when_all_slots_are_taken_it_says_so(slots: SlotFile) -> None:
    """The fifth of four is -1; a freed slot is taken again, without its old message."""
    taken = [begin(slots) for _ in range(4)]
    assert begin(slots) == -1
    slots.end(taken[2], b"old")
    slots.free(taken[2])
    assert begin(slots, 9) == taken[2]
    assert record(9) in read_slots(slots.path)


def test_freeing_twice_is_a_mistake(slots: SlotFile) -> None:
    """A slot freed twice would be given to two attempts."""
    slot = begin(slots)
    slots.free(slot)
    with pytest.raises(AssertionError, match="free already"):
        slots.free(slot)


class Recorder(bytearray):
    """Stands in for the mapping and keeps an image before and after each item store; those between are seen by then."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.images = [bytes(content)]

    def __setitem__(self, key: object, value: object) -> None:
        self.images.append(bytes(self))
        super().__setitem__(key, value)  # type: ignore[call-overload,assignment,index] - any of bytearray's own
        self.images.append(bytes(self))


def torn(images: list[bytes], draw: random.Random) -> Iterator[bytes]:
    """Every image between two stores, byte by byte, upwards, downwards and shuffled."""
    for before, after in itertools.pairwise(images):
        changed = [at for at in range(len(before)) if before[at] != after[at]]
        for order in (changed, changed[::-1], draw.sample(changed, len(changed))):
            image = bytearray(before)
            yield bytes(image)
            for at in order:
                image[at] = after[at]
                yield bytes(image)


@pytest.mark.parametrize("verb", ["start", "start again", "end", "end again", "free"])
def test_a_kill_between_any_two_bytes_leaves_the_old_record_or_the_new(tmp_path: Path, verb: str) -> None:
    """Whatever byte of whatever store comes last, a reader sees the state before or after, nothing else."""
    slots = SlotFile.create(tmp_path, 1, capacity=2)
    acts: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "start": (lambda: None, lambda: begin(slots, 5)),
        "start again": (
            lambda: (begin(slots, 77), slots.end(0, b"old message"), slots.free(0)),
            lambda: begin(slots, 5),
        ),
        "end": (lambda: begin(slots, 5), lambda: slots.end(0, b"a message")),
        "end again": (
            lambda: (begin(slots, 4), slots.end(0, b"longer, older message"), slots.free(0), begin(slots, 5)),
            lambda: slots.end(0, b"a message"),
        ),
        "free": (lambda: (begin(slots, 5), slots.end(0, b"a message")), lambda: slots.free(0)),
    }
    prepare, act = acts[verb]
    prepare()
    old = read_slots(slots.path)
    mapping, recorder = slots._map, Recorder(slots.path.read_bytes())
    slots._map = recorder  # type: ignore[assignment] - the same verbs as an mmap
    act()
    slots._map = mapping
    slots.close()
    seen = []
    for image in torn([*recorder.images, bytes(recorder)], random.Random(1)):
        slots.path.write_bytes(image)
        seen.append(read_slots(slots.path))
    new = seen[-1]
    assert old != new
    assert all(found in (old, new) for found in seen)
    assert len(seen) > 3


@pytest.mark.parametrize("at", [PAYLOAD_AT, END_AT, END_AT + 3, END_AT + 4])
def test_a_damaged_message_reads_as_never_ended(slots: SlotFile, at: int) -> None:
    """A payload that does not match its checksum is not believed; that the attempt began still is."""
    slots.end(begin(slots), b"a message")
    slots._map[HEAD_BYTES + at] ^= 1
    assert [found.payload for found in read_slots(slots.path)] == [None]


def test_a_damaged_start_is_passed_over(slots: SlotFile) -> None:
    """A record whose fields do not match their checksum names no attempt."""
    begin(slots, 1)
    begin(slots, 2)
    slots._map[HEAD_BYTES + 8] ^= 0xFF
    assert [found.run_key for found in read_slots(slots.path)] == [2]


@pytest.mark.parametrize("size", [0, 10, HEAD_BYTES, HEAD_BYTES + RECORD_BYTES])
def test_a_file_whose_worker_died_while_making_it_is_empty(slots: SlotFile, size: int) -> None:
    """Before its head is whole a file tells nothing, and nothing was started."""
    os.truncate(slots.path, size)
    assert read_slots(slots.path) == []


def test_a_missing_file_is_a_dead_worker_with_nothing_begun(tmp_path: Path) -> None:
    """Somebody else may have cleaned up first."""
    assert is_gone(tmp_path, "3.slots")
    assert read_slots(tmp_path / "3.slots") == []


def test_the_owner_lives_until_it_closes(slots: SlotFile) -> None:
    """The lock is held from create to close, is asked without harm, and cannot be taken twice."""
    folder = slots.path.parent
    assert not is_gone(folder, "7.slots")
    assert not is_gone(folder, "7.slots")
    with pytest.raises(StoreBroken, match="a live process holds it"):
        SlotFile.create(folder, 7)
    slots.close()
    assert is_gone(folder, "7.slots")
    slots.close()


def test_two_who_ask_at_once_do_not_take_each_other_for_the_owner(slots: SlotFile) -> None:
    """Asking takes no exclusive lock: while one asker looks, another still sees the dead as gone."""
    slots.close()
    with slots.path.open("rb") as asker:
        fcntl.flock(asker, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert is_gone(slots.path.parent, "7.slots")


def test_a_dead_workers_file_is_overwritten(slots: SlotFile) -> None:
    """A database made anew beside an old folder starts with empty slots."""
    begin(slots)
    slots.close()
    again = SlotFile.create(slots.path.parent, 7, capacity=2)
    assert read_slots(again.path) == []
    again.remove()
    assert not again.path.exists()


@pytest.mark.parametrize("name", ["../x.slots", "/etc/passwd", "", "x.slots", "1.slots\n", "1.slots/../2.slots", "a\0"])
def test_a_name_that_is_no_slot_file_is_refused(tmp_path: Path, name: str) -> None:
    """Fault 19: a row that somebody edited does not lead outside the folder."""
    with pytest.raises(StoreBroken, match="no name of a slot file"):
        is_gone(tmp_path, name)


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    """A link is neither followed nor overwritten."""
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "1.slots").symlink_to(tmp_path / "target")
    for act in (lambda: is_gone(tmp_path, "1.slots"), lambda: SlotFile.create(tmp_path, 1)):
        with pytest.raises(StoreBroken):
            act()
    assert (tmp_path / "target").read_bytes() == b"precious"


WORKER = """
import subprocess, sys
from pathlib import Path
from dagger_actors.store.slots import SlotFile
slots = SlotFile.create(Path(sys.argv[1]), 1)
slots.end(slots.start(1, 2, -1, 3, 1_700_000_000_000_000), b"ended")
slots.start(2, 2, -1, 3, 1_700_000_000_000_000)
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=sys.stdin, close_fds=False)
print(child.pid, flush=True)
child.wait()
"""


def test_after_kill_9_the_worker_is_gone_and_its_slots_tell_all(tmp_path: Path) -> None:
    """The system frees the lock of a killed process, though a program that it had started lives on."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    assert not is_gone(tmp_path, "1.slots")
    worker.kill()
    worker.wait(timeout=30)
    os.kill(child, 0)  # raises if the grandchild does not live
    assert is_gone(tmp_path, "1.slots")
    assert read_slots(tmp_path / "1.slots") == [record(1, payload=b"ended"), record(2)]
    os.kill(child, signal.SIGKILL)
    worker.communicate(timeout=30)


def test_threads_share_the_slots(tmp_path: Path) -> None:
    """No slot is given to two attempts at once, and none is lost."""
    slots = SlotFile.create(tmp_path, 1, capacity=8)
    owners: list[int | None] = [None] * 8
    clashes: list[int] = []

    def work(me: int) -> None:
        for n in range(2000):
            slot = slots.start(me, n, -1, 1, 0)
            if slot < 0:
                continue
            if owners[slot] is not None:
                clashes.append(slot)
            owners[slot] = me
            slots.end(slot, b"x" * (n % 50))
            owners[slot] = None
            slots.free(slot)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert clashes == []
    assert sorted(begin(slots) for _ in range(9)) == [-1, *range(8)]
    slots.close()
