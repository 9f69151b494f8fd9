"""``@handler``: which method takes which message, and what cannot be a handler."""

from __future__ import annotations

import msgspec

from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.handlers import handler


def test_annotations_may_name_what_is_local_to_the_function_around_the_class() -> None:
    """Law: as in a script or a test, where the messages stand beside the actor."""

    class Local(msgspec.Struct, frozen=True):
        pass

    class Config(msgspec.Struct, frozen=True):
        pass

    class Taking(Actor):
        config: Config

        @handler
        def take(self, message: Local) -> None: ...

    assert list(Taking.traits.table.by_class) == [Local]
    assert Taking.traits.config is Config
