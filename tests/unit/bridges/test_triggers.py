"""Triggers: channels whose messages make tasks and start flows by declaration, exactly once, and what cannot be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorClassError, ActorSystem, Channel, Subscriber, Trigger, action, subscribe, task_agent
from dagger_actors.errors import DefinitionError, RequestError

PATIENCE_S = 30


class Place(msgspec.Struct, frozen=True):
    path: str
    size: int = 3


class Order(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    customer: str
    unit_price: int = 5
    at: Place = Place("here")
    hint: str | None = None


class Refund(msgspec.Struct, frozen=True):
    customer: str


class Bill(msgspec.Struct, frozen=True):
    customer: str
    cents: int = 1


class Unlike(msgspec.Struct, frozen=True):
    customer: int


@task_agent(name="bill")
def bill(one: Bill) -> list[Any]:
    return [one.customer, one.cents]


@task_agent(name="whole")
def whole(one: Order) -> list[Any]:
    return [one.customer, one.unit_price]


@task_agent(name="keep")
def keep(one: str) -> list[Any]:
    return [one]


@task_agent(name="unlike")
def unlike(one: Unlike) -> int:
    return one.customer


@task_agent(name="anything")
def anything(one: dict[str, Any]) -> list[Any]:
    return [one]


@action
def census(path: str, size: int) -> list[Any]:
    return [path, size]


CENSUS: dict[str, Any] = {
    "name": "census",
    "inputs": {"path": {"type": "str"}, "size": {"type": "int", "default": 7}},
    "nodes": [{"id": "count", "action": "census", "inputs": {"path": "inputs.path", "size": "inputs.size"}}],
    "outputs": {"result": "count"},
}
AGENTS = [bill, whole, keep, unlike, anything]
ORDERS = Channel("orders.*", Order | Refund)


def begun(folder: Path, trigger: Trigger, *messages: Any, channels: tuple[Channel, ...] = (ORDERS,)) -> list[Any]:
    """What the tasks and runs gave that messages of one trigger have begun."""
    given: dict[str, Any] = {"agents": AGENTS, "actions": [census], "channels": channels, "triggers": [trigger]}
    with ActorSystem(folder / "a.db", **given) as system:
        for message in messages:
            system.channels.publish(channels[0].name.replace("*", "eu"), message)
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        assert system.channels.dead_letters() == []
        tasks = [system.tasks.get(one.id).result() for one in system.tasks.tasks(limit=100)]
        return sorted(tasks + [system.flows.run(one.run_id).result()["result"] for one in system.flows.runs(limit=100)])


PLACES = Channel("places", Place)


@pytest.mark.parametrize(
    ("trigger", "messages", "gave"),
    [
        (Trigger("orders.*", task=whole, filter={"field": "unit_price", "gt": 5}), [Order("a"), Order("b", 6)], [["b", 6]]),
        (Trigger("orders.*", task="bill"), [Order("a"), Refund("b")], [["a", 1], ["b", 1]]),
        (Trigger("orders.*", task="keep", payload="customer"), [Order("a"), Refund("b")], [["a"], ["b"]]),
        (Trigger("orders.*", task="anything", payload={"all": "."}), [Refund("b")], [[{"all": {"customer": "b"}}]]),
        (Trigger("orders.*", flow=CENSUS, inputs={"path": "customer"}), [Order("a"), Refund("b")], [["a", 7], ["b", 7]]),
    ],
    ids=["filtered", "other class", "one field", "the message", "inputs"],
)  # fmt: skip
def test_each_message_begins_one_thing_with_what_of_it_is_wanted(
    tmp_path: Path, trigger: Trigger, messages: list[Any], gave: list[Any]
) -> None:
    """Law: whole messages are read as the agent reads them, whatever else they hold; fields and inputs by their paths."""
    assert begun(tmp_path, trigger, *messages) == gave


ONE = Channel("orders.eu", Order)


@pytest.mark.parametrize(
    ("trigger", "gave"),
    [
        (Trigger("orders.eu", task="bill", payload={"customer": "customer", "cents": "unit_price"}), [["a", 5]]),
        (Trigger("orders.eu", task="bill", payload={"customer": "at.path", "cents": "at.size"}, key="customer"), [["here", 3]]),
        (Trigger("orders.eu", flow=CENSUS, inputs={"path": "at.path", "size": "unitPrice"}), [["here", 5]]),
    ],
    ids=["defaults", "deeper", "renamed"],
)  # fmt: skip
def test_what_a_message_leaves_out_as_its_default_is_handed_on(
    tmp_path: Path, trigger: Trigger, gave: list[Any]
) -> None:
    """Law: a path names a field as the class does, or as JSON; that the text lacks it for its default makes no difference."""
    assert begun(tmp_path, trigger, Order("a"), channels=(ONE,)) == gave


def test_inputs_are_the_fields_of_their_names_if_nothing_else_is_said(tmp_path: Path) -> None:
    """Law: by name, and the others have their defaults."""
    assert begun(tmp_path, Trigger("places", flow=CENSUS), Place("p", 4), channels=(PLACES,)) == [["p", 4]]


class Shop(Subscriber):
    @subscribe("raw", publishes="sold")
    def sell(self, one: Refund) -> Order:
        return Order(one.customer)


def test_a_trigger_is_a_subscription_like_any_other(tmp_path: Path) -> None:
    """Law: it is listed, has a lag, is paused and resumed; its channel needs no declaration where somebody publishes to it;
    when it is told all again, nothing begins a second time."""
    triggers = [
        Trigger("sold", task="bill"),
        Trigger("sold", flow=CENSUS, inputs={"path": "customer"}, group="counting"),
    ]
    given: dict[str, Any] = {"agents": [Shop, bill], "actions": [census], "channels": [Channel("raw", Refund)]}
    with ActorSystem(tmp_path / "a.db", triggers=triggers, **given) as system:
        system.channels.pause("counting.start", reason="later")
        system.channels.publish_many("raw", [Refund(name) for name in "abc"])
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        rows = {one.name: one for one in system.channels.subscriptions()}
        assert {name: one.lag for name, one in rows.items()} == {
            "shop.sell": 0,
            "trigger-bill.spawn": 0,
            "counting.start": 3,
        }
        assert system.flows.runs() == []
        system.channels.resume("counting.start")
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        runs = {f"counting/sold/{offset}" for offset in range(3)}
        assert {one.run_id for one in system.flows.runs()} == runs
        assert len(system.tasks.tasks()) == 3
        for name in rows:
            system.channels.seek(name, to="earliest")
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        assert {name for name, one in rows.items() if one.lag} == {"counting.start"}, "as they were"
        assert len(system.channels.read("sold")) == 6, "the shop sells again"
        assert len(system.tasks.tasks()) == len(system.flows.runs()) == 6, "the new ones; the old ones began before"


def test_a_message_that_does_not_fit_is_a_dead_letter_at_once_and_no_other_is_disturbed(tmp_path: Path) -> None:
    """Law: what cannot become a payload or inputs is tried once, whatever the tries, and says which field is wrong."""
    triggers = [Trigger("open", task="unlike"), Trigger("open", flow=CENSUS)]
    given: dict[str, Any] = {"agents": AGENTS, "actions": [census], "channels": [Channel("open", Any)]}
    with ActorSystem(tmp_path / "a.db", triggers=triggers, **given) as system:
        system.channels.publish_many("open", [{"customer": "x", "path": 4}, {"customer": 1, "path": "a"}, 7])
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        letters = [system.channels.dead_letter(one.id) for one in system.channels.dead_letters()]
        assert {(one.subscription, one.offset, one.reason) for one in letters} == {
            ("trigger-unlike.spawn", 0, "refused"),
            ("trigger-unlike.spawn", 2, "refused"),
            ("trigger-census.start", 0, "refused"),
            ("trigger-census.start", 2, "refused"),
        }
        told = [one.error.message for one in letters if one.subscription == "trigger-census.start"]
        assert any("'path' must be str, not int" in one for one in told)
        assert any("'path' (str) is missing" in one for one in told)
        assert [system.tasks.get(one.id).result() for one in system.tasks.tasks()] == [1]
        assert [system.flows.run(one.run_id).result()["result"] for one in system.flows.runs()] == [["a", 7]]


# --- what cannot be


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "it names neither a task nor a flow; write one"),
        ({"task": "bill", "flow": "a.yaml"}, "it names a task and a flow"),
        ({"task": "bill", "inputs": {}}, "inputs: a task has no inputs; write payload="),
        ({"flow": "a.yaml", "payload": "a"}, "payload: a flow has no payload; write inputs="),
        ({"task": "bill", "payload": "a..b"}, "payload: 'a..b' is no path of fields"),
        ({"task": "bill", "payload": 5}, "payload: 5 is no path of fields"),
        ({"flow": "a.yaml", "inputs": "a"}, "inputs: it is a mapping, not 'a'"),
        ({"flow": "a.yaml", "inputs": {1: "a"}}, "inputs: its keys are names, not 1"),
        (
            {"task": "bill", "start": "erliest"},
            "start: it is earliest, latest, an offset from 0 or a time, not 'erliest'",
        ),
        ({"task": "bill", "try_count": 0}, "try_count: it is a whole number from 1 to"),
        ({"task": "bill", "filter": {"feild": "a"}}, "filter: it has no key 'feild'; did you mean field?"),
        ({"task": "bill", "group": "a/b"}, "group: 'a/b' is no name"),
    ],
)
def test_what_cannot_be_said_of_a_trigger_is_refused_where_it_is_made(given: dict[str, Any], told: str) -> None:
    """Law: each by name, with what to write."""
    with pytest.raises(ActorClassError) as caught:
        Trigger("orders", **given)
    assert str(caught.value).startswith("Trigger('orders'): ")
    assert told in str(caught.value)


def test_what_is_no_channel_and_what_is_no_trigger_is_refused() -> None:
    """Law: the one where it is made, the other by the system."""
    with pytest.raises(ActorClassError, match="'no channel' is no channel"):
        Trigger("no channel", task="bill")
    with pytest.raises(RequestError, match="triggers are a list of Trigger"):
        ActorSystem(triggers=Trigger("orders", task="bill"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("triggers", "told"),
    [
        ([Trigger("orders.*", task="bil")], ["task: there is no task agent 'bil'\n", "Did you mean 'bill'?"]),
        ([Trigger("orders.*", task=print)], ["task: it is no task agent"]),
        ([Trigger("ordres", task="bill")], ["no subscriber publishes to ordres, and it is not declared", "Did you mean 'orders.*'?"]),
        ([Trigger("orders.*", flow="no.yaml")], ["flow: there is no file 'no.yaml'"]),
        ([Trigger("orders.*", flow={**CENSUS, "nodes": []})], ["nodes"]),
        ([Trigger("orders.*", task="unlike")], ["a message is Order, and the task agent 'unlike' takes Unlike", "at $.customer"]),
        ([Trigger("orders.*", task="keep")], ["a message is Order, and the task agent 'keep' takes str"]),
        ([Trigger("places", task="keep", payload="size")], ["payload: size is int, and the task agent 'keep' takes str"]),
        ([Trigger("places", task="keep", payload="sise")], ["payload: Place has no field 'sise'", "Did you mean size?"]),
        ([Trigger("places", task="bill", payload={"customer": "path", "sents": "size"})], ["payload.sents", "Did you mean cents?"]),
        ([Trigger("places", task="bill", payload={"customer": "size"})], ["the field 'customer' that 'bill' takes is str"]),
        ([Trigger("places", task="bill", payload={"cents": "size"})], ["nothing is said of its field 'customer'"]),
        ([Trigger("places", task="keep", payload={"a": "path"})], ["takes str, which has no fields"]),
        ([Trigger("places", flow=CENSUS, inputs={"paht": "path"})], ["has no input 'paht'", "needs the input 'path' (str)"]),
        ([Trigger("places", flow=CENSUS, inputs={"path": "size"})], ["size is int, and the input 'path' of the flow 'census' takes str"]),
        ([Trigger("orders.*", flow=CENSUS)], ["needs the input 'path' (str), and nothing of Order"]),
        ([Trigger("places", task="keep", payload="path", key="pat")], ["key: Place has no field 'pat'\n", "Did you mean path?"]),
        ([Trigger("places", task="keep", payload="path", filter={"field": "size", "gt": "x"})], ["filter: size is never compared"]),
        ([Trigger("quick", task="keep")], ["quick is ephemeral: what its messages begin could be lost"]),
        ([Trigger("places", task="keep", payload="path")] * 2, ["group: the trigger of the task keep at ", "has the name 'trigger-keep' already"]),
        ([Trigger("places", flow={**CENSUS, "name": "a/b"})], ["it would be named after 'a/b'"]),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told_before_anything_begins(triggers: list[Trigger], told: list[str]) -> None:
    """Law: every mistake with the place of the trigger and with what to do."""
    channels = [ORDERS, PLACES, Channel("quick", str, ephemeral=True)]
    with pytest.raises(DefinitionError) as caught:
        ActorSystem(agents=AGENTS, actions=[census], channels=channels, triggers=triggers)
    text = str(caught.value)
    for part in told:
        assert part in text
    if "nodes" not in told:
        assert text.startswith(f"{__file__}:")
        assert f"Trigger({triggers[0].channel!r}): " in text


def test_a_flow_whose_input_is_secret_takes_none_from_a_message(tmp_path: Path) -> None:
    """Law: a secret is the name of an environment variable; no message carries one."""
    flow = {**CENSUS, "inputs": {"path": {"type": "str", "secret": True}, "size": {"type": "int"}}}
    with pytest.raises(DefinitionError, match="is secret, and no message carries one"):
        ActorSystem(
            actions=[census],
            channels=[PLACES],
            triggers=[Trigger("places", flow=flow, inputs={"path": "path", "size": "size"})],
        )
    with pytest.raises(DefinitionError, match="needs the input 'path'"):
        ActorSystem(actions=[census], channels=[PLACES], triggers=[Trigger("places", flow=flow)])


def waiting(channel: str, **awaits: Any) -> Trigger:
    node = {"id": "paid", "await_message": {"channel": channel, **awaits}}
    return Trigger("orders", flow={"name": "waits", "nodes": [node]}, inputs={})


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        (waiting("ordres"), "knows the channel 'ordres'"),
        (waiting("orders", match={"custmer": {"value": "a"}}), "custmer"),
        (waiting("fleeting"), "the channel 'fleeting' is ephemeral"),
    ],
)
def test_what_the_nodes_of_its_flow_can_never_have_is_told_before_anything_begins(
    tmp_path: Path, trigger: Trigger, told: str
) -> None:
    """Law: as of any flow that is started; the system does not open."""
    channels = [Channel("orders", Order), Channel("fleeting", Order, ephemeral=True)]
    with pytest.raises(DefinitionError, match=told):
        ActorSystem(tmp_path / "a.db", channels=channels, triggers=[trigger])


def test_a_channel_that_the_database_alone_knows_is_one(tmp_path: Path) -> None:
    """Law: the nodes of a trigger's flow may await messages of other systems on the same file."""
    with ActorSystem(tmp_path / "a.db", channels=[Channel("payments", Order)]):
        pass
    orders = Channel("orders", Order)
    with ActorSystem(tmp_path / "a.db", channels=[orders], triggers=[waiting("payments")]) as system:
        assert system.flows.runs() == []
