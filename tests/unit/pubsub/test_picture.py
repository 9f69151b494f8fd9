"""The picture of a system shows its channels, its agents and the flow of messages between them, with counts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.cli.graph import graph
from dagger_actors.drawing.dot import write_dot
from dagger_actors.drawing.mermaid import write_mermaid
from dagger_actors.drawing.picture import Picture
from dagger_actors.drawing.svg import write_svg
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.picture import picture_of_messages
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.declared.wiring import wire
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.pubsub.subscribers.subscribe import subscribe


class Page(msgspec.Struct, frozen=True):
    """A message."""

    url: str


def agent(name: str, read: str, publishes: tuple[str, ...] = (), key: str | None = None) -> type[Subscriber]:
    """A subscriber."""

    def take(self: Any, page: Page) -> None: ...

    mark = subscribe(read, publishes=publishes, key=key)
    return type(name.title(), (Subscriber,), {"take": mark(take)}, name=name)


def drawn(*agents: Any, counts: Any = None, channels: tuple[Channel, ...] = ()) -> Picture:
    """The picture of some agents."""
    members = Members()
    for one in agents:
        members.add(one)
    return picture_of_messages("news", wire(members, channels), members, counts)


def arrows(picture: Picture) -> set[tuple[str, str, str]]:
    """From, to, label; one of each way of what goes both ways."""
    titles = [node.title for node in picture.nodes]
    found = set()
    for edge in picture.edges:
        mark = picture.marks[edge]
        one, other = (titles[place] for place in edge)
        if mark.heads in ("end", "both"):
            found.add((one, other, mark.label))
        if mark.heads in ("start", "both"):
            found.add((other, one, mark.label))
    return found


READER, WRITER = agent("reader", "raw.*", ("notes",)), agent("writer", "notes", key="url")
RAW = (Channel("raw.*", Page, capacity=5), Channel("now", ephemeral=True))


def test_channels_and_agents_are_boxes_and_subscriptions_are_arrows() -> None:
    """Law: with group, handler, key; a pattern stands for many."""
    picture = drawn(READER, WRITER, channels=RAW)
    assert [(node.title, node.subtitle, node.is_mapped) for node in picture.nodes] == [
        ("reader", "Reader", False),
        ("writer", "Writer", False),
        ("now", "ephemeral channel", False),
        ("notes", "channel", False),
        ("raw.*", "channel", True),
    ]
    assert picture.nodes[0].note == "group reader"
    assert dict(picture.nodes[4].facts) == {"takes": "Page", "capacity": "5, block", "retained": "604800 s"}
    assert picture.subtitle == "2 subscribers · 3 channels"
    assert arrows(picture) == {
        ("raw.*", "reader", "reader.take"),
        ("reader", "notes", ""),
        ("notes", "writer", "writer.take by url"),
    }


def test_counts_stand_on_the_arrows() -> None:
    """Law: what was done, and what was published."""

    def counts(subscription: str, channel: str, is_published: bool) -> int | None:
        return None if channel == "raw.*" else 1_000 if is_published else 7

    assert arrows(drawn(READER, WRITER, channels=RAW, counts=counts)) == {
        ("raw.*", "reader", "reader.take"),
        ("reader", "notes", "1,000"),
        ("notes", "writer", "writer.take by url 7"),
    }


def test_what_goes_round_is_drawn_all_the_same() -> None:
    """Law: to and fro is one line with two heads, the edge that closes a circle has its head at its start."""
    alone = drawn(agent("echo", "a", ("a",)))
    assert arrows(alone) == {("a", "echo", "echo.take"), ("echo", "a", "echo.take")}
    ring = drawn(agent("one", "a", ("b",)), agent("two", "b", ("a",)))
    assert arrows(ring) == {("a", "one", "one.take"), ("one", "b", ""), ("b", "two", "two.take"), ("two", "a", "")}
    assert [mark.heads for mark in ring.marks.values()].count("start") == 1
    assert " <-->|" in write_mermaid(alone)
    assert "dir=both" in write_dot(alone)
    assert "dir=back" in write_dot(ring)
    assert write_mermaid(ring).count("-->") == 4
    for picture in (alone, ring):
        svg = ET.fromstring(write_svg(picture))
        heads = [one for one in svg.iter() if one.get("class") == "head"]
        assert len(heads) == sum(2 if mark.heads == "both" else 1 for mark in picture.marks.values())
        labels = [one.text for one in svg.iter() if one.get("class") == "label"]
        assert sorted(labels) == sorted(mark.label for mark in picture.marks.values() if mark.label)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))
def test_every_arrow_is_drawn_once_and_no_edges_make_a_circle(flows: list[tuple[int, int]]) -> None:
    """Law: any wiring can be laid out, and says what it says."""
    agents = [agent(f"s{n}", f"c{one}", (f"c{other}",)) for n, (one, other) in enumerate(flows)]
    picture = drawn(*agents, channels=tuple(Channel(f"c{n}") for n in range(5)))
    wanted = {(f"c{one}", f"s{n}") for n, (one, _) in enumerate(flows)}
    wanted |= {(f"s{n}", f"c{other}") for n, (_, other) in enumerate(flows)}
    assert {(one, other) for one, other, _ in arrows(picture)} == wanted
    left = set(picture.edges)
    assert len(left) == len(picture.edges)
    while ends := {one for _, one in left} - {one for one, _ in left}:
        left = {edge for edge in left if edge[1] not in ends}
    assert not left


FILE = """\
system: news
channels: {raw: {type: flow.py:Page}}
agents:
  - {id: reader, class: flow.py:Reader, group: readers}
  - {id: till, class: flow.py:Till}
"""
CODE = """
import msgspec
from dagger_actors import Actor, Subscriber, subscribe

class Page(msgspec.Struct):
    url: str

class Reader(Subscriber):
    @subscribe("raw", key="url")
    def take(self, page: Page) -> None: ...

class Till(Actor):
    pass
"""


def test_graph_draws_a_system_file_with_its_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: a subscriber is nobody's child; what cannot be imported is told when the file speaks of channels."""
    (tmp_path / "flow.py").write_text(CODE)
    path = tmp_path / "system.yaml"
    path.write_text(FILE)
    assert graph(str(path), format_="mermaid") == 0
    shown = capsys.readouterr().out
    assert 'n3 -->|"readers.take by url"| n1' in shown
    assert "n0 --> n2" in shown
    assert "n0 --> n1" not in shown
    assert "raw<br/>channel<br/>Page" in shown
    path.write_text(FILE.replace("flow.py:Reader", "flow.py:Raeder"))
    with pytest.raises(Exception, match="there is no class 'Raeder'"):
        graph(str(path), format_="mermaid")
