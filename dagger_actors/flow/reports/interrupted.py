"""A run whose process is gone, as pages and pictures show it: nothing of it runs, though its rows still say so."""

from __future__ import annotations

import msgspec

from dagger_actors.flow.reports.report import NodeReport, Report

__all__ = ["interrupted"]


def interrupted(report: Report) -> Report:
    """Say ``interrupted`` of a run, and of what ran in it, where its rows say ``running``."""
    nodes = tuple(_cut_off(node) if node.state == "running" else node for node in report.nodes)
    return msgspec.structs.replace(report, state="interrupted", nodes=nodes)


def _cut_off(node: NodeReport) -> NodeReport:
    attempts = tuple(
        msgspec.structs.replace(one, state="interrupted") if one.state == "running" else one for one in node.attempts
    )
    return msgspec.structs.replace(node, state="interrupted", attempts=attempts)
