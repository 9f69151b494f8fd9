"""The headers of a message that say which trace it is part of."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["TRACE_HEADERS", "in_trace"]

TRACE_HEADERS: Final = ("traceparent", "tracestate")
"""Those of W3C's Trace Context."""

_texts = msgspec.json.Decoder(dict[str, str])


def in_trace(headers: str | None, trace: str | None) -> str | None:
    """Say in a message's headers which trace it is part of; whoever has said so himself keeps his word.

    Args:
        headers: A JSON object of texts; None = none.
        trace: What ``Telemetry.carrier`` gave; None = it is part of none.
    """
    if trace is None or headers is None:
        return headers if trace is None else trace
    own = _texts.decode(headers)
    return headers if TRACE_HEADERS[0] in own else msgspec.json.encode({**own, **_texts.decode(trace)}).decode()
