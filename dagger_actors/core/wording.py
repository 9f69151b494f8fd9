"""Words for messages: a name as it can be shown, and the known name that a wrong one was probably meant to be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import TypeGuard

from dagger_actors.errors.wording import counted

__all__ = ["BESIDE", "LONGEST_SHOWN", "as_written", "counted", "indefinite", "is_text", "listed", "nearest", "quoted"]

BESIDE = "dagger_actors_beside_"
"""How the name of a package begins that stands for a folder of users' modules; a hash of its path follows."""

_BESIDE = re.compile(BESIDE + "[0-9a-f]{16}[.]")

LONE = re.compile("[\ud800-\udfff]")

MAX_COMPARED = 500
"""Names compared in full; difflib takes about 20 us for each."""
MAX_LENGTH = 200

LONGEST_SHOWN = 80
"""Characters of a name that a message repeats."""


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Find the known name nearest to a wrong one.

    Of many names only those compare that begin or end like the wrong one, so that a wrong name in a flow of 100,000
    nodes costs milliseconds.

    Returns:
        The nearest name; None when none is near, as to what is no text.
    """
    if not isinstance(name, str) or len(name) > MAX_LENGTH:
        return None
    folded = name.casefold()
    candidates = list(known)
    if len(candidates) > MAX_COMPARED:
        head, tail, length = folded[:2], folded[-3:], len(name)
        similar = (
            other
            for other in candidates
            if abs(len(other) - length) <= 2 and (other[:2].casefold() == head or other[-3:].casefold() == tail)
        )
        candidates = [other for other, _ in zip(similar, range(MAX_COMPARED), strict=False)]
    by_folded = {other.casefold(): other for other in candidates if len(other) <= MAX_LENGTH}
    if folded in by_folded:
        return by_folded[folded]
    found = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether it is text that can be written down: none of its characters is half of a pair."""
    return isinstance(value, str) and not LONE.search(value)


def quoted(name: object) -> str:
    """Quote a name for a message, shortened and with nothing that a terminal would obey."""
    text = repr(name[: LONGEST_SHOWN + 1] if isinstance(name, str) else name)
    return text if len(text) <= LONGEST_SHOWN + 2 else text[:LONGEST_SHOWN] + "..." + text[0]


def listed(names: Sequence[str], most: int = 8) -> str:
    """Name the first of many, and say how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def indefinite(noun: str) -> str:
    """Put the article before a noun, or before the name of a type: ``a list``, ``an int``, ``a UUID``."""
    folded = noun.casefold()
    is_vowel = folded.startswith(("a", "e", "i", "o", "u")) and not folded.startswith(("eu", "one", "uni", "use", "uu"))
    return f"{'an' if is_vowel else 'a'} {noun}"


def as_written(text: str) -> str:
    """Name the modules beside users' files as an import of theirs does, without the package that stands for the folder."""
    return _BESIDE.sub("", text) if BESIDE in text else text
