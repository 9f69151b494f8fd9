"""The file that was probably meant, where one of the name that was written is not there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dagger_actors.core.wording import nearest

__all__ = ["near_file"]

MOST_LISTED: Final = 10_000
"""Names of a folder that are looked at."""


def near_file(written: str, folders: Iterable[Path]) -> str | None:
    """Find the file of the same kind whose name is nearest, in the folder that was written.

    Args:
        written: A path, relative to one of the folders, or absolute.
        folders: Where to look, the first one first.

    Returns:
        The path to write instead; None when none is near, it has no suffix, or it cannot be looked for.
    """
    for folder in folders if Path(written).suffix else ():
        try:
            path = folder / written
            names = [
                one.name for one in itertools.islice(path.parent.iterdir(), MOST_LISTED) if one.suffix == path.suffix
            ]
        except (OSError, ValueError):
            continue
        if (found := nearest(path.name, names)) is not None:
            return str(Path(written).with_name(found))
    return None
