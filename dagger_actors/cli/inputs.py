"""``-i KEY=VALUE``: text from the command line becomes the value that the flow declares."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from dagger_actors.bodies.secret import ENV, Secret
from dagger_actors.cli.exits import UsageError
from dagger_actors.core.wording import quoted
from dagger_actors.errors import InvalidInputs, RequestError
from dagger_actors.flow.definition import InputSpec, InputType
from dagger_actors.reading.core_schema import resolve

__all__ = ["advising_inputs", "parse_answer", "parse_inputs"]

EXAMPLES: dict[InputType, str] = {
    "int": "10",
    "float": "2.5",
    "bool": "true",
    "list": "'[1, 2]'",
    "dict": "'{\"a\": 1}'",
}
YES_OR_NO: Final[Mapping[str, bool]] = {
    "y": True, "yes": True, "true": True,
    "n": False, "no": False, "false": False,
}  # fmt: skip
SHOWN = 5
"""Missing inputs that an example has."""


def parse_inputs(pairs: Sequence[str], declared: Mapping[str, InputSpec] | None) -> dict[str, Any]:
    """Read the ``-i`` arguments.

    What is missing or unknown is for ``flows.start`` to refuse, as it does for a Python caller.

    Args:
        pairs: ``KEY=VALUE`` each; the first ``=`` counts.
        declared: The flow's inputs; None when it declares none, each value is then read as ``any``.

    Returns:
        Values by key: ``str`` verbatim, ``list`` and ``dict`` from JSON, everything else as a YAML 1.2 core scalar,
        ``any`` as whichever of these it looks like.

    Raises:
        UsageError: No ``=``, a key given twice, or a value of another type; names the input.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            name = key if key in (declared or {}) else next(iter(declared or ()), "limit")
            kind = declared[name].type if declared and name in declared else "int"
            example = f"for example: -i {name}={EXAMPLES.get(kind, 'text')}"
            raise UsageError(f"-i {quoted(pair)} is not of the form KEY=VALUE", example)
        if key in values:
            raise UsageError(f"the input {quoted(key)} is given twice", "give each -i KEY=VALUE once")
        spec = (declared or {}).get(key)
        is_secret = spec is not None and spec.secret
        values[key] = _secret(key, text) if is_secret else _parse(key, text, spec.type if spec else "any")
    return values


@contextlib.contextmanager
def advising_inputs(declared: Mapping[str, InputSpec], given: Collection[str]) -> Iterator[None]:
    """Say behind inputs that are refused how those are given that are missing.

    Raises:
        UsageError: Instead of the ``InvalidInputs`` of the block, when some are.
    """
    try:
        yield
    except InvalidInputs as error:
        missing = [(name, spec) for name, spec in declared.items() if spec.default is None and name not in given]
        if not missing:
            raise
        example = " ".join(f"-i {_example(name, spec)}" for name, spec in missing[:SHOWN])
        raise UsageError(str(error), f"for example: {example}") from error


def _example(name: str, spec: InputSpec) -> str:
    return f"{name}={f'{ENV}NAME' if spec.secret else EXAMPLES.get(spec.type, 'text')}"


def parse_answer(text: str, wanted: InputType) -> Any:
    """Read an answer to what a run asks, as an input of that type; yes and no are said in these words, too.

    Raises:
        UsageError: It is of another type.
    """
    if wanted == "bool" and (word := text.lower()) in YES_OR_NO:
        return YES_OR_NO[word]
    return _parse(None, text, wanted)


def _secret(key: str, text: str) -> Secret:
    try:
        if text.startswith(ENV):
            return Secret.env(text.removeprefix(ENV))
    except RequestError:
        pass
    # Never with the text: it may be the secret itself.
    message = f"the input {quoted(key)} is secret: give the name of an environment variable, not what it holds"
    raise UsageError(message, f"for example: -i {key}=env:NAME")


def _parse(key: str | None, text: str, wanted: InputType) -> Any:
    match wanted:
        case "str":
            return text
        case "list" | "dict":
            return _json(key, text, wanted)
        case "any":
            return _json(key, text, wanted) if text[:1] in ("[", "{") else _scalar(key, text, wanted)
        case "int" | "float" | "bool":
            value = _scalar(key, text, wanted)
            # In Python a bool is an int; in a flow file it is not. And a float takes an int, as in the file.
            kinds = {"int": (int,), "float": (int, float), "bool": (bool,)}[wanted]
            if type(value) not in kinds:
                raise _mistyped(key, text, wanted)
            return value


def _scalar(key: str | None, text: str, wanted: InputType) -> Any:
    try:
        return resolve(text)
    except ValueError:
        raise _mistyped(key, text, wanted) from None


def _json(key: str | None, text: str, wanted: InputType) -> Any:
    kind = {"list": list[Any], "dict": dict[str, Any]}.get(wanted, Any)
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _mistyped(key, text, wanted, f" ({error})") from None


def _mistyped(key: str | None, text: str, wanted: InputType, why: str = "") -> UsageError:
    kind = {"list": "a JSON list", "dict": "a JSON object", "any": "JSON"}.get(wanted, f"of type {wanted}")
    example = EXAMPLES.get(wanted)
    what, option = ("the answer", "") if key is None else (f"the input {quoted(key)}", f"-i {key}=")
    advice = f"for example: {option}{example}" if example else "put quotes around text that begins with [ or {"
    return UsageError(f"{what} must be {kind}, not {quoted(text)}{why}", advice)
