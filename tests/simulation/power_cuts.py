"""What every session that the power is cut from needs: its slot files as they were, and the cuts themselves."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from dagger_actors.store.slot_records import CAPACITY, HEAD_BYTES, RECORD_BYTES, slot_folder
from dagger_actors.testing.power import PowerVFS
from dagger_actors.testing.power_states import CrashState

SLOTS_KEPT = 24
"""More records of a slot file than a session ever has in use."""

Slots = Literal["absent", "as it was", "older"]


class SlotFiles:
    """The slot files of a session as they were at each of its promises; they are written around SQLite.

    Args:
        database: The session's database.
    """

    def __init__(self, database: Path) -> None:
        self._folder = slot_folder(database)
        self._moments: dict[int, dict[str, bytes]] = {}

    def note(self, moment: int) -> None:
        """Keep them; ``moment`` is the length of the disk's log."""
        self._moments[moment] = {file.name: _used(file) for file in self._folder.iterdir() if file.suffix == ".slots"}

    def put(self, position: int, database: Path, slots: Slots) -> None:
        """Write them as a power cut may leave them: gone, as they stood in memory, or as they were written back before."""
        moments = [moment for moment in self._moments if moment <= position]
        if slots == "absent" or not moments:
            return
        moment = moments[-1] if slots == "as it was" else random.Random(position).choice(moments)
        folder = slot_folder(database)
        folder.mkdir()
        for name, content in self._moments[moment].items():
            with (folder / name).open("wb") as file:
                file.write(content)
                file.truncate(HEAD_BYTES + CAPACITY * RECORD_BYTES)


def _used(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HEAD_BYTES + SLOTS_KEPT * RECORD_BYTES)


class Played(Protocol):
    """A session as it was played; ``vfs`` has every promise in its log."""

    vfs: PowerVFS


S = TypeVar("S", bound=Played)


def cut_everywhere(
    root: Path,
    seeds: range,
    *,
    play: Callable[[int, Path], S],
    complaints_of: Callable[[CrashState], Iterable[str]],
    go_on: Callable[[S, CrashState, Path, Slots], Iterable[str]],
    per_cut: int,
    continued: int,
) -> tuple[int, int, Counter[str]]:
    """Cut sessions at every place.

    Args:
        root: A folder.
        seeds: Of the sessions.
        play: Plays one, by its seed, in a folder.
        complaints_of: Holds what a cut left against what had been promised by then.
        go_on: Opens what a cut left in a new folder, and tells what is wrong with what comes of it.
        per_cut: States looked at for each cut.
        continued: Each so-manieth is gone on from; 0 = none.

    Returns:
        How many states were looked at, how many gone on from, and what is wrong.
    """
    looked_at = gone_on = 0
    complaints: Counter[str] = Counter()
    for seed in seeds:
        live, cut = root / f"live{seed}", root / f"cut{seed}"
        live.mkdir()
        cut.mkdir()
        story = play(seed, live)
        for state in story.vfs.states(cut, seed=seed, per_cut=per_cut):
            looked_at += 1
            complaints.update(complaints_of(state))
            if continued and looked_at % continued == 0 and (state.folder / "sim.db").exists():
                slots: Slots = ("absent", "as it was", "older")[gone_on % 3]
                gone_on += 1
                complaints.update(go_on(story, state, root / "again", slots))
    print(f"{len(seeds)} sessions, {looked_at} states, {gone_on} gone on from, {len(complaints)} complaints")
    return looked_at, gone_on, complaints
