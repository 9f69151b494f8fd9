"""Where messages come from: the command line, a file, or a stream of lines as they come."""

from __future__ import annotations

import contextlib
import itertools
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import msgspec

from dagger_actors.cli.exits import UsageError
from dagger_actors.cli.text import one_line
from dagger_actors.core.wording import quoted

__all__ = ["Line", "Source"]

LONGEST: Final = 4 * 1024 * 1024
"""Characters of a message; more than one may have, which the library says."""

AT_ONCE: Final = 1_000
"""Lines that are given at once, when so many are there."""

AS_LINES: Final = (".jsonl", ".ndjson")

QUOTE = """quote it for the shell: '{"item": "tea"}', '"words"'; `@FILE` reads it from a file, `-` from the lines of stdin"""


class Line(NamedTuple):
    """One message as it was written, and where it stands; 0 = alone."""

    number: int
    text: str

    def decode(self) -> Any:
        """Read it.

        Raises:
            UsageError: It is no JSON.
        """
        where = f"line {self.number:,}" if self.number else "the message"
        if len(self.text) >= LONGEST:
            raise UsageError(f"{where} is longer than {LONGEST:,} characters, and a message has 1 MiB at most")
        try:
            return msgspec.json.decode(self.text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise UsageError(f"{where} is not JSON: {one_line(str(error))}", "" if self.number else QUOTE) from None


class Source:
    """Messages; iterated in lists, of which one that comes from a stream waits for no other.

    Args:
        text: JSON; ``@FILE``; ``-``, the lines of stdin.

    Attributes:
        are_many: Whether each line is a message.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._path = Path(text[1:]) if text.startswith("@") else None
        self.are_many = text == "-" or (self._path is not None and self._path.suffix in AS_LINES)

    def __iter__(self) -> Iterator[list[Line]]:
        """Give them; empty lines are passed over.

        Raises:
            UsageError: They cannot be read.
        """
        if not self.are_many:
            yield [Line(0, self._text if self._path is None else _content(self._path))]
            return
        number = itertools.count(1)
        for lines in _arriving(sys.stdin) if self._path is None else _lines(self._path):
            numbered = [Line(next(number), line) for line in lines]
            yield [line for line in numbered if line.text.strip()]


def _content(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST)
    except (OSError, UnicodeError) as error:
        raise _unreadable(path, error) from None


def _lines(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8") as file:
            while lines := list(itertools.islice(iter(lambda: file.readline(LONGEST), ""), AT_ONCE)):
                yield lines
    except (OSError, UnicodeError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return UsageError(f"the file {quoted(str(path))} cannot be read: {reason}")


def _arriving(stream: TextIO) -> Iterator[list[str]]:
    """Lines as they come: those that are there at once, or the next one. A pause in a stream keeps nothing back."""
    lines: queue.Queue[str | Exception] = queue.Queue(AT_ONCE)

    def read() -> None:
        try:
            while line := stream.readline(LONGEST):
                lines.put(line)
        except (OSError, ValueError) as error:
            lines.put(error)
        lines.put("")

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while True:
        found = [lines.get()]
        with contextlib.suppress(queue.Empty):
            while len(found) < AT_ONCE:
                found.append(lines.get_nowait())
        yield [one for one in found if isinstance(one, str) and one]
        for one in found:
            if isinstance(one, Exception):
                raise UsageError(f"stdin cannot be read: {one}")
        if found[-1] == "":
            return
