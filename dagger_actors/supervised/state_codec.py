"""How the state of a durable actor is stored, and read again by a class that may have changed since.

As MessagePack, the fields by name: unlike JSON it keeps what a Struct may hold as it is (numbers that are not finite, keys
that are no text, bytes without a type).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dagger_actors.core.durable import FORMAT
from dagger_actors.core.wording import indefinite
from dagger_actors.errors import StateUnreadable, TurnRefused
from dagger_actors.supervised.wire import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STATE_BYTES", "StateCodec"]

STATE_BYTES = 1024 * 1024
"""The longest state: it is written whole with each turn that changes it, so what grows belongs elsewhere."""

Migrate = "Callable[[dict[str, Any]], object]"


class StateCodec:
    """Encodes and decodes the states of one class.

    Args:
        kind: The Struct that its ``state`` is annotated with.
        migrate: The class's hook; None = it has none.
    """

    def __init__(self, kind: type[msgspec.Struct], migrate: Callable[[dict[str, Any]], object] | None) -> None:
        self.kind = kind
        self._migrate = migrate
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._known = {*kind.__struct_encode_fields__, kind.__struct_config__.tag_field}

    def encode(self, actor: str, state: object, *, known: bytes | None = None) -> bytes:
        """Encode a state.

        Args:
            actor: Whose, for messages.
            state: What it has for its state.
            known: An encoding that decodes, so that an equal one need not be tried.

        Raises:
            TurnRefused: It is of another class, cannot be encoded, would not decode again, or is too large.
        """
        if type(state) is not self.kind:
            raise TurnRefused(
                actor, f"its state is {indefinite(type(state).__name__)}, not {indefinite(self.kind.__name__)}"
            )
        try:
            data = self._encode(state)
            if data != known:
                self._decode(data)  # an ill-typed field must not be found out by the next process
        except Exception as error:
            raise TurnRefused(actor, f"its state cannot be stored: {text_of(error)}") from error
        if len(data) > STATE_BYTES:
            raise TurnRefused(actor, f"its state takes {len(data):,} bytes, and {STATE_BYTES:,} are the most")
        return data

    def decode(self, actor: str, data: bytes, form: int) -> object:
        """Decode what is stored; ``migrate`` is asked when it does not fit, or holds a field that is gone.

        Raises:
            StateUnreadable: It does not fit, and there is no ``migrate``, or that one fails too.
        """
        if form != FORMAT:
            raise StateUnreadable(actor, f"a newer program wrote it (format {form}, this one knows {FORMAT})")
        try:
            misfit = self._gone(data)
            if not misfit:
                return self._decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            misfit = str(error)
        except BaseException as error:  # noqa: BLE001  the Struct's own __post_init__
            misfit = _unless_death(error)
        if self._migrate is None:
            raise StateUnreadable(actor, misfit)
        try:
            return self._migrated(msgspec.msgpack.decode(data))
        except BaseException as error:
            raise StateUnreadable(actor, f"{misfit}, and migrate: {_unless_death(error)}") from error

    def _gone(self, data: bytes) -> str:
        """Say which stored fields the Struct has no more; they would be lost with the next commit."""
        gone = [repr(name) for name in msgspec.msgpack.decode(data) if name not in self._known]
        return f"{self.kind.__name__} has no {', '.join(gone)}" if gone else ""

    def _migrated(self, old: dict[str, Any]) -> object:
        assert self._migrate is not None
        state = self._migrate(old)
        if isinstance(state, Mapping):
            state = msgspec.convert(dict(state), self.kind)
        return self._decode(self._encode(state))


def _unless_death(error: BaseException) -> str:
    if getattr(error, "is_death", False):
        raise error
    return text_of(error)
