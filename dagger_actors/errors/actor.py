"""Errors of the actor system."""

from __future__ import annotations

from types import MappingProxyType

from dagger_actors.errors.base import DaggerError


class ActorError(DaggerError):
    """The actor system itself failed."""


class ActorClassError(ActorError):
    """An actor class, a handler or a mailbox that cannot be; raised when the class is made."""

    def __init__(self, where: str, what: str) -> None:
        self.where = where
        self.what = what
        super().__init__(where, what)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ConfigRefused(ActorError):
    """A config that does not fit the Struct its actor class is annotated with."""

    def __init__(self, actor: str, detail: str) -> None:
        self.actor = actor
        self.detail = detail
        super().__init__(actor, detail)

    def __str__(self) -> str:
        return f"the config of {self.actor} does not fit: {self.detail}"


class NameTaken(ActorError):
    """Another actor of this system has the name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        return f"there is an actor named {self.name!r} already; take another name, or find() that one"


class TooManyActors(ActorError):
    """The system has as many actors and supervisors as it may have."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(limit)

    def __str__(self) -> str:
        return (
            f"the system has {self.limit:,} actors and supervisors, as many as it may have; "
            f"stop some of them, or give it ActorSystem(max_actors=...)"
        )


class ActorLimit(ActorError):
    """An actor has as many timers, or answers that it has not looked at, as it may have."""

    def __init__(self, actor: str, what: str, limit: int, advice: str) -> None:
        self.actor = actor
        self.what = what
        self.limit = limit
        self.advice = advice
        super().__init__(actor, what, limit, advice)

    def __str__(self) -> str:
        return f"{self.actor} has {self.limit:,} {self.what}, as many as an actor may have; {self.advice}"


class UnknownActor(ActorError):
    """No actor of this system has the name."""

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        self.name = name
        self.nearest = nearest
        super().__init__(name, nearest)

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest[0]!r}?" if self.nearest else ""
        return f"there is no actor named {self.name!r}{hint}"


class ActorStopped(ActorError):
    """The actor has stopped for good, or stopped before it handled the message."""

    def __init__(self, actor: str) -> None:
        self.actor = actor
        super().__init__(actor)

    def __str__(self) -> str:
        return f"{self.actor} stopped before it answered"


class MessageRefused(ActorError):
    """A message that cannot be encoded, or does not hold what its class says."""

    def __init__(self, message: str, detail: str) -> None:
        self.message = message
        self.detail = detail
        super().__init__(message, detail)

    def __str__(self) -> str:
        return f"a message of class {self.message} cannot be sent: {self.detail}"


class MessageUnhandled(ActorError):
    """The actor has no handler for a message's class."""

    def __init__(self, actor: str, message: str, known: tuple[str, ...]) -> None:
        self.actor = actor
        self.message = message
        self.known = known
        super().__init__(actor, message, known)

    def __str__(self) -> str:
        takes = ", ".join(self.known) or "nothing"
        return f"{self.actor} has no @handler for {self.message}; it takes {takes}"


class MailboxFull(ActorError):
    """A bounded mailbox refused a message."""

    def __init__(self, actor: str, capacity: int, waited_s: float = 0.0, advice: str = "") -> None:
        self.actor = actor
        self.capacity = capacity
        self.waited_s = waited_s
        self.advice = advice
        super().__init__(actor, capacity, waited_s, advice)

    def __str__(self) -> str:
        waited = f", and no room came in {self.waited_s:g} s" if self.waited_s else ""
        advice = self.advice or "send slower or raise its capacity"
        return f"the mailbox of {self.actor} is full ({self.capacity} messages){waited}; {advice}"


class AskInsideHandler(ActorError):
    """A blocking ask inside a pooled handler, or a wait inside an action, can starve the pool."""

    def __init__(self, actor: str) -> None:
        self.actor = actor
        super().__init__(actor)

    def __str__(self) -> str:
        return (
            f"a thread that waits here for {self.actor} can starve the pool it is of; "
            f"`await` it in an async handler or action, or use tell and handle the answer as a message"
        )


class AskCircle(ActorError):
    """An awaited ask of an actor that awaits, itself or through others, the answer of the actor that asks.

    Attributes:
        actors: The circle, from the actor that asks to itself again.
    """

    def __init__(self, actors: tuple[str, ...]) -> None:
        self.actors = actors
        super().__init__(actors)

    def __str__(self) -> str:
        return (
            f"each would await the next one's answer for ever: {' -> '.join(self.actors)}; "
            f"let one of them tell, or use `ctx.ask(...).then(...)`, which takes messages meanwhile"
        )


class TurnRefused(ActorError):
    """A turn of a durable actor that cannot be committed: its state cannot be stored, or it does too much."""

    def __init__(self, actor: str, detail: str) -> None:
        self.actor = actor
        self.detail = detail
        super().__init__(actor, detail)

    def __str__(self) -> str:
        return f"a turn of {self.actor} cannot be committed: {self.detail}"


class StateUnreadable(ActorError):
    """A stored state that does not fit the actor's class; the actor is held, and what it is sent is undelivered."""

    def __init__(self, actor: str, detail: str) -> None:
        self.actor = actor
        self.detail = detail
        super().__init__(actor, detail)

    def __str__(self) -> str:
        return (
            f"the stored state of {self.actor} does not fit its class: {self.detail}; give new fields defaults, or the "
            f"class a `migrate(cls, old)`, and start it again; until then it is held"
        )


class ChildRefused(ActorError):
    """A supervisor could not do what was asked about a child.

    Attributes:
        reason: OTP's word: ``already_present``, ``already_started``, ``running``, ``restarting``, ``not_found``; or
            ``start_failed``, ``invalid``, ``terminated``, ``shutting_down``, ``busy``.
    """

    TEXTS = MappingProxyType(
        {
            "already_present": "it has a child of that id that does not run; restart or delete that one",
            "already_started": "it has a child of that id that runs; take another id",
            "running": "the child runs; terminate it first",
            "restarting": "the child is about to be restarted; terminate it first",
            "not_found": "it has no child of that id",
            "start_failed": "the child could not be started",
            "invalid": "no such child may be here",
            "terminated": "its start was called off by another call",
            "shutting_down": "it is shutting down, or has ended",
            "busy": "too many calls wait for it",
        }
    )

    def __init__(self, supervisor: str, child: str, reason: str, detail: str = "") -> None:
        self.supervisor = supervisor
        self.child = child
        self.reason = reason
        self.detail = detail
        super().__init__(supervisor, child, reason, detail)

    def __str__(self) -> str:
        about = f" about {self.child!r}" if self.child else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"the supervisor {self.supervisor} refused what was asked{about}: {self.TEXTS[self.reason]}{detail}"


class SupervisorFailed(ActorError):
    """A supervisor gave up, because restarts came too often, or a child could not be started at first."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"the supervisor {self.name} has given up: {self.reason}"


class SystemFailed(ActorError):
    """The root supervisor gave up, so the system has stopped."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"the system has stopped: {self.reason}"


class SupervisorGaveUp(ActorError):
    """A supervisor crashed more often than its restart intensity allows."""

    def __init__(self, name: str, intensity: int, period_s: float, cause: str) -> None:
        self.name = name
        self.intensity = intensity
        self.period_s = period_s
        self.cause = cause
        super().__init__(name, intensity, period_s, cause)

    def __str__(self) -> str:
        return (
            f"{self.name} crashed more than {self.intensity} times in {self.period_s:g} s, last with {self.cause}; "
            f"its committed work is safe: resume it, or open the system again"
        )
