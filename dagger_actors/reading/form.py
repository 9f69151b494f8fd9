"""File formats as Structs, and the JSON Schema (draft 2020-12) that is made of them for editors and other tools."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["DRAFT", "Form", "schema_of"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One mapping of a file format; keys that are absent are UNSET."""


def schema_of(form: type[Form], title: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Make the schema of a file.

    Args:
        form: The file's outermost mapping.
        title: What the files are called.

    Returns:
        The schema, a fresh one; and its definitions by name, for what Structs have no word for.
    """
    made = msgspec.json.schema(form)
    forms: dict[str, dict[str, Any]] = made["$defs"]
    used = _referred(made)
    for name in [name for name in forms if name not in used]:
        del forms[name]
    return {"$schema": DRAFT, "title": title, **made}, forms


def _referred(schema: object) -> set[str]:
    """Names of the definitions that something refers to."""
    found: set[str] = set()
    todo = [schema]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo += one.values()
            if isinstance(reference := one.get("$ref"), str):
                found.add(reference.rpartition("/")[2])
        elif isinstance(one, list):
            todo += one
    return found
