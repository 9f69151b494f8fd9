"""``ChildSpec`` and ``Supervisor``: what a supervision tree is made of, as data.

Source: the OTP manual, ``supervisor``; the words are its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from dagger_actors.core.backoff import BackOff as CoreBackOff
from dagger_actors.core.supervision.specs import Child, Supervision
from dagger_actors.errors import ActorClassError
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.bounds import MailboxSpec

__all__ = ["BackOff", "ChildSpec", "Supervisor", "core_child", "core_supervision", "spec_of"]

INSTANCES_MOST = 10_000


class BackOff(msgspec.Struct, frozen=True, kw_only=True):
    """How long a restart waits: from ``min_s``, ``factor`` times longer after each failure in a row, up to ``max_s``.

    Attributes:
        min_s: Seconds before the first restart, more than 0.
        max_s: Seconds at most.
        factor: 1 or more.
        jitter: Of each wait, the part that chance may take off or add: 0 to 1.
        reset_s: After so many seconds up, the next failure is the first in a row again.
    """

    min_s: float = 0.1
    max_s: float = 30.0
    factor: float = 2.0
    jitter: float = 0.1
    reset_s: float = 60.0

    def __post_init__(self) -> None:
        _check_numbers("a back-off", self, ("min_s", "max_s", "factor", "jitter", "reset_s"))


class ChildSpec(msgspec.Struct, frozen=True):
    """One actor of a supervisor, or several of one kind.

    Attributes:
        actor: Its class.
        id: Its name within its supervisor; empty = the class's, in lower case.
        config: For its ``config``: the Struct or a mapping.
        restart: ``permanent``: always; ``transient``: only after a failure; ``temporary``: never.
        shutdown_s: Seconds to end in after it was told to; 0 = it is killed at once; None = as long as it takes.
        significant: Whether its end can end its supervisor (``auto_shutdown``).
        backoff: How long restarts wait; None = not at all.
        instances: How many of them: a pool, which is sent to under the one name.
        route: Who of a pool gets a message: ``round_robin``, or ``key``: always the same one for equal keys.
        key: For ``route="key"``: the path of the field of the messages that is the key, as in ``order.customer``.
        mailbox: Its bound, instead of the class's.
    """

    actor: type[Actor]
    id: str = ""
    config: Any = None
    restart: Literal["permanent", "transient", "temporary"] = "permanent"
    shutdown_s: float | None = 5.0
    significant: bool = False
    backoff: BackOff | None = None
    instances: int = 1
    route: Literal["round_robin", "key"] = "round_robin"
    key: str = ""
    mailbox: MailboxSpec | None = None

    def __post_init__(self) -> None:
        if not _is_actor_class(self.actor):
            raise ActorClassError(
                _short(self.actor), "a ChildSpec begins with an Actor class: the class, not an instance"
            )
        if self.actor.not_an_actor:
            raise ActorClassError(self.actor.__name__, self.actor.not_an_actor)
        _check_child(self.name, self)
        if type(self.instances) is not int or not 1 <= self.instances <= INSTANCES_MOST:
            raise ActorClassError(self.name, f"instances is 1 to {INSTANCES_MOST:,}, not {self.instances!r}")
        if self.route not in ("round_robin", "key"):
            raise ActorClassError(self.name, f"its route is round_robin or key, not {self.route!r}")
        if self.mailbox is not None and not isinstance(self.mailbox, MailboxSpec):
            raise ActorClassError(self.name, f"its mailbox is a MailboxSpec(capacity=...), not {self.mailbox!r}")
        if (self.route == "key") != bool(self.key):
            raise ActorClassError(self.name, "route='key' and the key's path come together")
        _check_id(self.name)

    @property
    def name(self) -> str:
        """Its name within its supervisor."""
        return self.id or self.actor.__name__.lower()


class Supervisor(msgspec.Struct, frozen=True):
    """A supervisor and its children, in the order they are started; itself a child of another one, or of the system.

    Attributes:
        id: Its name within its own supervisor.
        children: Actors and supervisors, started in order, stopped in reverse; a class alone stands for ``ChildSpec(cls)``.
        strategy: Who is restarted besides the one that failed: ``one_for_one``: nobody; ``one_for_all``: all others;
            ``rest_for_one``: those that were started after it.
        intensity: Restarts tolerated within ``period_s``; one more, and it gives up: it stops its children and fails
            itself, and its own supervisor decides.
        period_s: Length of the window, in seconds.
        auto_shutdown: Whether it ends when ``any_significant`` or ``all_significant`` children have; or ``never``.
        restart: As a child: ``permanent``, ``transient`` or ``temporary``.
        shutdown_s: As a child: seconds to end in; None = as long as its own children take.
        significant: As a child: whether its end can end its supervisor.
        backoff: As a child: how long restarts wait.
    """

    id: str
    children: Sequence[ChildSpec | Supervisor | type[Actor]] = ()
    strategy: Literal["one_for_one", "one_for_all", "rest_for_one"] = "one_for_one"
    intensity: int = 3
    period_s: float = 5.0
    auto_shutdown: Literal["never", "any_significant", "all_significant"] = "never"
    restart: Literal["permanent", "transient", "temporary"] = "permanent"
    shutdown_s: float | None = None
    significant: bool = False
    backoff: BackOff | None = None

    def __post_init__(self) -> None:
        _check_id(self.id)
        if not isinstance(self.children, Sequence):
            raise ActorClassError(self.id, f"its children are a list, not {_short(self.children)}")
        _check_child(self.id, self)
        _check_numbers(self.id, self, ("intensity", "period_s"))
        self.specs()

    @property
    def name(self) -> str:
        """Its name within its own supervisor."""
        return self.id

    def specs(self) -> tuple[ChildSpec | Supervisor, ...]:
        """Its children, each as a specification."""
        return tuple(map(spec_of, self.children))


def spec_of(child: ChildSpec | Supervisor | type[Actor]) -> ChildSpec | Supervisor:
    """A class alone stands for ``ChildSpec(cls)``.

    Raises:
        ActorClassError: It is nothing that can be a child.
    """
    if isinstance(child, ChildSpec | Supervisor):
        return child
    if not _is_actor_class(child):
        raise ActorClassError(_short(child), "a child is a ChildSpec, a Supervisor or an Actor class")
    return ChildSpec(child)


def core_supervision(supervisor: Supervisor) -> Supervision:
    """A supervisor's own options, as its machine takes them."""
    return Supervision(
        strategy=supervisor.strategy,
        intensity=supervisor.intensity,
        period_us=round(supervisor.period_s * 1e6),
        auto_shutdown=supervisor.auto_shutdown,
    )


def core_child(child_id: str, spec: ChildSpec | Supervisor) -> Child:
    """A child, as the machine of its supervisor takes it."""
    return Child(
        id=child_id,
        restart=spec.restart,
        shutdown_us=None if spec.shutdown_s is None else round(spec.shutdown_s * 1e6),
        significant=spec.significant,
        back_off=None if spec.backoff is None else _core_backoff(spec.backoff),
    )


def _core_backoff(backoff: BackOff) -> CoreBackOff:
    return CoreBackOff(
        min_us=round(backoff.min_s * 1e6),
        max_us=round(backoff.max_s * 1e6),
        factor=backoff.factor,
        jitter=backoff.jitter,
        reset_us=round(backoff.reset_s * 1e6),
    )


def _is_actor_class(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, Actor)


def _short(given: object) -> str:
    return repr(given)[:100]


def _check_child(name: str, spec: ChildSpec | Supervisor) -> None:
    """Check what both have, as far as the machine of the supervisor above could not even be told of it."""
    if spec.shutdown_s is not None and not (_is_number(spec.shutdown_s) and spec.shutdown_s >= 0):
        what = f"shutdown_s is {spec.shutdown_s!r}; it is a number of seconds, 0 or more, or None: as long as it takes"
        raise ActorClassError(name, what)
    if spec.backoff is not None and not isinstance(spec.backoff, BackOff):
        raise ActorClassError(name, f"its backoff is a BackOff(min_s=...), not {spec.backoff!r}")


def _check_numbers(name: str, spec: BackOff | Supervisor, fields: tuple[str, ...]) -> None:
    for field in fields:
        if not _is_number(getattr(spec, field)):
            raise ActorClassError(name, f"{field} is a finite number, not {getattr(spec, field)!r}")


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


def _check_id(name: object) -> None:
    if not isinstance(name, str) or not name or "/" in name or not name.isprintable() or len(name) > 200:
        raise ActorClassError(_short(name), "an id is 1 to 200 printable characters without '/'")
