"""The names of channels that somebody asks for: refused when they can be none, whoever looks or publishes."""

from __future__ import annotations

from dagger_actors.core.channel_names import NAME_ADVICE, is_name, is_pattern
from dagger_actors.core.wording import quoted
from dagger_actors.errors import RequestError

__all__ = ["refuse_no_name"]


def refuse_no_name(channel: object) -> None:
    """Refuse what can be no channel's name.

    Raises:
        RequestError: It cannot; says what to write.
    """
    if is_pattern(channel):
        raise RequestError(f"{quoted(channel)} stands for many channels, and one is wanted; write its name")
    if not is_name(channel):
        raise RequestError(f"{quoted(channel)} is no channel's name; {NAME_ADVICE}")
