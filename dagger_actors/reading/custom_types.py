"""Makes values of types that msgspec does not know from what JSON or YAML can say."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

__all__ = ["make_custom"]


def make_custom(kind: Any, value: Any) -> Any:
    """Build what msgspec does not know: pydantic models (told by their ``model_validate``) and paths.

    Raises:
        ValueError: The value does not fit; msgspec adds the path to it.
        NotImplementedError: Nothing is known of this type.
    """
    validate = getattr(kind, "model_validate", None)
    if validate is not None:
        return validate(value)
    if isinstance(kind, type) and issubclass(kind, PurePath):
        if isinstance(value, str):
            return kind(value)
        raise ValueError(f"Expected a path as `str`, got `{type(value).__name__}`")
    raise NotImplementedError(f"nothing is known of how to make {kind} from JSON; use a Struct, a dataclass or a dict")
