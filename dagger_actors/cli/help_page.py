"""How ``--help`` looks: commands by what they are about, text that is wrapped once, with what goes on set in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from cyclopts import Group
from cyclopts.help import PlainFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

__all__ = ["OPTIONS", "HelpPage", "group_of"]

ABOUT: Final = {
    "Runs of flows": ("run", "resume", "retry", "fork", "pause", "cancel", "questions", "approve", "reject", "signal"),
    "Looking at runs": ("runs", "show", "why", "tree", "graph", "diff", "tail", "replay", "artifacts"),
    "Tasks": ("tasks", "jobs", "worker"),
    "Channels": ("channels", "publish", "subscriptions", "dead-letters"),
    "Systems": ("up", "bench"),
    "Files": ("validate", "list", "init", "schema", "completion"),
}
"""The commands, in the order in which ``--help`` shows them."""
GROUPS: Final = {title: Group(title, sort_key=at) for at, title in enumerate(ABOUT)}
OPTIONS: Final = Group("Options", sort_key=len(ABOUT))
"""Behind them, what the program itself takes."""


def group_of(command: str) -> tuple[Group, int]:
    """Where ``--help`` shows a command: beneath which heading, and at which place there."""
    return next((GROUPS[title], names.index(command)) for title, names in ABOUT.items() if command in names)


class HelpPage(PlainFormatter):
    """Text without frames, for pipes and readers aloud; each entry with a hanging indent."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print one panel: a title and its entries."""
        del options
        lines = [f"{panel.title}:"] if panel.title and panel.entries else []
        for entry in panel.entries:
            lines += textwrap.wrap(
                _line(entry, console, is_parameter=panel.format == "parameter"),
                console.width,
                initial_indent="  ",
                subsequent_indent="      ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        if lines:
            console.print("\n".join([*lines, ""]), highlight=False, markup=False, soft_wrap=True)


def _line(entry: HelpEntry, console: Console, *, is_parameter: bool) -> str:
    labels = entry.display_labels_with_metavar if is_parameter else (*entry.positive_names, *entry.positive_shorts)
    facts = (
        _plain(entry.description, console),
        f"[choices: {', '.join(entry.choices)}]" if entry.choices else "",
        f"[default: {entry.default}]" if entry.default is not None else "",
        "[required]" if entry.required else "",
    )
    told = " ".join(fact for fact in facts if fact)
    return ", ".join(labels) + (f": {told}" if told else "")


def _plain(text: Any, console: Console) -> str:
    """One line of a text, or of what rich would make of it."""
    if text is None or isinstance(text, str):
        return " ".join((text or "").split())
    with console.capture() as captured:
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    return " ".join(captured.get().split())
