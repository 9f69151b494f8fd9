"""How the store carries out each operation on channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import apsw

from dagger_actors.core.channels import Declare, PublishMessages, ReleaseRanges, ShareRanges
from dagger_actors.store.channel_declaring import declare
from dagger_actors.store.channel_publishing import publish
from dagger_actors.store.channel_sharing import release, share

__all__ = ["CHANNEL_RUNS"]

CHANNEL_RUNS: Final[dict[type, Callable[[apsw.Connection, Any], Any]]] = {
    Declare: declare,
    PublishMessages: publish,
    ShareRanges: share,
    ReleaseRanges: release,
}
