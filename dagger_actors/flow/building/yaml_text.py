"""Writes plain data as YAML that people read: blocks for what is long, one line for what is short.

Text stands as it is only where nobody could take it for anything else; otherwise it is written as JSON writes it, which
YAML reads as it is. (PyYAML's own writer knows YAML 1.1, in which other texts are numbers than in 1.2.)

Source: YAML 1.2.2, "7.3.1. Double-Quoted Style", "1.2. YAML History".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["yaml_text"]

WIDTH = 100
"""Characters of a line that a collection may fill."""
LONGEST_KEY = 200
"""YAML wants a key that is no longer than 1,024 characters on one line; a longer one has a question mark before it."""
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*([ ./-][A-Za-z0-9_]+)*")
WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
UNENDING = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}
"""Numbers that JSON has not; what it is written as instead would be text to YAML."""
LONG = ("nodes", "inputs", "outputs", "config", "hooks")
"""Keys of a flow whose values are always blocks."""


def yaml_text(data: Mapping[str, object]) -> str:
    """Write a mapping.

    Args:
        data: Text keys; values that JSON can hold.
    """
    return "".join(f"{line}\n" for line in _mapping(data, "", LONG))


def _mapping(data: Mapping[str, object], indent: str, blocks: Sequence[str] = ()) -> Iterator[str]:
    for key, value in data.items():
        inline = _inline(value)
        is_short = len(inline) + len(indent) + len(key) < WIDTH
        if len(_text(key)) > LONGEST_KEY:
            yield f"{indent}? {_text(key)}"
            yield f"{indent}: {inline}"
            continue
        if not isinstance(value, Mapping | list) or not value or (is_short and key not in blocks):
            yield f"{indent}{_key(key)}: {inline}"
            continue
        yield f"{indent}{_key(key)}:"
        yield from _block(value, f"{indent}  ", is_node=key == "nodes" and not indent)


def _block(value: object, indent: str, *, is_node: bool = False) -> Iterator[str]:
    """A collection with something in it, a line or more for each part."""
    if isinstance(value, Mapping):
        yield from _mapping(value, indent)
        return
    assert isinstance(value, list)
    for item in value:
        inline = _inline(item)
        if not item or not isinstance(item, Mapping | list) or (len(inline) + len(indent) < WIDTH and not is_node):
            yield f"{indent}- {inline}"
            continue
        lines = _block(item, f"{indent}  ")
        yield f"{indent}- {next(lines).removeprefix(f'{indent}  ')}"
        yield from lines


def _inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return UNENDING[repr(value)]
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _key(key: str) -> str:
    text = _text(key)
    return f"? {text} " if len(text) > LONGEST_KEY else text


def _text(text: str) -> str:
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    return ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
