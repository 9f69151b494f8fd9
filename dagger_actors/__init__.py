"""Durable actors on one SQLite file: flows from YAML that survive ``kill -9``, with no broker and no server."""

from dagger_actors.errors import (
    DaggerError,
    DefinitionError,
    InvalidInputs,
    RunCancelled,
    RunConflict,
    RunEnded,
    RunFailed,
    RunNotFound,
    RunOwned,
    RunPaused,
    RunTimedOut,
)
from dagger_actors.flow.actions import action
from dagger_actors.flow.context import ArtifactRef, Context
from dagger_actors.flow.report import AttemptReport, NodeReport, Report, RunSummary
from dagger_actors.flow.run import Run
from dagger_actors.system import ActorSystem

__all__ = [
    "ActorSystem",
    "ArtifactRef",
    "AttemptReport",
    "Context",
    "DaggerError",
    "DefinitionError",
    "InvalidInputs",
    "NodeReport",
    "Report",
    "Run",
    "RunCancelled",
    "RunConflict",
    "RunEnded",
    "RunFailed",
    "RunNotFound",
    "RunOwned",
    "RunPaused",
    "RunSummary",
    "RunTimedOut",
    "action",
]
