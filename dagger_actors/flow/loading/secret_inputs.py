"""What a flow file may say of a secret input."""

from __future__ import annotations

from collections.abc import Mapping

from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import FromInput, InputSpec
from dagger_actors.flow.loading.references import Pointer
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Fields

__all__ = ["read_secret", "refuse_secret"]


def read_secret(reader: Reader, fields: Fields, what: str, kind: str | None) -> bool:
    """Read the key ``secret`` of an input; it is text without a default."""
    if "secret" not in fields or not reader.flag(fields["secret"].value, "secret"):
        return False
    if kind not in (None, "str", "any"):
        advice = "Write type: str, and take it apart in the action."
        reader.complain(fields["type"].value.at, f"{what} is secret, so it is text, not {kind}", advice)
    if "default" in fields:
        advice = "Remove the default; give the name of an environment variable when the run starts: -i KEY=env:NAME."
        reader.complain(fields["default"].at, f"{what} is secret, so the file must not hold it", advice)
    return True


def refuse_secret(reader: Reader, pointer: Pointer | None, what: str, declared: Mapping[str, object] | None) -> None:
    """Complain of a secret where it would be seen, or taken apart."""
    found = pointer.found if pointer is not None else None
    if pointer is None or not isinstance(found, FromInput):
        return
    spec = (declared or {}).get(found.key)
    if isinstance(spec, InputSpec) and spec.secret:
        message = f"{what} refers to the input {quoted(found.key)}, which is secret"
        reader.complain(pointer.at, message, "Only the inputs of nodes may refer to a secret.")
