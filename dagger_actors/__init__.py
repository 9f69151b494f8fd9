"""Durable actors on one SQLite file: flows from YAML and tasks that survive ``kill -9``, with no broker and no server.

The public names are loaded when they are first used: ``dagger-actors --help`` needs neither the store nor asyncio, whose
loading would double its time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagger_actors.bodies.actions import action
    from dagger_actors.bodies.artifact_ref import ArtifactRef
    from dagger_actors.bodies.secret import Secret
    from dagger_actors.bodies.snooze import Snooze
    from dagger_actors.bridges.trigger import Trigger
    from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy
    from dagger_actors.errors import (
        ActorClassError,
        ActorError,
        ActorLimit,
        ActorStopped,
        AgentsMissing,
        AskInsideHandler,
        AttemptOver,
        ChildRefused,
        ConfigRefused,
        DaggerError,
        DefinitionError,
        DependencyCycle,
        Fatal,
        GrowthRefused,
        HookRefused,
        InvalidInputs,
        JobCancelled,
        JobClosed,
        JobConflict,
        JobEnded,
        JobFailed,
        JobNotFound,
        JobPaused,
        MailboxFull,
        MessageRefused,
        MessageUnhandled,
        NameTaken,
        PayloadRefused,
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
        SharedConflict,
        SharedRefused,
        SpawnMismatch,
        SpawnRefused,
        StatementFailed,
        StatementRefused,
        StepRefused,
        SupervisorFailed,
        SystemFailed,
        TaskBlocked,
        TaskCancelled,
        TaskChanged,
        TaskConflict,
        TaskEnded,
        TaskFailed,
        TaskNotFound,
        TaskPaused,
        TaskQueueFull,
        TaskRejected,
        TaskTransitionRefused,
        TooManyActors,
        UnknownActor,
        UnknownAgent,
        UnknownDependency,
        UnknownResource,
    )
    from dagger_actors.flow.artifact_library import ArtifactEntry
    from dagger_actors.flow.building.flow import Flow
    from dagger_actors.flow.building.sources import Map, Node, Value
    from dagger_actors.flow.commands import (
        AddNodes,
        CancelNode,
        CancelRun,
        EmitEvent,
        PauseRun,
        ResumeRun,
        SetInputs,
    )
    from dagger_actors.flow.context import Context
    from dagger_actors.flow.definition.calls import HookEvent, NodeError
    from dagger_actors.flow.explanation import Explanation
    from dagger_actors.flow.happened import Event
    from dagger_actors.flow.logs import AttemptLog
    from dagger_actors.flow.report import AttemptReport, NodeReport, Report, RunSummary
    from dagger_actors.flow.run import Run
    from dagger_actors.pubsub.channel import Channel
    from dagger_actors.pubsub.report import (
        ChannelSummary,
        DeadLetterReport,
        DeadLetterSummary,
        Published,
        StoredMessage,
        SubscriptionSummary,
    )
    from dagger_actors.pubsub.run_report import RunReport, SubscriptionRun
    from dagger_actors.pubsub.subscribe import subscribe
    from dagger_actors.pubsub.subscriber import Subscriber
    from dagger_actors.pubsub.turns.context import TurnContext
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.bounds import MailboxSpec
    from dagger_actors.supervised.context import ActorContext, Terminated
    from dagger_actors.supervised.handlers import handler
    from dagger_actors.supervised.ref import Ref, tell_all
    from dagger_actors.supervised.spec import BackOff, ChildSpec, Supervisor
    from dagger_actors.supervised.undelivered import Undelivered
    from dagger_actors.system import ActorSystem
    from dagger_actors.tasks.agent import TaskAgent, task_agent
    from dagger_actors.tasks.child import Child
    from dagger_actors.tasks.context import TaskContext
    from dagger_actors.tasks.job import Job
    from dagger_actors.tasks.report import AgentSummary, JobProgress, JobReport, JobSummary, TaskReport, TaskSummary
    from dagger_actors.tasks.results import Cancel, Stall
    from dagger_actors.tasks.task import Task

__all__ = [
    "Actor",
    "ActorClassError",
    "ActorContext",
    "ActorError",
    "ActorLimit",
    "ActorStopped",
    "ActorSystem",
    "AddNodes",
    "AgentSummary",
    "AgentsMissing",
    "ArtifactEntry",
    "ArtifactRef",
    "AskInsideHandler",
    "AttemptLog",
    "AttemptOver",
    "AttemptReport",
    "BackOff",
    "Cancel",
    "CancelNode",
    "CancelRun",
    "Channel",
    "ChannelSummary",
    "Child",
    "ChildRefused",
    "ChildSpec",
    "ConfigRefused",
    "Context",
    "DaggerError",
    "DeadLetterReport",
    "DeadLetterSummary",
    "DefinitionError",
    "DependencyCycle",
    "EmitEvent",
    "Event",
    "Explanation",
    "Exponential",
    "Fatal",
    "Flow",
    "GrowthRefused",
    "HookEvent",
    "HookRefused",
    "Immediate",
    "InvalidInputs",
    "Job",
    "JobCancelled",
    "JobClosed",
    "JobConflict",
    "JobEnded",
    "JobFailed",
    "JobNotFound",
    "JobPaused",
    "JobProgress",
    "JobReport",
    "JobSummary",
    "Linear",
    "MailboxFull",
    "MailboxSpec",
    "Map",
    "MessageRefused",
    "MessageUnhandled",
    "NameTaken",
    "Node",
    "NodeError",
    "NodeReport",
    "PauseRun",
    "PayloadRefused",
    "Published",
    "Ref",
    "Report",
    "ResourceFailed",
    "ResumeRun",
    "RetryPolicy",
    "Run",
    "RunCancelled",
    "RunConflict",
    "RunEnded",
    "RunFailed",
    "RunNotFound",
    "RunOwned",
    "RunPaused",
    "RunReport",
    "RunSummary",
    "RunTimedOut",
    "RunValueRefused",
    "SchemaRefused",
    "Secret",
    "SecretMissing",
    "SetInputs",
    "SharedConflict",
    "SharedRefused",
    "Snooze",
    "SpawnMismatch",
    "SpawnRefused",
    "Stall",
    "StatementFailed",
    "StatementRefused",
    "StepRefused",
    "StoredMessage",
    "Subscriber",
    "SubscriptionRun",
    "SubscriptionSummary",
    "Supervisor",
    "SupervisorFailed",
    "SystemFailed",
    "Task",
    "TaskAgent",
    "TaskBlocked",
    "TaskCancelled",
    "TaskChanged",
    "TaskConflict",
    "TaskContext",
    "TaskEnded",
    "TaskFailed",
    "TaskNotFound",
    "TaskPaused",
    "TaskQueueFull",
    "TaskRejected",
    "TaskReport",
    "TaskSummary",
    "TaskTransitionRefused",
    "Terminated",
    "TooManyActors",
    "Trigger",
    "TurnContext",
    "Undelivered",
    "UnknownActor",
    "UnknownAgent",
    "UnknownDependency",
    "UnknownResource",
    "Value",
    "action",
    "handler",
    "subscribe",
    "task_agent",
    "tell_all",
]

_HOMES = {
    "TaskSummary": "tasks.report",
    "TaskReport": "tasks.report",
    "Task": "tasks.task",
    "JobSummary": "tasks.report",
    "JobReport": "tasks.report",
    "JobProgress": "tasks.report",
    "Job": "tasks.job",
    "AgentSummary": "tasks.report",
    "TaskAgent": "tasks.agent",
    "TaskContext": "tasks.context",
    "Child": "tasks.child",
    "task_agent": "tasks.agent",
    "Snooze": "bodies.snooze",
    "Cancel": "tasks.results",
    "Stall": "tasks.results",
    "RetryPolicy": "core.retry",
    "Exponential": "core.retry",
    "Linear": "core.retry",
    "Immediate": "core.retry",
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
    "Flow": "flow.building.flow",
    "Map": "flow.building.sources",
    "Node": "flow.building.sources",
    "Value": "flow.building.sources",
    "AddNodes": "flow.commands",
    "CancelNode": "flow.commands",
    "CancelRun": "flow.commands",
    "EmitEvent": "flow.commands",
    "PauseRun": "flow.commands",
    "ResumeRun": "flow.commands",
    "SetInputs": "flow.commands",
    "HookEvent": "flow.definition.calls",
    "NodeError": "flow.definition.calls",
    "Explanation": "flow.explanation",
    "Event": "flow.happened",
    "NodeReport": "flow.report",
    "Report": "flow.report",
    "Run": "flow.run",
    "RunSummary": "flow.report",
    "Secret": "bodies.secret",
    "action": "bodies.actions",
    "tell_all": "supervised.ref",
    "Channel": "pubsub.channel",
    "Trigger": "bridges.trigger",
    "TurnContext": "pubsub.turns.context",
    "RunReport": "pubsub.run_report",
    "SubscriptionRun": "pubsub.run_report",
    "Published": "pubsub.report",
    "StoredMessage": "pubsub.report",
    "ChannelSummary": "pubsub.report",
    "SubscriptionSummary": "pubsub.report",
    "DeadLetterSummary": "pubsub.report",
    "DeadLetterReport": "pubsub.report",
    "Subscriber": "pubsub.subscriber",
    "subscribe": "pubsub.subscribe",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'dagger_actors' has no attribute {name!r}")
    value: object = getattr(import_module(f"dagger_actors.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
