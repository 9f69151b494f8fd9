"""Requests for ``dagger-actors bench specs/review.yaml --publish requests=review_load.py:requests``."""

from __future__ import annotations

from collections.abc import Iterator

from review_agents import Request

PACKAGES = ("concurrent", "html", "http", "json", "urllib", "xml")


def requests() -> Iterator[Request]:
    """One package after the other, for ever."""
    while True:
        for package in PACKAGES:
            yield Request(packages=[package])
