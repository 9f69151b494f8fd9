"""Which classes are records."""

from __future__ import annotations

import dataclasses

import msgspec

__all__ = ["is_record"]


def is_record(kind: type) -> bool:
    """Tell whether instances of a class have just the fields that it names."""
    return issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind) or hasattr(kind, "model_dump")
