"""How a handler is called: what its messages are decoded by, where what it gives goes, found out once for each subscription."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from dagger_actors.bodies.parameters import alternatives, decode_custom
from dagger_actors.bodies.result_check import CheckResult, result_check
from dagger_actors.bodies.snooze import Snooze
from dagger_actors.core.turns import Delivered
from dagger_actors.core.wording import indefinite, listed
from dagger_actors.errors import DaggerError, DeliveryRefused, GivenRefused, ResultError
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.turns.sources import Publisher

__all__ = ["Plan"]


class Plan:
    """One handler of one subscription.

    Args:
        subscription: The subscription's name, for errors.
        handler: The handler.
        publisher: Encodes what it gives.
        publishes: Channels that it may publish to; of a handler of timers those of the subscription.

    Attributes:
        function: What is called: with the instance, the message or messages, and the context where it is wanted.
        takes_many: Whether a list or tuple is one message, as the annotation has it; else it is published item by item.
    """

    def __init__(
        self, subscription: str, handler: HandlerKind, publisher: Publisher, publishes: tuple[str, ...]
    ) -> None:
        self._subscription = subscription
        self._publisher = publisher
        self.handler = handler
        self.function = handler.function
        self.is_async = handler.is_async
        self.is_generator = handler.is_generator
        self.is_batch = handler.is_batch
        self.has_context = handler.has_context
        self._decoders = _decoders(handler.takes)
        self._gives = tuple(handler.gives.values())
        self._classes = frozenset(kind for kind in self._gives if isinstance(kind, type) and kind is not object)
        self._check = _check(subscription, handler.gives)
        self.takes_many = any(name in handler.gives for name in ("list", "tuple"))
        self._to = tuple(channel for channel in publishes if "*" not in channel)

    # --- what it takes

    def decode(self, delivery: Delivered) -> Any:
        """Decode a message, strictly.

        Raises:
            DeliveryRefused: It does not fit.
        """
        decode = self._decoders.get(delivery.type) or self._decoder_of(delivery)
        try:
            return decode(delivery.payload)
        except (msgspec.MsgspecError, ValueError, TypeError, NotImplementedError, RecursionError) as error:
            raise self._refused(delivery, str(error)) from None

    def without_key(self, delivery: Delivered) -> DeliveryRefused:
        """Say why a message has no key, though its subscription wants one."""
        reason = "it has no key"
        if self.handler.key_of is not None:
            try:
                self.handler.key_of(delivery.payload)
            except DaggerError as error:
                reason = str(error)
        return self._refused(delivery, reason)

    def _decoder_of(self, delivery: Delivered) -> Callable[[bytes], Any]:
        """What has no class is read as the only one; and who takes anything takes every class."""
        found = self._decoders.get("")
        if found is None and not delivery.type and len(self._decoders) == 1:
            found = next(iter(self._decoders.values()))
        if found is None:
            taken = listed(sorted(self._decoders))
            raise self._refused(
                delivery, f"it is {indefinite(delivery.type or 'message without a class')}, not {taken}"
            )
        return found

    def _refused(self, delivery: Delivered, reason: str) -> DeliveryRefused:
        return DeliveryRefused(self._subscription, f"{delivery.channel}/{delivery.offset}", reason)

    # --- what it gives

    def encode(self, given: object) -> tuple[str, str, str]:
        """Give the channel, the name of the class and the JSON text of one thing to be published.

        Raises:
            GivenRefused: It is not what the handler is annotated to give.
            PublicationRefused: No channel takes it.
        """
        if type(given) not in self._classes:
            self._refuse_wrong(given)
        to = self._to
        if len(to) == 1:
            return to[0], *self._publisher.encode(to[0], given)
        return self._first_that_takes(given)

    def _refuse_wrong(self, given: object) -> None:
        if isinstance(given, Snooze):
            raise self._wrong(given, "a Snooze stands alone: return it, or yield nothing behind it")
        if not self._gives:
            raise self._wrong(given, "it is annotated to give nothing; correct the code or the annotation")
        if self._check is None:
            return
        try:
            self._check(given, None)
        except ResultError as error:
            raise self._wrong(
                given, f"it is annotated to give {error.hint} ({error.reason}); correct the code or the annotation"
            ) from None

    def _first_that_takes(self, given: object) -> tuple[str, str, str]:
        if not self._to:
            raise self._wrong(given, "it declares no channel for results; write publishes='CHANNEL'")
        first: DaggerError | None = None
        for channel in self._to:
            try:
                return channel, *self._publisher.encode(channel, given)
            except DaggerError as error:
                first = first or error
        assert first is not None
        raise first

    def _wrong(self, given: object, reason: str) -> GivenRefused:
        return GivenRefused(self._subscription, indefinite(type(given).__qualname__), reason)


def _decoders(takes: Mapping[str, Any]) -> dict[str, Callable[[bytes], Any]]:
    return {name: msgspec.json.Decoder(hint, dec_hook=decode_custom).decode for name, hint in takes.items()}


def _check(subscription: str, gives: Mapping[str, Any]) -> CheckResult | None:
    if not gives:
        return None
    members = tuple(member for hint in gives.values() for member in alternatives(hint))
    hint = reduce(or_, gives.values()) if all(map(_can_be_joined, gives.values())) else Any
    return result_check(subscription, hint, members, decode_custom)


def _can_be_joined(hint: Any) -> bool:
    return hasattr(type(hint), "__or__")
