"""What ``--help`` looks like: every command in its place, text that fits the terminal."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from dagger_actors.cli.app import COMMANDS, GROUPS, app
from dagger_actors.cli.help_page import ABOUT


def page(*words: str, width: int) -> str:
    written = io.StringIO()
    app.help_print([*words], console=Console(file=written, width=width))
    return written.getvalue()


def test_every_command_has_one_place() -> None:
    """Law: what there is, is beneath one heading; what is beneath a heading, is there."""
    shown = [name for names in ABOUT.values() for name in names]
    assert sorted(shown) == sorted([*(name for name, _, _ in COMMANDS), *GROUPS])


def test_commands_stand_by_what_they_are_about() -> None:
    """Law: the headings in their order, beneath each its commands in theirs, and last what the program itself takes."""
    lines = page(width=120).splitlines()
    told = [line.strip().partition(":")[0] for line in lines if line.endswith(":") or line.startswith("  ")]
    wanted = [name for title, names in ABOUT.items() for name in (title, *names)]
    assert told == [*wanted, "Options", "--help, -h", "--version"]


@pytest.mark.parametrize("width", [40, 80, 133])
@pytest.mark.parametrize("words", [(), ("tail",), ("run",), ("tasks", "submit"), ("graph",)], ids=" ".join)
def test_text_is_wrapped_once(words: tuple[str, ...], width: int) -> None:
    """Law: a line fits the terminal, and ends only where the next word would not have fitted."""
    lines = page(*words, width=width).splitlines()
    entries = lines[next(at for at, line in enumerate(lines) if line.startswith("  ")) :]
    for line, following in itertools.pairwise(entries):
        assert len(line) <= width or " " not in line.strip()
        if following.startswith("      "):
            assert len(line) + 1 + len(following.split()[0]) > width


def test_what_an_option_may_be_is_told_with_it() -> None:
    """Law: choices, defaults, and what must be given."""
    text = page("graph", width=200)
    assert "[choices: mermaid, dot, svg]" in text
    assert "  --db STR: Database file. [default: dagger.db]" in page("tail", width=200)
    assert "list them. [required]" in page("tail", width=200)
