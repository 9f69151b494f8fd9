"""The two streams of a command: whoever reads them may stop at any time, and nothing else may come of it.

A run is there for its effects, not for its reader. Python turns a closed pipe (``| head``) into an error at the next
write: it would fail an action that prints, and end a command that has something left to do. Instead the descriptor is
turned to ``/dev/null`` at the first such write, and the exit status stays what it would have been.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Patient", "make_patient"]


class Patient(io.FileIO):
    """Writes to a descriptor until its reader is gone, and then to nobody."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write it, or as much of it as the descriptor takes."""
        try:
            return super().write(data)
        except BrokenPipeError:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, self.fileno())
            os.close(devnull)
            return super().write(data)


def make_patient() -> None:
    """Let the process's own stdout and stderr outlive their readers, and write whatever their encoding has no word for."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Started with it closed (`>&-`), there is nobody to tell; the run is to go on all the same.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process
        elif stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _patient(stream))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _patient(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = Patient(stream.fileno(), "wb", closefd=False)
    # Unbuffered (`python -u`), Python puts nothing between the text and the descriptor.
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if is_buffered else raw,
        encoding=stream.encoding,
        # A name in another script must not end the run of a terminal that cannot write it.
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
