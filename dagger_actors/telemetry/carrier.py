"""A trace context as text: how it gets from one process into another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context as contexts
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["carried", "carrier_of", "stored", "text_of"]

LONGEST_STATE = 512
"""Characters of ``tracestate`` that W3C wants to be passed on."""

_w3c = TraceContextTextMapPropagator()


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


def text_of(context: Context) -> str | None:
    """Write down to which span a context belongs, to lie in a file; None = to none.

    In W3C's format whatever the process has chosen, for another program may read it; and without the baggage, which is for
    those who are called and not for those who look into the file.
    """
    headers: dict[str, str] = {}
    _w3c.inject(headers, context)
    if len(headers.get("tracestate", "")) > LONGEST_STATE:
        del headers["tracestate"]
    return json.dumps(headers) if headers else None


def stored(text: str | None) -> Context:
    """The context that was written down; an empty one when there was none."""
    return Context() if text is None else _w3c.extract(json.loads(text), Context())
