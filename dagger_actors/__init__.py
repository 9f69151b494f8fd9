"""Durable actors on one SQLite file: flows from YAML that survive ``kill -9``, with no broker and no server.

The public names are loaded when they are first used: ``dagger-actors --help`` needs neither the store nor asyncio, whose
loading would double its time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagger_actors.errors import (
        AttemptOver,
        DaggerError,
        DefinitionError,
        InvalidInputs,
        ResourceFailed,
        RunCancelled,
        RunConflict,
        RunEnded,
        RunFailed,
        RunNotFound,
        RunOwned,
        RunPaused,
        RunTimedOut,
        RunValueRefused,
        SchemaRefused,
        SecretMissing,
        StatementFailed,
        StatementRefused,
        StepRefused,
        UnknownResource,
    )
    from dagger_actors.flow.actions import action
    from dagger_actors.flow.artifact_library import ArtifactEntry
    from dagger_actors.flow.context import ArtifactRef, Context
    from dagger_actors.flow.explanation import Explanation
    from dagger_actors.flow.logs import AttemptLog
    from dagger_actors.flow.report import AttemptReport, NodeReport, Report, RunSummary
    from dagger_actors.flow.run import Run
    from dagger_actors.flow.secret import Secret
    from dagger_actors.system import ActorSystem

__all__ = [
    "ActorSystem",
    "ArtifactEntry",
    "ArtifactRef",
    "AttemptLog",
    "AttemptOver",
    "AttemptReport",
    "Context",
    "DaggerError",
    "DefinitionError",
    "Explanation",
    "InvalidInputs",
    "NodeReport",
    "Report",
    "ResourceFailed",
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
    "RunValueRefused",
    "SchemaRefused",
    "Secret",
    "SecretMissing",
    "StatementFailed",
    "StatementRefused",
    "StepRefused",
    "UnknownResource",
    "action",
]

_HOMES = {
    "ActorSystem": "system",
    "ArtifactEntry": "flow.artifact_library",
    "ArtifactRef": "flow.context",
    "AttemptLog": "flow.logs",
    "AttemptReport": "flow.report",
    "Context": "flow.context",
    "Explanation": "flow.explanation",
    "NodeReport": "flow.report",
    "Report": "flow.report",
    "Run": "flow.run",
    "RunSummary": "flow.report",
    "Secret": "flow.secret",
    "action": "flow.actions",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'dagger_actors' has no attribute {name!r}")
    value: object = getattr(import_module(f"dagger_actors.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
