"""The actions that the bad flows name; nothing here is ever run."""

import msgspec

from dagger_actors import action


class Page(msgspec.Struct):
    title: str
    words: int


@action
def fetch() -> Page: ...


@action
def words(text: str) -> list[str]: ...


@action
def add(num1: int, num2: int) -> int: ...


@action
def shout(text: str, loud: bool = True) -> str: ...


def unmarked() -> int: ...
