"""What of a run as a whole keeps its nodes from going on, and how it goes on; in sentences without the run's name."""

from __future__ import annotations

from dagger_actors.core.wording import counted
from dagger_actors.flow.definition import FlowConfig
from dagger_actors.flow.reports.report import NodeReport, Report

__all__ = ["Hindrances"]

PARKED = frozenset({"interrupted", "poison"})


class Hindrances:
    """What holds a run up.

    Args:
        report: The run.
        config: What holds for the whole flow.
        is_stranded: The run says ``running`` and its process is gone.
        is_pausing: Nothing more of it begins, and it pauses when what runs has ended.
        is_left: The run that it is inside of is over, and its process died before it could cancel this one.
    """

    def __init__(
        self, report: Report, config: FlowConfig, *, is_stranded: bool, is_pausing: bool, is_left: bool
    ) -> None:
        self._report = report
        self._config = config
        self.is_stranded = is_stranded
        self._is_pausing = is_pausing
        self._is_left = is_left

    @property
    def run_state(self) -> str:
        """The run's state; ``interrupted`` for a running one whose process is gone."""
        return "interrupted" if self.is_stranded else self._report.state

    def told(self) -> list[str]:
        """Say why nothing of the run goes on; empty when something may."""
        if self._is_left:
            return ["the run that it is inside of is over: nothing goes on, and `cancel` ends it"]
        if self.is_stranded:
            return ["the process that ran the run is gone: nothing goes on before `resume`"]
        if self._is_pausing:
            return ["the run is pausing: nothing more starts, and it is paused when what runs has ended"]
        return ["the run is paused: nothing starts"] if self._report.state == "paused" else []

    def of_the_limit(self) -> list[str]:
        """Say whether as many nodes run as may at once."""
        if self.is_stranded or self._report.state != "running":
            return ["it has not begun"]
        config = self._config
        running = sum(one.state == "running" and one.size is None for one in self._report.nodes)
        if running < config.limit:
            return [f"it may start: {running} of {counted(config.limit, 'place')} taken"]
        told = "max_parallel_nodes" if config.enable_parallel_execution else "enable_parallel_execution: false"
        return [f"it is held by the limit: {config.limit} of {counted(config.limit, 'place')} taken ({told})"]

    def next_verb(self, one: NodeReport) -> str:
        """The command with which a node goes on (``retry``, ``resume``, ``cancel``); empty when there is nothing to do."""
        if self._is_left:
            return "cancel"
        if self.is_stranded:
            return "resume"
        match self._report.state:
            case "failed" | "cancelled" | "timed_out":
                return "retry" if one.state != "succeeded" else ""
            case "paused":
                is_parked = any(node.state == "waiting" and node.reason in PARKED for node in self._report.nodes)
                return "retry" if is_parked else "resume"
            case _:
                return ""
