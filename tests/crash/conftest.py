"""Folders with processes in them, and figures at the end of the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.crash.stage")

from tests.crash.stage import Stage  # noqa: E402 - rewritten only if it is imported after that

_figures: list[str] = []


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[Callable[[], Stage]]:
    """Makes stages, each in a folder of its own."""
    made: list[Stage] = []

    def make() -> Stage:
        made.append(Stage(tmp_path / str(len(made))))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(stages: Callable[[], Stage]) -> Stage:
    return stages()


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Keeps a line of figures for the end of the output."""
    return _figures.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("figures")
        for line in _figures:
            terminalreporter.write_line(line)
