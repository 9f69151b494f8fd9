"""Where the failure of a node comes from that runs a flow: down through the runs inside, to the node that failed first."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dagger_actors.core.messages import ErrorDetail
from dagger_actors.flow.reports.report import NodeReport, Report

__all__ = ["Origin", "innermost", "origin_of"]

FAILED = ("failed", "timed_out")
LEVEL = "SubFlowFailed: "
DEEPEST = 100
"""Steps that are followed; flows are 8 deep at most, and a map is one more step of each."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """An invocation that failed, in a run inside another."""

    run_id: str
    node_id: str
    invocation_key: str
    state: str
    error: ErrorDetail | None


def innermost(error: str) -> str:
    """Leave out of an error what each flow says of the one inside it, but for the last, whose run's id names them all."""
    before, level, rest = error.partition(LEVEL)
    return before + level + rest.rpartition(LEVEL)[2]


def origin_of(report: Report, node_id: str, key: str, report_of: Callable[[str], Report | None]) -> Origin | None:
    """Follow a failure into the runs inside.

    Args:
        report: The run.
        node_id: A node of it.
        key: The map item's key; empty for the node itself.
        report_of: Gives the report of a run by its id; None where there is none.

    Returns:
        The invocation that failed first, as far inside as can be seen; None where nothing has failed inside.
    """
    found: Origin | None = None
    here = report
    one = next((each for each in report.nodes if (each.node_id, each.invocation_key) == (node_id, key)), None)
    for _ in range(DEEPEST):
        if one is None or one.state not in FAILED:
            break
        if here is not report:
            error = one.attempts[-1].error if one.attempts else None
            found = Origin(
                run_id=here.run_id, node_id=one.node_id, invocation_key=one.invocation_key, state=one.state, error=error
            )
        if one.size is not None:
            one = _failed_item(here, one.node_id)
        elif one.run and (inside := report_of(one.run)) is not None:
            here, one = inside, _first_failed(inside)
        else:
            break
    return found


def _failed_item(report: Report, node_id: str) -> NodeReport | None:
    items = (one for one in report.nodes if one.node_id == node_id and one.invocation_key)
    return next((one for one in items if one.state in FAILED), None)


def _first_failed(report: Report) -> NodeReport | None:
    """Of several nodes that failed the one that ended first; its hooks only where nothing else did."""
    failed = [one for one in report.nodes if one.state in FAILED and not one.invocation_key]
    return min(failed, key=lambda one: (one.called_for != "", _ended_us(one)), default=None)


def _ended_us(one: NodeReport) -> int:
    return max((each.finished_us for each in one.attempts if each.finished_us is not None), default=0)
