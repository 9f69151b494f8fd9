"""``--json``: exactly one JSON document on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from dagger_actors.flow.report import Report

__all__ = ["write_json", "write_reports"]


def write_json(value: object) -> None:
    """Write one document and a newline, as UTF-8 whatever the locale."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def write_reports(reports: Sequence[Report], *, is_list: bool) -> None:
    """Write a report, or a list of them."""
    write_json(list(reports) if is_list else reports[0])
