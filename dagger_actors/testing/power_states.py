"""What a power cut may leave of a disk's log.

At every moment that matters (around each sync, each acknowledgement, each file made, cut or deleted) files are restored as
a disk may hold them that loses its power there:

- what was synced is there;
- of what was written since, any part: each write kept, dropped, torn at a sector of 512 bytes, or, where it made the
  file longer, there in length only; so later writes may have reached the disk before earlier ones;
- a file made or deleted since the last sync of its folder may be there or not.

All of it is what POSIX allows on a disk that writes whole sectors, leaves the bytes beside a write alone and does not
lie about a sync, as SQLite assumes (https://sqlite.org/psow.html). Shared memory (``-shm``) is lost. Files written
around SQLite, such as artifacts and slot files, are not covered.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import assert_never

import msgspec

from dagger_actors.testing.power_log import Acknowledged, Cut, Deleted, Entry, Found, Made, Synced, Written

__all__ = ["SECTOR_BYTES", "CrashState", "crash_states"]


SECTOR_BYTES = 512


class CrashState(msgspec.Struct, frozen=True, kw_only=True):
    """Files as a power cut left them.

    Attributes:
        position: Log entries before the cut.
        variant: Which of the cut's states this is; 0 keeps only what was synced, 1 keeps all, others are drawn.
        folder: Holds the files under their own names; overwritten by the next state.
        acknowledged: Every mark made before the cut, in order.
    """

    position: int
    variant: int
    folder: Path
    acknowledged: tuple[object, ...]


def crash_states(log: Sequence[Entry], into: Path, *, seed: int, per_cut: int = 4) -> Iterator[CrashState]:
    """Restore, one after another, what power cuts along a log may leave.

    Args:
        log: What was done, in order.
        into: An existing empty folder for the restored files.
        seed: Of the draws; the same seed gives the same states.
        per_cut: States for each moment; 1 or more. A moment at which all is synced has only one.

    Yields:
        The states in the order of the log; each is overwritten by the next.
    """
    draw = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    disk = _Disk()
    for position, entry in enumerate(log):
        if not isinstance(entry, Written | Found):
            yield from _cut_at(position, disk, into, draw, per_cut)
        disk.apply(entry)
    yield from _cut_at(len(log), disk, into, draw, per_cut)


def _cut_at(position: int, disk: _Disk, into: Path, draw: random.Random, per_cut: int) -> Iterator[CrashState]:
    for variant in range(per_cut if disk.pending else 1):
        for old in into.iterdir():
            old.unlink()
        for name, content in disk.after_cut(variant, draw).items():
            (into / Path(name).name).write_bytes(content)
        yield CrashState(position=position, variant=variant, folder=into, acknowledged=tuple(disk.marks))


class _Disk:
    """What is durable, and what only the page cache holds."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._contents: dict[int, bytearray] = {}
        self.pending: list[Made | Deleted | Written | Cut] = []
        self.marks: list[object] = []

    def apply(self, entry: Entry) -> None:
        match entry:
            case Acknowledged(mark):
                self.marks.append(mark)
            case Found(name, file, content):
                self._names[name], self._contents[file] = file, bytearray(content)
            case Made(_, file):
                self._contents[file] = bytearray()
                self.pending.append(entry)
            case Written() | Cut():
                self.pending.append(entry)
            case Deleted(_, folder):
                self.pending.append(entry)
                if folder:
                    self._settle(lambda pending: isinstance(pending, Made | Deleted))
            case Synced(file, folder):
                self._settle(lambda pending: folder if isinstance(pending, Made | Deleted) else pending.file == file)
            case _:
                assert_never(entry)

    def after_cut(self, variant: int, draw: random.Random) -> dict[str, bytes]:
        names, contents = dict(self._names), {file: bytearray(content) for file, content in self._contents.items()}
        # Some cuts spare nearly all, some nearly nothing: subsets drawn evenly would all look alike.
        kept = 0.0 if variant == 0 else 1.0 if variant == 1 else draw.choice((0.1, 0.5, 0.9))
        for entry in self.pending:
            if draw.random() < kept:
                _do(entry, names, contents)
            elif variant > 1 and isinstance(entry, Written):
                _damage(entry, contents[entry.file], draw)
        return {name: bytes(contents[file]) for name, file in names.items()}

    def _settle(self, is_synced: Callable[[Made | Deleted | Written | Cut], bool]) -> None:
        rest: list[Made | Deleted | Written | Cut] = []
        for entry in self.pending:
            if is_synced(entry):
                _do(entry, self._names, self._contents)
            else:
                rest.append(entry)
        self.pending = rest


def _do(entry: Made | Deleted | Written | Cut, names: dict[str, int], contents: dict[int, bytearray]) -> None:
    match entry:
        case Made(name, file):
            names[name] = file
        case Deleted(name, _):
            names.pop(name, None)
        case Written(file, offset, data):
            _put(contents[file], offset, data)
        case Cut(file, size):
            del contents[file][size:]
            contents[file].extend(bytes(size - len(contents[file])))
        case _:
            assert_never(entry)


def _damage(entry: Written, content: bytearray, draw: random.Random) -> None:
    """Leave of a write that was not kept: nothing, some of its sectors, or the length it gave the file."""
    end = entry.offset + len(entry.data)
    match draw.choice(("nothing", "nothing", "sectors", "length")):
        case "sectors":
            at = entry.offset
            while at < end:
                stop = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
                if draw.random() < 0.5:
                    _put(content, at, entry.data[at - entry.offset : stop - entry.offset])
                at = stop
        case "length":
            content.extend(bytes(max(0, end - len(content))))


def _put(content: bytearray, offset: int, data: bytes) -> None:
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data
