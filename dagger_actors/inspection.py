"""``ActorSystem.look``: a database to look at only, also where nothing can be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dagger_actors.flow.artifacts.artifact_library import ArtifactReader
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.pubsub.reports.looking import ChannelArchive
from dagger_actors.store.look import Look
from dagger_actors.tasks.reports.looking import TaskArchive

__all__ = ["Inspection"]


class Inspection:
    """What one database holds: no worker is registered, nothing taken over, nothing written.

    Args:
        db: The database; it must exist.
        now_us: The time now, microseconds UTC.

    Attributes:
        flows: Its runs: ``runs``, ``report``, ``explain``, ``resumable``.
        tasks: Its tasks and jobs: ``tasks``, ``report``, ``logs``, ``jobs``, ``job_report``, ``agents``.
        channels: Its channels: ``read``, ``channels``, ``subscriptions``, ``dead_letters``, ``dead_letter``, ``state``.
        artifacts: What is stored: ``get``, ``list``, ``export``.
        path: The database, absolute.

    Raises:
        StoreError: It cannot be read; says why and what to do.
    """

    def __init__(self, db: str | Path, *, now_us: Callable[[], int]) -> None:
        self.path = Path(db).absolute()
        self._look = Look(self.path)
        self.flows = Archive(self._look, now_us)
        self.tasks = TaskArchive(self._look, now_us)
        self.channels = ChannelArchive(self._look, now_us)
        self.artifacts = ArtifactReader(self._look, self.flows.run_key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        self._look.close()
