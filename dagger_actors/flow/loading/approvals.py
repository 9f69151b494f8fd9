"""Reads ``approval``: a node that asks a person instead of running an action; ``action: human_interrupt`` is its alias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast, get_args

from dagger_actors.bodies.outputs import INLINE_BYTES
from dagger_actors.flow.definition import Approval, FlowConfig, InputType, OnTimeout
from dagger_actors.flow.loading.awaits import MAX_WAIT_SECONDS
from dagger_actors.flow.loading.written import WrittenApproval, WrittenNode
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Tree

__all__ = ["ALIAS", "APPROVAL", "MAX_MESSAGE", "NOT_OF_PEOPLE", "ON_TIMEOUT", "approval_of", "read_approval"]

APPROVAL = Keys(known=("message", "type", "timeout_s", "on_timeout", "default"))
ALIAS: Final = "human_interrupt"
TYPES = get_args(InputType)
ON_TIMEOUT = get_args(OnTimeout)
MAX_MESSAGE: Final = 4_000
PLAIN: Final = WrittenApproval(at=0)

NOT_OF_PEOPLE: Final[Mapping[str, str]] = {
    "await_message": "Let one node ask, and another one wait for the message.",
    "inputs": "What the person is asked is `approval.message`.",
    "outputs": "Its output is the answer.",
    "map": "Write a node for each person who is asked.",
    "timeout": "Write it as `approval.timeout_s`.",
    "try_count": "It asks once; how long is `approval.timeout_s`.",
    "onfailure": "It asks once; how long is `approval.timeout_s`.",
    "retry_strategy": "It asks once; how long is `approval.timeout_s`.",
    "durability": "Its wait goes on after a crash, and nobody is asked twice.",
    "cache": "What a person says is another question each time.",
    "isolation": "It runs no code.",
    "priority": "It takes no place from others.",
}
"""Keys that mean nothing where a person is asked, and what to do instead."""


def read_approval(reader: Reader, node: WrittenNode) -> WrittenApproval | None:
    """Read what a person is asked, by ``approval`` or its alias; None = nobody is, or it was complained of."""
    fields = node.fields
    action = fields["action"].value if "action" in fields else None
    is_alias = action is not None and getattr(action, "value", None) == ALIAS
    if "approval" not in fields and not is_alias:
        return None
    if action is not None and not is_alias:
        advice = "Let the node that comes behind it run the action."
        reader.complain(action.at, "action is for nodes that run one, and this one asks a person", advice)
    for key, advice in NOT_OF_PEOPLE.items():
        if key in fields:
            message = f"{key} is for nodes that run an action, and this one asks a person"
            reader.complain(fields[key].at, message, advice)
    return _read(reader, fields["approval"].value) if "approval" in fields else PLAIN


def _read(reader: Reader, tree: Tree) -> WrittenApproval | None:
    fields = reader.fields(tree, "approval", APPROVAL)
    if fields is None:
        return None
    message = reader.text(fields["message"].value, "approval.message") if "message" in fields else ""
    if message and len(message) > MAX_MESSAGE:
        told = f"approval.message has {len(message):,} characters, and {MAX_MESSAGE:,} may be"
        reader.complain(fields["message"].at, told, "Say it in short, and where to read more.")
    kind = (
        reader.choice(fields["type"].value, "approval.type", TYPES, "Write one of them.")
        if "type" in fields
        else "bool"
    )
    timeout_s = None
    if "timeout_s" in fields:
        timeout_s = reader.seconds(fields["timeout_s"].value, "approval.timeout_s", MAX_WAIT_SECONDS)
    policy = None
    if "on_timeout" in fields:
        policy = reader.choice(fields["on_timeout"].value, "approval.on_timeout", ON_TIMEOUT, "Write one of them.")
    default = None
    if "default" in fields:
        default = _read_default(reader, fields["default"].value, kind)
    return WrittenApproval(
        at=tree.at,
        message=message or "",
        type=cast("InputType", kind or "any"),
        timeout_s=timeout_s,
        on_timeout=cast("OnTimeout | None", policy),
        default=default,
    )


def _read_default(reader: Reader, tree: Tree, kind: str | None) -> str | None:
    if kind is not None:
        reader.of_type(tree, "approval.default", kind)
    text = reader.json(tree, "approval.default")
    if text is not None and len(text) > INLINE_BYTES:
        message = f"approval.default has {len(text):,} characters, and {INLINE_BYTES:,} may be"
        reader.complain(tree.at, message, "Give a short answer, and let an action make more of it.")
    return text


def approval_of(reader: Reader, written: WrittenApproval, config: FlowConfig) -> Approval:
    """Make the definition of what a person is asked: what the node says beats the flow's ``config``."""
    timeout_s = written.timeout_s
    if timeout_s is None and config.human_wait_minutes is not None:
        timeout_s = config.human_wait_minutes * 60
    on_timeout = written.on_timeout or config.human_timeout_action
    if written.on_timeout is not None and timeout_s is None:
        advice = "Add `timeout_s`, or `human_wait_minutes` to the flow's config; or remove it."
        reader.complain(written.at, "approval.on_timeout never happens: nothing says how long it is waited for", advice)
    if on_timeout == "autopilot" and timeout_s is not None and written.default is None:
        reader.complain(
            written.at, "approval.default is missing: it is the answer of the autopilot", "Add `default: ...`."
        )
    if written.default is not None and (on_timeout != "autopilot" or timeout_s is None):
        message = "approval.default is the answer of the autopilot, and there is none"
        reader.complain(written.at, message, "Add `timeout_s` and `on_timeout: autopilot`, or remove it.")
    return Approval(
        message=written.message,
        type=written.type,
        timeout_s=timeout_s,
        on_timeout=on_timeout if timeout_s is not None else "pause",
        default=written.default,
    )
