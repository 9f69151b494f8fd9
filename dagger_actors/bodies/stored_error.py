"""How a failure is kept in a row and told in one line."""

from __future__ import annotations

import msgspec

from dagger_actors.core.messages import ErrorDetail

__all__ = ["decode_error", "describe", "encode_error"]

_decoder = msgspec.json.Decoder(ErrorDetail)


def encode_error(error: ErrorDetail) -> str:
    """The error as JSON text, for its row."""
    return msgspec.json.encode(error).decode()


def decode_error(text: str) -> ErrorDetail:
    """The error of a row."""
    return _decoder.decode(text)


def describe(error: ErrorDetail) -> str:
    """One line: the class's bare name and the first line of its text."""
    name = error.type.rpartition(".")[2]
    first = error.message.strip().partition("\n")[0]
    return f"{name}: {first}" if first else name
