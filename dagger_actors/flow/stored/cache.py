"""The cache of outputs: one key for an action's code and its inputs, and the output it gave for them.

The parts of a key are hashed one by one, so that a miss can say which of them has changed. What is stored is a row that
names the output; an artifact it names is verified before it is given out again.
"""

from __future__ import annotations

import hashlib

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.output_cache import Lookup
from dagger_actors.core.messages import (
    ArtifactRecord,
    CacheUse,
    CacheWish,
    Gathered,
    Inline,
    Output,
    SecretName,
    StartAttempt,
    Stored,
    Succeeded,
    Turn,
    Value,
)
from dagger_actors.core.protocols import Clock
from dagger_actors.errors import ArtifactCorrupt, ArtifactMissing
from dagger_actors.store.store import Store

__all__ = ["StoredOutputs"]

MAX_NAMED = 5


class StoredOutputs:
    """Implements ``bodies.output_cache.OutputCache``: reads the rows that are written with the ends of attempts.

    Args:
        store: The open database.
        clock: For the age of what is found.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def look(self, action: Action, start: StartAttempt, wish: CacheWish) -> Lookup:
        """Look for the output of an attempt.

        Raises:
            StoreError: The file cannot be read.
        """
        secret = next((name for name, value in start.inputs if isinstance(value, SecretName)), None)
        if secret is not None:
            return Lookup(turn=Turn(reason=f"not cached: the input {secret!r} is secret"))
        identity = action.identity()
        if identity is None:
            return Lookup(turn=Turn(reason="not cached: nothing says what the code of its action is"))
        parts = parts_of(identity, start)
        text = msgspec.json.encode(parts, order="sorted")
        input_hash = hashlib.sha256(text).hexdigest()
        use = CacheUse(input_hash, text.decode(), is_hit=False)
        if not wish.is_reused:
            return Lookup(turn=Turn(cache=use, reason="computed anew: --no-cache"))
        found, why = self._find(input_hash, text.decode(), wish)
        if found is not None:
            return Lookup(found=found)
        reason = why or self._difference(parts, start, wish)
        return Lookup(turn=Turn(cache=use, reason=reason))

    def _find(self, input_hash: str, parts: str, wish: CacheWish) -> tuple[Succeeded | None, str]:
        rows = self._store.readers.query("read.cached", input_hash)
        if not rows:
            return None, ""
        output, artifact_id, kind, size_bytes, run_id, node_id, *place, created_us = rows[0]
        if wish.ttl_us is not None and self._clock.now().wall_us - created_us >= wish.ttl_us:
            return None, f"computed: the output of run {run_id} is older than {wish.ttl_us / 1e6:g} s"
        value: Output = Inline(output.encode()) if output is not None else Stored(artifact_id, kind, size_bytes)
        names = self._store.readers.query("read.attempt_names", *place)
        try:
            for needed in ([artifact_id] if artifact_id is not None else []) + [name[1] for name in names]:
                self._store.load_artifact(needed)
        except (ArtifactCorrupt, ArtifactMissing):
            return None, f"computed: an artifact of run {run_id} is damaged or missing"
        saved = tuple(
            ArtifactRecord(found_id, found_kind, media_type, size, "stored", name=name)
            for name, found_id, found_kind, media_type, size in names
        )
        reason = f"cached: computed by {node_id} in run {run_id}"
        return Succeeded(value, Turn(saved, cache=CacheUse(input_hash, parts, is_hit=True), reason=reason)), ""

    def _difference(self, parts: dict[str, str], start: StartAttempt, wish: CacheWish) -> str:
        """Say which part of the key is not what it was when this node was computed last."""
        place = (wish.flow_name, start.node_id, start.invocation_key)
        rows = self._store.readers.query("read.cached_before", *place)
        if not rows:
            return "computed: not in the cache"
        before, run_id = msgspec.json.decode(rows[0][0], type=dict[str, str]), rows[0][1]
        changed = sorted(name for name in parts.keys() | before.keys() if parts.get(name) != before.get(name))
        more = f" and {len(changed) - MAX_NAMED} more" if len(changed) > MAX_NAMED else ""
        return f"computed: {', '.join(changed[:MAX_NAMED])}{more} changed since run {run_id}"


def parts_of(identity: str, start: StartAttempt) -> dict[str, str]:
    """The parts of a key by name, each as a hash."""
    parts = {"action": digest(identity.encode())}
    if start.outputs:
        parts["outputs"] = digest(msgspec.json.encode(start.outputs))
    return parts | {f"inputs.{name}": digest(canonical(value)) for name, value in start.inputs}


def canonical(value: Value) -> bytes:
    """One text for equal values: keys sorted, no spaces; artifacts by the hash of their content."""
    match value:
        case Inline(json=text):
            return msgspec.json.encode(msgspec.json.decode(text), order="sorted")
        case Stored(artifact_id=artifact_id, kind=kind, key=key):
            return msgspec.json.encode({"artifact": artifact_id, "kind": kind, "key": key})
        case Gathered(items=items):
            return b"[" + b",".join(map(canonical, items)) + b"]"
        case SecretName():
            raise AssertionError("what has a secret among its inputs is never cached")


def digest(data: bytes) -> str:
    """SHA-256, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
