"""What a kind of file is called in messages, and what its author is advised."""

from __future__ import annotations

import msgspec

__all__ = ["DOCUMENT", "FileKind"]


class FileKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of file.

    Attributes:
        noun: What one of them defines.
        least: What to do about an empty one.
        split: What to do about one with too many values.
    """

    noun: str
    least: str = ""
    split: str = "Split it."


DOCUMENT = FileKind(noun="document")
"""Anything; for who only wants the tree."""
