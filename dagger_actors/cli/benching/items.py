"""The items that a function of the user's gives: found by its name, taken one by one, its mistakes told as its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from dagger_actors.cli.exits import UsageError
from dagger_actors.core.wording import indefinite, quoted
from dagger_actors.reading.importing import Wanted, import_reference, place_in
from dagger_actors.supervised.wire import text_of

__all__ = ["WRITE_ONE", "Items", "load_items"]

A_GENERATOR = Wanted(noun="generator", outcome="nothing was sent")
MAX_MESSAGE = 500
"""Characters kept of an error's text."""

WRITE_ONE = "Write a generator without parameters: def items(): yield Order(...)"


class Items(msgspec.Struct, frozen=True):
    """A function that makes items.

    Attributes:
        reference: How the command line names it.
        make: The function.
    """

    reference: str
    make: Callable[[], Iterable[object]]

    def __iter__(self) -> Iterator[object]:
        """Give them.

        Raises:
            UsageError: The user's code raises, or gives none.
        """
        name = self.reference
        items: object = None
        has_any = False
        try:
            items = self.make()
            if isinstance(items, Iterable):
                for item in items:
                    has_any = True
                    yield item
        except GeneratorExit:
            raise
        except BaseException as error:
            text = f"{name} raised {text_of(error)[:MAX_MESSAGE]} ({place_in(error)})"
            raise UsageError(text, "Mend it, and try again.") from error
        if not isinstance(items, Iterable):
            raise UsageError(f"{name} gives no items, but {indefinite(type(items).__name__)}", WRITE_ONE)
        if not has_any:
            raise UsageError(f"{name} yields no items", WRITE_ONE)


def load_items(reference: str, folder: Path) -> Items:
    """Find a generator function.

    Args:
        reference: ``file.py:items`` or ``module:items``.
        folder: Where to look first; the current folder comes second.

    Raises:
        DefinitionError: Its module cannot be had.
        UsageError: It is no function.
    """
    module, name = import_reference(reference, folder, A_GENERATOR)
    if not name:
        raise UsageError(f"{quoted(reference)} names a module, but no generator in it", "Write file.py:items.")
    found = getattr(module, name, None)
    if not callable(found):
        raise UsageError(f"there is no generator {quoted(name)} in {quoted(reference.rpartition(':')[0])}", WRITE_ONE)
    return Items(reference, found)
