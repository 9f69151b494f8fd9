"""Reads what a system file says of triggers; whether it fits what they begin is found out by whoever wires them."""

from __future__ import annotations

from typing import Any

from dagger_actors.core.channel_names import NAME_ADVICE, is_name, is_pattern
from dagger_actors.core.channel_options import MAX_TRIGGERS
from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.core.wording import quoted
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Fields, Scalar, Table, Tree, described
from dagger_actors.supervised.files.channel_keys import READS
from dagger_actors.supervised.files.definition import TriggerSpec
from dagger_actors.supervised.files.part_keys import MAX_REFERENCE

__all__ = ["TRIGGER", "read_triggers"]

OPTIONS = ("filter", "key", "start", "try_count")
"""Those that are read as a subscription's."""

TRIGGER = Keys(known=("channel", "task", "flow", "group", "payload", "inputs", *OPTIONS), required=("channel",))
PATH_ADVICE = "Write a message's field: customer, or customer.id."


def read_triggers(reader: Reader, tree: Tree) -> tuple[tuple[TriggerSpec, ...], tuple[Tree, ...]]:
    """Read `triggers`; what is wrong is complained of and left out. Gives them as written too."""
    trees = reader.items(tree, "triggers")
    if len(trees) > MAX_TRIGGERS:
        reader.complain(tree.at, f"more than {MAX_TRIGGERS:,} triggers in one system", "Use a pattern: orders.*")
        return (), ()
    read = tuple(_trigger(reader, one) for one in trees)
    reader.subject = ""
    return read, tuple(trees)


def _trigger(reader: Reader, tree: Tree) -> TriggerSpec:
    reader.subject = ""
    fields = reader.fields(tree, "a trigger", TRIGGER) or {}
    channel = reader.text(fields["channel"].value, "channel") if "channel" in fields else None
    if channel is not None:
        reader.noun, reader.subject = "trigger", channel
        if not is_name(channel) and not is_pattern(channel):
            advice = f"{NAME_ADVICE.capitalize()}."
            reader.complain(fields["channel"].value.at, f"channel: {quoted(channel)} is no channel", advice)
    if isinstance(tree, Table):
        _check_target(reader, tree, fields)
    read: dict[str, Any] = {key: READS[key](reader, fields[key].value, key) for key in OPTIONS if key in fields}
    return TriggerSpec(
        channel=channel or "",
        task=(reader.name(fields["task"].value, "task") or "") if "task" in fields else "",
        flow=_flow(reader, fields["flow"].value) if "flow" in fields else "",
        group=(reader.name(fields["group"].value, "group") or "") if "group" in fields else "",
        payload=_payload(reader, fields["payload"].value) if "payload" in fields else None,
        inputs=_paths(reader, fields["inputs"].value, "inputs") if "inputs" in fields else None,
        **read,
    )


def _check_target(reader: Reader, tree: Table, fields: Fields) -> None:
    if "task" in fields and "flow" in fields:
        reader.complain(fields["flow"].at, "both `task` and `flow`", "Remove one of them; or write two triggers.")
    elif "task" in fields and "inputs" in fields:
        reader.complain(fields["inputs"].at, "`inputs` is for flows, and a task has a payload", "Write `payload: ...`.")
    elif "flow" in fields and "payload" in fields:
        reader.complain(fields["payload"].at, "`payload` is for tasks, and a flow has inputs", "Write `inputs: ...`.")
    elif "task" not in fields and "flow" not in fields:
        reader.complain(tree.at, "neither `task` nor `flow`", "Add `task: AGENT`, or `flow: file.yaml`.")


def _flow(reader: Reader, tree: Tree) -> str:
    text = reader.text(tree, "flow")
    if text is None:
        return ""
    if not 1 <= len(text) <= MAX_REFERENCE or not text.isprintable():
        message = f"flow must be 1 to {MAX_REFERENCE:,} printable characters"
        reader.complain(tree.at, message, "Write the path of a flow file, relative to this one.")
        return ""
    return text


def _payload(reader: Reader, tree: Tree) -> str | dict[str, str] | None:
    if isinstance(tree, Table):
        return _paths(reader, tree, "payload")
    if not isinstance(tree, Scalar):
        advice = "Write the path of a field, or {NAME: FIELD}."
        reader.complain(tree.at, f"payload must be text or a mapping, not {described(tree)}", advice)
        return None
    return _path(reader, tree, "payload")


def _paths(reader: Reader, tree: Tree, what: str) -> dict[str, str]:
    found = {}
    for name, field in reader.entries(tree, what).items():
        path = _path(reader, field.value, f"{what}.{name}", may_be_whole=True)
        if path is not None:
            found[name] = path
    return found


def _path(reader: Reader, tree: Tree, what: str, *, may_be_whole: bool = False) -> str | None:
    text = reader.text(tree, what)
    if text is None or (may_be_whole and text == "."):
        return text
    if not 1 <= len(text) <= MAX_PATH or "" in text.split("."):
        reader.complain(tree.at, f"{what}: {quoted(text)} is no path of fields", PATH_ADVICE)
        return None
    return text
