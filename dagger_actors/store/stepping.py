"""How operations speak to SQLite: any number of rows in one step, the answer in one row.

APSW gives the GIL away at every step, and beside one CPU-bound thread each row of its own would cost a switch interval. So
ids go in as one JSON array and come out as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from dagger_actors.store.statements import sql

__all__ = ["ask", "ask_keys", "do", "rows_of", "text"]

_keys = msgspec.json.Decoder(list[int])


def text(value: Any) -> str:
    """JSON text of ids or rows."""
    return msgspec.json.encode(value).decode()


def do(connection: apsw.Connection, name: str, *parameters: Any) -> None:
    """Execute a statement that answers nothing."""
    connection.execute(sql(name), parameters)


def ask(connection: apsw.Connection, name: str, *parameters: Any) -> Any:
    """The one value that a statement answers."""
    return next(connection.execute(sql(name), parameters))[0]


def ask_keys(connection: apsw.Connection, name: str, *parameters: Any) -> list[int]:
    """The ids that a statement answers."""
    return _keys.decode(ask(connection, name, *parameters))


def rows_of(keys: Iterable[int], *more: Any) -> str:
    """Each id as a row of its own, as the statements of the journal's groups take them."""
    return text([(key, *more) for key in keys])
