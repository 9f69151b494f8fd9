"""The subscribers and channels of modules and files that somebody names, as ``--import`` does."""

from __future__ import annotations

import contextlib
from pathlib import Path

from dagger_actors.errors import ActorClassError
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.declared.wiring import wire_all
from dagger_actors.pubsub.subscribers.kind import Configured, kind_of
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.reading.importing import Wanted, import_reference

__all__ = ["names_subscriber", "wiring_at"]

DECLARED = Wanted(noun="channel or class", outcome="nothing was published")


def names_subscriber(reference: str, folder: Path) -> bool:
    """Tell whether a reference names one subscriber, so that it names no action.

    Raises:
        DefinitionError: It cannot be imported.
    """
    if ":" not in reference:
        return False
    module, name = import_reference(reference, folder, DECLARED)
    return bool(name) and kind_of(getattr(module, name, None)) is not None


def wiring_at(references: tuple[str, ...], folder: Path) -> Wiring:
    """Import what ``module``, ``module:name``, ``file.py`` or ``file.py:name`` names, for the classes that its channels take.

    What is wrong with it as a system is not told: other modules may belong to it. A class that wants a config is there
    without one; what can be no agent as it is, because it wants another name, is passed over.

    Args:
        references: The references.
        folder: Where to look first; the current folder comes second.

    Raises:
        DefinitionError: One cannot be imported.
    """
    members, channels = Members(), []
    for reference in references:
        module, name = import_reference(reference, folder, DECLARED)
        for value in [getattr(module, name, None)] if name else list(vars(module).values()):
            if isinstance(value, Channel):
                channels.append(value)
            elif isinstance(value, Configured) or kind_of(value) is not None:
                with contextlib.suppress(ActorClassError):
                    members.add(_without_config(value))
    wiring, _problems = wire_all(members, channels)
    return wiring


def _without_config(value: object) -> object:
    kind = kind_of(value)
    if kind is None:
        return value
    kind.check()
    group = kind.group or kind.name
    return Configured(kind, kind.name, group, None, kind.judge({}, group)[0])
