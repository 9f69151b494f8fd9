r"""``--json``: exactly one JSON document on stdout, or, of what comes bit by bit, one on each line.

What could steer a terminal is an escape in it, as in ``"\u009b"``: to a program it is the same text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import msgspec

from dagger_actors.cli.text import HOSTILE
from dagger_actors.flow.reports.report import Report

__all__ = ["json_page", "write_json", "write_json_lines", "write_reports"]


def write_json(value: object) -> None:
    """Write one document and a newline, as UTF-8 whatever the locale."""
    _write(json_page(msgspec.json.encode(value)) + "\n")


def write_json_lines(values: Iterable[object]) -> None:
    """Write a document a line, as UTF-8 whatever the locale."""
    _write("".join(f"{_escaped(msgspec.json.encode(value))}\n" for value in values))


def write_reports(reports: Sequence[Report], *, is_list: bool) -> None:
    """Write a report, or a list of them."""
    write_json(list(reports) if is_list else reports[0])


def json_page(content: bytes) -> str:
    """Lay a JSON document out for people."""
    return _escaped(msgspec.json.format(content, indent=2))


def _escaped(content: bytes) -> str:
    # Of ASCII only DEL is not escaped already; outside strings JSON has none of these.
    return HOSTILE.sub(lambda found: json.dumps(found.group())[1:-1], content.decode())


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
