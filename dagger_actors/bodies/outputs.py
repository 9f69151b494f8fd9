"""From what an action returned to what is stored: JSON text in the row, or an artifact; never something else, silently."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, ItemsView, Iterator, KeysView, Mapping, ValuesView
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.core.messages import ArtifactRecord, Inline, Output, Stored
from dagger_actors.core.wording import indefinite
from dagger_actors.errors import OutputError

__all__ = ["INLINE_BYTES", "as_output", "encode_hook", "to_json", "to_output"]

AS_BYTES = "store it with ctx.save(name, data, media_type=...)"
INLINE_BYTES = 1024
"""Outputs up to this long live in their row; longer ones are artifacts, which keeps the table the engine reads small."""

BINARY = (bytes, bytearray, memoryview)
"""A tuple, for a union would be made anew for each output."""

ONLY_KEYS = (tuple, frozenset, bool, type(None))
"""What msgspec cannot encode only where it is a key."""

IN_PASSING = (range, Iterator, KeysView, ValuesView, ItemsView)
"""What gives its items one by one."""

LEAVES = frozenset({int, str, bool, type(None)})

_encoder = msgspec.json.Encoder()


def to_output(
    value: Any, declared: tuple[str, ...], artifacts: ArtifactSource
) -> tuple[Output, tuple[ArtifactRecord, ...]]:
    """Turn a result into an output, and the artifacts to be committed with it.

    Args:
        value: What the action returned: bytes and paths become artifacts, everything else JSON.
        declared: Names it must hold; one name takes a value that is no mapping.
        artifacts: Where large outputs go, in the caller's thread.

    Raises:
        OutputError: It lacks a declared name, or holds what JSON cannot hold.
    """
    if declared:
        value = _with_names(value, declared)
    if isinstance(value, Path):
        value = _read(value)
    if isinstance(value, BINARY):
        record = artifacts.prepare(bytes(value), kind="bytes", media_type="application/octet-stream")
    else:
        return as_output(to_json(value), artifacts)
    return Stored(record.artifact_id, record.kind, record.size_bytes), (record,)


def as_output(data: bytes, artifacts: ArtifactSource) -> tuple[Output, tuple[ArtifactRecord, ...]]:
    """Turn JSON text into an output, and the artifact to be committed with it, where it is a large one."""
    if len(data) <= INLINE_BYTES:
        return Inline(data), ()
    record = artifacts.prepare(data, kind="json", media_type="application/json")
    return Stored(record.artifact_id, record.kind, record.size_bytes), (record,)


def _with_names(value: Any, declared: tuple[str, ...]) -> Any:
    fields = _fields(value)
    if fields is None:
        if len(declared) != 1:
            names = ", ".join(declared)
            reason = f"it is {indefinite(type(value).__name__)}, and the node declares the outputs {names}"
            raise OutputError(reason, "return a mapping that has them, or declare one name")
        return {declared[0]: value}
    missing = [name for name in declared if name not in fields]
    if missing:
        raise OutputError(f"it lacks the declared output {missing[0]!r}", "return it too, or take it out of `outputs`")
    return value


def _fields(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    dump = getattr(type(value), "model_dump", None)
    return dump(value, mode="json") if callable(dump) else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(
            f"the file {path} cannot be read ({error.strerror})", "return a path that is there when the action ends"
        ) from error


def to_json(value: Any) -> bytes:
    """Encode a value as JSON text; raises OutputError for what would not come back as it was."""
    is_leaf = type(value) in LEAVES
    try:
        # Encoded before it is checked: a value that holds itself is refused here, and the check would never end.
        text = _encoder.encode(value) if is_leaf else msgspec.json.encode(value, enc_hook=encode_hook)
    except RecursionError as error:
        raise OutputError("it holds itself, or is nested too deep", "return a tree of plain values") from error
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise OutputError(str(error), AS_BYTES) from error
    # msgspec writes NaN as null and bytes as base64 without a word: what would come back changed is refused instead.
    if not is_leaf:
        _check(value)
    return text


def encode_hook(value: Any) -> Any:
    """Give what msgspec cannot encode as its fields; raises OutputError when it has none."""
    fields = _fields(value)
    if fields is None:
        if isinstance(value, ONLY_KEYS):
            raise _wrong_key(value)
        if isinstance(value, IN_PASSING):
            raise OutputError(f"it holds {indefinite(type(value).__qualname__)}", "make a list of it: list(...)")
        if isinstance(value, type):
            name = value.__qualname__
            raise OutputError(f"it holds the class {name} itself", f"return one of its objects: {name}(...)")
        raise OutputError(f"it holds {indefinite(type(value).__qualname__)}", AS_BYTES)
    return fields


def _check(value: Any) -> None:
    todo: list[Any] = [value]
    while todo:
        one = todo.pop()
        kind = type(one)
        if kind in LEAVES:
            continue
        # The usual cases first: this runs for every output.
        if kind is dict:
            _check_keys(one)
            _check_all(one.values(), todo)
        elif hasattr(kind, "__struct_fields__"):
            _check_all(msgspec.structs.astuple(one), todo)
        elif kind is float:
            if not math.isfinite(one):
                raise OutputError(f"it holds {one!r}, which JSON has no word for", "return null or text for it")
        else:
            _check_other(one, todo)


def _check_keys(value: Mapping[Any, Any]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise _wrong_key(key)


def _wrong_key(key: object) -> OutputError:
    shown = repr(key)[:80]
    return OutputError(f"it holds a mapping with the key {shown}; keys of JSON are text", "write its keys as text")


def _check_all(values: Collection[Any], todo: list[Any]) -> None:
    if not LEAVES.issuperset(map(type, values)):
        todo.extend(values)


def _check_other(one: Any, todo: list[Any]) -> None:
    if isinstance(one, (*BINARY, Path, msgspec.Raw)):
        raise OutputError(f"it holds {indefinite(type(one).__name__)} inside another value", AS_BYTES)
    if isinstance(one, list | tuple | set | frozenset):
        todo.extend(one)
    elif isinstance(one, float):
        todo.append(float(one))
    elif (fields := _fields(one)) is not None:
        _check_keys(fields)
        todo.extend(fields.values())
