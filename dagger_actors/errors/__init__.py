"""Every error this package raises on purpose, sorted by whose fault it is.

::

    DaggerError
    ├── DefinitionError            the author's file: every problem at once, each with its place
    │   └── InvalidSupervision     supervisors and children that contradict themselves or each other
    ├── RequestError               the caller, now
    │   ├── InvalidInputs          inputs that the flow does not take
    │   ├── RunNotFound            no run of that id in this database
    │   ├── UnknownNode            the run has no such node, or no such item
    │   ├── ReplayRefused          an attempt cannot be made again
    │   ├── RunConflict            the run id is taken by other work
    │   ├── RunOwned               a live process owns the run
    │   ├── IllegalTransition      the run's state does not allow the request
    │   ├── NodeTransition         the state of a run's node does not allow it
    │   ├── NotAsked               nobody is asked at that node
    │   ├── AnswerMisfit           an answer of another type than is asked for
    │   ├── AlreadyAnswered        somebody has answered otherwise before
    │   ├── NeverRan               a fork from a node that has not run
    │   ├── ForkRefused            a fork that would share what it must not
    │   ├── SchemaRefused          a script for users' tables that does something else
    │   ├── ResourceFailed         a resource of the system could not be made
    │   ├── UnknownArtifact        no artifact has that id
    │   ├── AmbiguousArtifact      several artifacts' ids begin so
    │   ├── ExportRefused          a file cannot be written where it was asked for
    │   ├── BlockingCall           a blocking verb called on a running event loop
    │   ├── UnknownAgent           no task agent of that name
    │   ├── PayloadRefused         a payload that the agent does not take
    │   ├── TaskNotFound           no task of that id in this database
    │   ├── TaskConflict           another task has the key
    │   ├── TaskQueueFull          the agent has as many open tasks as it may
    │   ├── TaskChanged            the task is of another version by now
    │   ├── TaskTransitionRefused  the task's state does not allow the request
    │   ├── UnknownDependency      a task to depend on that does not exist
    │   ├── DependencyCycle        a dependency that would close a cycle
    │   ├── JobNotFound            no job of that id in this database
    │   ├── JobClosed              a cancelled job takes no new tasks
    │   ├── JobConflict            a job of that id exists with other settings
    │   ├── AgentsMissing          a worker has no agent for what waits
    │   ├── SharedConflict         a shared value is of another version by now
    │   ├── UnknownChannel         no channel of that name is declared
    │   ├── UnknownSubscription    no subscription of that name
    │   ├── SubscriptionInUse      a process has the code of a subscription that is to be forgotten
    │   ├── SubscriptionUnread     what is to be forgotten has unread messages or dead letters
    │   ├── UnknownGroup           no group of subscriptions of that name
    │   ├── PublicationRefused     a message that the channel does not take
    │   ├── ChannelFull            the channel's slowest subscription is as far behind as it may be
    │   ├── OutboxFull             as many messages wait to be committed as may
    │   ├── OffsetRefused          an offset that the channel has not reached
    │   ├── DeadLetterNotFound     no dead letter of that id in this database
    │   ├── SystemClosed           the system has been left
    │   └── SystemForked           the database was open already when this process was forked
    ├── ActionError                user code, kept in history
    │   ├── OutputError            a result that cannot be stored
    │   ├── InputError             inputs that do not fit the action's type hints
    │   ├── StepRefused            a step that cannot be taken
    │   ├── GrowthRefused          nodes that a run cannot take
    │   ├── HookRefused            what a hook returned cannot be done
    │   ├── StatementRefused       a statement of ctx.execute or ctx.query that may not be
    │   ├── StatementFailed        a statement of ctx.execute that the transaction could not take
    │   ├── RunValueRefused        a value that ctx.cache cannot take
    │   ├── SecretMissing          no such environment variable in the process that runs the action
    │   ├── UnknownResource        a resource nobody said how to make
    │   ├── AttemptOver            it has ended or is another process's: nothing more of it is stored
    │   ├── ResultError            a result that does not fit the action's return hint
    │   ├── WorkerDied             the worker process of an attempt ended before it did
    │   ├── Fatal                  raised by a task's body: it is not tried again
    │   ├── SpawnRefused           a child that a task's body cannot spawn
    │   ├── SpawnMismatch          a task's body that runs again spawns other tasks than before
    │   ├── SharedRefused          a value that ctx.shared cannot take
    │   ├── DeliveryRefused        a message that does not fit what the handler takes
    │   ├── GivenRefused           what a handler gave to be published, and may not
    │   ├── PublicationUndeclared  a handler publishes to a channel that its subscription does not declare
    │   ├── TurnLimit              a turn does more than one may
    │   ├── TimerRefused           a timer that a handler cannot set
    │   ├── EphemeralRefused       a turn of an ephemeral message asks for what would have to be kept
    │   ├── KeyRefused             a message without the key that a subscription tells messages apart by
    │   ├── RunEnded               a run that did not succeed; carries its report
    │   │   ├── RunFailed
    │   │   ├── RunCancelled
    │   │   ├── RunTimedOut
    │   │   └── RunPaused
    │   ├── TaskEnded              a task that did not succeed; carries its report
    │   │   ├── TaskFailed
    │   │   ├── TaskCancelled
    │   │   ├── TaskRejected
    │   │   ├── TaskBlocked
    │   │   └── TaskPaused
    │   └── JobEnded               a job that did not succeed; carries its report
    │       ├── JobFailed
    │       ├── JobCancelled
    │       └── JobPaused
    ├── ActorError                 the actor system
    │   ├── ActorClassError        an actor class that cannot be
    │   ├── ConfigRefused          a config that does not fit the actor's class
    │   ├── NameTaken              another actor has the name
    │   ├── TooManyActors          the system has as many actors as it may have
    │   ├── ActorLimit             the actor has as many timers or unread answers as it may have
    │   ├── UnknownActor           no actor has the name
    │   ├── ActorStopped           the actor has stopped, or stops before it handles the message
    │   ├── MessageRefused         a message that cannot be encoded, or does not hold what its class says
    │   ├── MessageUnhandled       the actor has no handler for the message
    │   ├── MailboxFull            a bounded mailbox refused a message
    │   ├── AskInsideHandler       a blocking ask inside a pooled handler
    │   ├── AskCircle              actors that would await each other's answers for ever
    │   ├── TurnRefused            a turn of a durable actor that cannot be committed
    │   ├── StateUnreadable        a stored state that does not fit the actor's class: the actor is held
    │   ├── SubscriberStateUnreadable  a subscriber's stored state that does not fit its class: it is paused
    │   ├── ChildRefused           a supervisor could not do what was asked about a child
    │   ├── SupervisorFailed       a supervisor gave up, or could not start
    │   ├── SystemFailed           the root supervisor gave up: the system has stopped
    │   └── SupervisorGaveUp       restarted too often; its work is left for a resume
    └── StoreError                 the disk, or another owner
        ├── NotADatabase           the file is something else
        ├── NewerSchema            written by a newer version
        ├── OlderSchema            written by an older version, and only to be looked at
        ├── ReadOnlyDatabase       the file or its folder cannot be written
        ├── UnsafeSQLite           an SQLite library that can corrupt a shared WAL file
        ├── NetworkFilesystem      locks do not hold there
        ├── StoreFull              no space left
        ├── StoreBusy              another program holds the lock
        ├── StoreBroken            an I/O error or a damaged page
        ├── UnitRejected           an expectation of the transaction did not hold
        │   ├── WorkRejected       what an attempt wanted written with its end is to blame
        │   └── RequestRefused     what was asked about tasks cannot be done
        ├── StateOwned             a durable actor that runs in another process
        ├── OwnershipLost          another process has taken the work over
        └── ArtifactError          a stored output cannot be read
            ├── ArtifactMissing    no such artifact
            └── ArtifactCorrupt    the content no longer has its hash
"""

from dagger_actors.errors.action import (
    ActionError,
    AttemptOver,
    GrowthRefused,
    HookRefused,
    InputError,
    OutputError,
    ResultError,
    RunCancelled,
    RunEnded,
    RunFailed,
    RunPaused,
    RunTimedOut,
    RunValueRefused,
    SecretMissing,
    StatementFailed,
    StatementRefused,
    StepRefused,
    UnknownResource,
    WorkerDied,
)
from dagger_actors.errors.actor import (
    ActorClassError,
    ActorError,
    ActorLimit,
    ActorStopped,
    AskCircle,
    AskInsideHandler,
    ChildRefused,
    ConfigRefused,
    MailboxFull,
    MessageRefused,
    MessageUnhandled,
    NameTaken,
    StateUnreadable,
    SupervisorFailed,
    SupervisorGaveUp,
    SystemFailed,
    TooManyActors,
    TurnRefused,
    UnknownActor,
)
from dagger_actors.errors.base import (
    DaggerError,
)
from dagger_actors.errors.channels import (
    ChannelFull,
    DeadLetterNotFound,
    EphemeralRefused,
    KeyRefused,
    OffsetRefused,
    OutboxFull,
    PublicationRefused,
    SubscriptionInUse,
    SubscriptionUnread,
    UnknownChannel,
    UnknownGroup,
    UnknownSubscription,
)
from dagger_actors.errors.definition import (
    DefinitionError,
    InvalidSupervision,
    Problem,
)
from dagger_actors.errors.people import AlreadyAnswered, AnswerMisfit, NotAsked
from dagger_actors.errors.request import (
    AmbiguousArtifact,
    BlockingCall,
    ExportRefused,
    ForkRefused,
    IllegalTransition,
    InvalidInputs,
    NeverRan,
    NodeTransition,
    ReplayRefused,
    RequestError,
    ResourceFailed,
    RunConflict,
    RunNotFound,
    RunOwned,
    SchemaRefused,
    SystemClosed,
    SystemForked,
    UnknownArtifact,
    UnknownNode,
)
from dagger_actors.errors.store import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactMissing,
    NetworkFilesystem,
    NewerSchema,
    NotADatabase,
    OlderSchema,
    OwnershipLost,
    ReadOnlyDatabase,
    RequestRefused,
    StateOwned,
    StoreBroken,
    StoreBusy,
    StoreError,
    StoreFull,
    UnitRejected,
    UnsafeSQLite,
    WorkRejected,
)
from dagger_actors.errors.task_ends import (
    Fatal,
    JobCancelled,
    JobEnded,
    JobFailed,
    JobPaused,
    SharedRefused,
    SpawnMismatch,
    SpawnRefused,
    TaskBlocked,
    TaskCancelled,
    TaskEnded,
    TaskFailed,
    TaskPaused,
    TaskRejected,
)
from dagger_actors.errors.tasks import (
    AgentsMissing,
    DependencyCycle,
    JobClosed,
    JobConflict,
    JobNotFound,
    PayloadRefused,
    SharedConflict,
    TaskChanged,
    TaskConflict,
    TaskNotFound,
    TaskQueueFull,
    TaskTransitionRefused,
    UnknownAgent,
    UnknownDependency,
)
from dagger_actors.errors.turns import (
    DeliveryRefused,
    GivenRefused,
    PublicationUndeclared,
    SubscriberStateUnreadable,
    TimerRefused,
    TurnLimit,
)

__all__ = [
    "ActionError",
    "ActorClassError",
    "ActorError",
    "ActorLimit",
    "ActorStopped",
    "AgentsMissing",
    "AlreadyAnswered",
    "AmbiguousArtifact",
    "AnswerMisfit",
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactMissing",
    "AskCircle",
    "AskInsideHandler",
    "AttemptOver",
    "BlockingCall",
    "ChannelFull",
    "ChildRefused",
    "ConfigRefused",
    "DaggerError",
    "DeadLetterNotFound",
    "DefinitionError",
    "DeliveryRefused",
    "DependencyCycle",
    "EphemeralRefused",
    "ExportRefused",
    "Fatal",
    "ForkRefused",
    "GivenRefused",
    "GrowthRefused",
    "HookRefused",
    "IllegalTransition",
    "InputError",
    "InvalidInputs",
    "InvalidSupervision",
    "JobCancelled",
    "JobClosed",
    "JobConflict",
    "JobEnded",
    "JobFailed",
    "JobNotFound",
    "JobPaused",
    "KeyRefused",
    "MailboxFull",
    "MessageRefused",
    "MessageUnhandled",
    "NameTaken",
    "NetworkFilesystem",
    "NeverRan",
    "NewerSchema",
    "NodeTransition",
    "NotADatabase",
    "NotAsked",
    "OffsetRefused",
    "OlderSchema",
    "OutboxFull",
    "OutputError",
    "OwnershipLost",
    "PayloadRefused",
    "Problem",
    "PublicationRefused",
    "PublicationUndeclared",
    "ReadOnlyDatabase",
    "ReplayRefused",
    "RequestError",
    "RequestRefused",
    "ResourceFailed",
    "ResultError",
    "RunCancelled",
    "RunConflict",
    "RunEnded",
    "RunFailed",
    "RunNotFound",
    "RunOwned",
    "RunPaused",
    "RunTimedOut",
    "RunValueRefused",
    "SchemaRefused",
    "SecretMissing",
    "SharedConflict",
    "SharedRefused",
    "SpawnMismatch",
    "SpawnRefused",
    "StateOwned",
    "StateUnreadable",
    "StatementFailed",
    "StatementRefused",
    "StepRefused",
    "StoreBroken",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "SubscriberStateUnreadable",
    "SubscriptionInUse",
    "SubscriptionUnread",
    "SupervisorFailed",
    "SupervisorGaveUp",
    "SystemClosed",
    "SystemFailed",
    "SystemForked",
    "TaskBlocked",
    "TaskCancelled",
    "TaskChanged",
    "TaskConflict",
    "TaskEnded",
    "TaskFailed",
    "TaskNotFound",
    "TaskPaused",
    "TaskQueueFull",
    "TaskRejected",
    "TaskTransitionRefused",
    "TimerRefused",
    "TooManyActors",
    "TurnLimit",
    "TurnRefused",
    "UnitRejected",
    "UnknownActor",
    "UnknownAgent",
    "UnknownArtifact",
    "UnknownChannel",
    "UnknownDependency",
    "UnknownGroup",
    "UnknownNode",
    "UnknownResource",
    "UnknownSubscription",
    "UnsafeSQLite",
    "WorkRejected",
    "WorkerDied",
]

# A stored error, a retry policy and a traceback know a class by where users import it from.
for _name in __all__:
    globals()[_name].__module__ = __name__
