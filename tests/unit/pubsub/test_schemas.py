"""Channels and subscriptions list the JSON Schemas of their messages."""

from __future__ import annotations

from typing import Any

import jsonschema
import msgspec

from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.schemas import channel_schemas, subscription_schemas
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.declared.wiring import wire
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.pubsub.subscribers.subscribe import subscribe


class Page(msgspec.Struct, frozen=True):
    """A message."""

    url: str


class Note(msgspec.Struct, frozen=True):
    """Another."""

    size: int = 0


class Reader(Subscriber):
    """Reads."""

    @subscribe("raw.*", "more", publishes="notes")
    def read(self, page: Page) -> list[Note]:
        """Make notes of a page."""

    @subscribe("any")
    def look(self, one: Any) -> None: ...


def members() -> Members:
    """One subscriber."""
    found = Members()
    found.add(Reader)
    return found


def test_each_subscription_says_what_it_takes_and_gives() -> None:
    """Law: with the first words of its handler, or of its class."""
    read, look = subscription_schemas(members().subscriptions())
    assert (read.name, read.channels, read.publishes) == ("reader.read", ("raw.*", "more"), ("notes",))
    assert (read.description, look.description) == ("Make notes of a page.", "Reads.")
    assert read.place.startswith(__file__)
    jsonschema.validate({"url": "a"}, read.takes["Page"])
    assert list(jsonschema.Draft202012Validator(read.takes["Page"]).iter_errors({"url": 5}))
    assert list(read.gives) == ["Note"]
    assert list(look.takes) == [""]
    jsonschema.validate([1, {}], look.takes[""])


def test_each_channel_and_pattern_says_what_it_takes() -> None:
    """Law: by the names of the classes."""
    found = {
        one.name: one.messages
        for one in channel_schemas(
            wire(members(), [Channel("raw.*", Page | Note), Channel("notes"), Channel("more"), Channel("any")])
        )
    }
    assert {name: [*messages] for name, messages in found.items()} == {
        "raw.*": ["Page", "Note"],
        "notes": ["Note"],
        "more": ["Page"],
        "any": [""],
    }
    jsonschema.validate({"size": 1}, found["raw.*"]["Note"])
