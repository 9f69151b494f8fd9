"""A file's text: decoded strictly, with the line, the column and the source line of every place."""

from __future__ import annotations

import re

from dagger_actors.errors import DefinitionError, Problem

__all__ = ["MAX_BYTES", "MAX_LINES", "UNPRINTABLE", "TextDocument", "decode"]

MAX_BYTES = 32 * 1024 * 1024
"""Size of a file."""
MAX_LINES = 2_000_000
"""Lines of a file; libyaml takes seconds over what has little else."""
CHUNK = 4096

# YAML's printable characters, negated by hand: as a negated set it takes 9 ms to compile, at every start.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


class TextDocument:
    """The text behind a tree: turns an offset into a line, a column and the source line.

    Args:
        text: The whole text, without a byte order mark.
        file: Its name, for messages.
    """

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        # A list of all line starts costs 1 GB on a hostile file: keep number and start of the line every CHUNK.
        self._marks: list[tuple[int, int]] = [(1, 0)]
        self._shown: tuple[int, str] = (-1, "")

    def line_and_column(self, at: int) -> tuple[int, int]:
        """Tell line and column of an offset, both from 1."""
        wanted = at // CHUNK
        while len(self._marks) <= wanted:
            self._marks.append(self._from(len(self._marks) - 1, len(self._marks) * CHUNK))
        line, start = self._from(wanted, at)
        return line, at - start + 1

    def where(self, at: int) -> str:
        """Name a place inside a sentence."""
        line, column = self.line_and_column(at)
        return f"line {line}, column {column}"

    def with_default(self, reference: str, node: str, key: str | None) -> str:
        """How a reference is written with a default."""
        del node, key
        return f"{{reference: {reference}, default: null}}"

    def _from(self, mark: int, at: int) -> tuple[int, int]:
        line, start = self._marks[mark]
        nearest = self.text.rfind("\n", mark * CHUNK, at) + 1
        return line + self.text.count("\n", mark * CHUNK, at), nearest or start

    def problem(self, at: int, message: str, advice: str = "") -> Problem:
        """Word a problem with its place and source line."""
        at = min(max(at, 0), len(self.text))
        line, column = self.line_and_column(at)
        # A thousand problems on one line of 30 MB must share it, not copy it.
        if self._shown[0] != line:
            start = at - column + 1
            end = self.text.find("\n", start)
            source = self.text[start : end if end >= 0 else None].removesuffix("\r")
            self._shown = line, UNPRINTABLE.sub("\ufffd", source).replace("\r", "\ufffd")
        return Problem(message, advice, self.file, line, column, self._shown[1])


def decode(content: bytes, file: str) -> str:
    """Decode UTF-8 strictly, refusing what is too large or encoded otherwise."""
    if len(content) > MAX_BYTES:
        raise DefinitionError([Problem(f"the file is larger than {MAX_BYTES >> 20} MiB", "Split it.", file)])
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[:4] == b"\0\0\xfe\xff":
        raise DefinitionError([Problem("the file is in UTF-16 or UTF-32", "Save it as UTF-8.", file, 1, 1)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts from behind a byte order mark.
        skipped = 3 if content[:3] == b"\xef\xbb\xbf" else 0
        before = content[skipped : skipped + error.start].decode("utf-8")
        line_end = re.compile(rb"[\r\n]|\Z").search(content, skipped + error.start)
        rest = content[skipped + error.start : line_end.start() if line_end else None].decode("utf-8", "replace")
        wrong = content[skipped + error.start]
        message = f"the file is not UTF-8: byte 0x{wrong:02x} cannot stand here"
        raise DefinitionError(
            [TextDocument(before + rest, file).problem(len(before), message, "Save it as UTF-8.")]
        ) from None
