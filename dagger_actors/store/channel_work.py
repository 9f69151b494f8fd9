"""How the store carries out each operation on channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import apsw

from dagger_actors.core.channels import (
    ForgetSubscription,
    PauseSubscription,
    PromoteMessages,
    PruneMessages,
    PublishMessages,
    Redrive,
    ResumeSubscription,
    Seek,
    SetTimers,
)
from dagger_actors.core.declarations import Declare
from dagger_actors.core.range_leases import ReleaseRanges, ShareRanges, TakeRanges
from dagger_actors.store.channel_declaring import declare
from dagger_actors.store.channel_forgetting import forget
from dagger_actors.store.channel_moving import pause, resume, seek
from dagger_actors.store.channel_pruning import prune
from dagger_actors.store.channel_publishing import publish
from dagger_actors.store.channel_redriving import redrive
from dagger_actors.store.channel_sharing import release, share, take
from dagger_actors.store.channel_timers import promote, set_timers

__all__ = ["CHANNEL_RUNS"]

CHANNEL_RUNS: Final[dict[type, Callable[[apsw.Connection, Any], Any]]] = {
    Declare: declare,
    PublishMessages: publish,
    SetTimers: set_timers,
    PromoteMessages: promote,
    ShareRanges: share,
    ReleaseRanges: release,
    TakeRanges: take,
    Seek: seek,
    PauseSubscription: pause,
    ResumeSubscription: resume,
    ForgetSubscription: forget,
    Redrive: redrive,
    PruneMessages: prune,
}
