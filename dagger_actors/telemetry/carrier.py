"""A trace context as text: how it gets from one process into another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context as contexts
from opentelemetry import propagate
from opentelemetry.context import Context

__all__ = ["carried", "carrier_of"]


def carrier_of(context: Context) -> tuple[tuple[str, str], ...]:
    """Write a context down, in the format that the process has chosen (W3C's, unless it says otherwise)."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context)
    return tuple(carrier.items())


@contextmanager
def carried(carrier: tuple[tuple[str, str], ...]) -> Iterator[None]:
    """While this is entered, what is traced is part of that trace."""
    token = contexts.attach(propagate.extract(dict(carrier)))
    try:
        yield
    finally:
        contexts.detach(token)
