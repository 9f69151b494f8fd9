"""Durable actors on one SQLite file: flows from YAML that survive ``kill -9``, with no broker and no server.

The public names are loaded when they are first used: ``dagger-actors --help`` needs neither the store nor asyncio, whose
loading would double its time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagger_actors.bodies.actions import action
    from dagger_actors.bodies.artifact_ref import ArtifactRef
    from dagger_actors.bodies.secret import Secret
    from dagger_actors.errors import (
        ActorClassError,
        ActorError,
        ActorLimit,
        ActorStopped,
        AskInsideHandler,
        AttemptOver,
        ChildRefused,
        ConfigRefused,
        DaggerError,
        DefinitionError,
        InvalidInputs,
        MailboxFull,
        MessageRefused,
        MessageUnhandled,
        NameTaken,
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
        SupervisorFailed,
        SystemFailed,
        TooManyActors,
        UnknownActor,
        UnknownResource,
    )
    from dagger_actors.flow.artifact_library import ArtifactEntry
    from dagger_actors.flow.context import Context
    from dagger_actors.flow.explanation import Explanation
    from dagger_actors.flow.logs import AttemptLog
    from dagger_actors.flow.report import AttemptReport, NodeReport, Report, RunSummary
    from dagger_actors.flow.run import Run
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.bounds import MailboxSpec
    from dagger_actors.supervised.context import ActorContext, Terminated
    from dagger_actors.supervised.handlers import handler
    from dagger_actors.supervised.ref import Ref, tell_all
    from dagger_actors.supervised.spec import BackOff, ChildSpec, Supervisor
    from dagger_actors.supervised.undelivered import Undelivered
    from dagger_actors.system import ActorSystem

__all__ = [
    "Actor",
    "ActorClassError",
    "ActorContext",
    "ActorError",
    "ActorLimit",
    "ActorStopped",
    "ActorSystem",
    "ArtifactEntry",
    "ArtifactRef",
    "AskInsideHandler",
    "AttemptLog",
    "AttemptOver",
    "AttemptReport",
    "BackOff",
    "ChildRefused",
    "ChildSpec",
    "ConfigRefused",
    "Context",
    "DaggerError",
    "DefinitionError",
    "Explanation",
    "InvalidInputs",
    "MailboxFull",
    "MailboxSpec",
    "MessageRefused",
    "MessageUnhandled",
    "NameTaken",
    "NodeReport",
    "Ref",
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
    "Supervisor",
    "SupervisorFailed",
    "SystemFailed",
    "Terminated",
    "TooManyActors",
    "Undelivered",
    "UnknownActor",
    "UnknownResource",
    "action",
    "handler",
    "tell_all",
]

_HOMES = {
    "Supervisor": "supervised.spec",
    "ChildSpec": "supervised.spec",
    "BackOff": "supervised.spec",
    "handler": "supervised.handlers",
    "Undelivered": "supervised.undelivered",
    "Terminated": "supervised.context",
    "Ref": "supervised.ref",
    "MailboxSpec": "supervised.bounds",
    "ActorContext": "supervised.context",
    "Actor": "supervised.actor",
    "ActorSystem": "system",
    "ArtifactEntry": "flow.artifact_library",
    "ArtifactRef": "bodies.artifact_ref",
    "AttemptLog": "flow.logs",
    "AttemptReport": "flow.report",
    "Context": "flow.context",
    "Explanation": "flow.explanation",
    "NodeReport": "flow.report",
    "Report": "flow.report",
    "Run": "flow.run",
    "RunSummary": "flow.report",
    "Secret": "bodies.secret",
    "action": "bodies.actions",
    "tell_all": "supervised.ref",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'dagger_actors' has no attribute {name!r}")
    value: object = getattr(import_module(f"dagger_actors.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
