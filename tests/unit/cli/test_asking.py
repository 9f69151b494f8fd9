"""Staying with runs until they rest, whatever others do to them meanwhile."""

from pathlib import Path

import pytest

from dagger_actors import ActorSystem
from dagger_actors.cli.asking import Shown, stay_with
from dagger_actors.cli.progress import Voice
from dagger_actors.cli.watch import Interrupts
from dagger_actors.flow.verbs.flows import Flows

FLOW = {"name": "asks", "nodes": [{"id": "ok", "approval": {}}]}


def test_a_run_that_is_cancelled_as_it_is_to_go_on_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Law: somebody has answered, and somebody else cancels; whoever stays with the run reports that end, and no refusal."""
    has_news, looks = Flows.has_news, []

    def cancelled_behind(flows: Flows, run_id: str) -> bool:
        looks.append(run_id)
        if len(looks) > 1:
            return has_news(flows, run_id)
        flows.cancel(run_id)
        return True

    with Interrupts() as interrupts, ActorSystem(tmp_path / "a.db") as system:
        run = system.flows.start(FLOW)
        assert run.wait(30).state == "paused"
        monkeypatch.setattr(Flows, "has_news", cancelled_behind)
        shown = Shown(Voice(title="asks", as_json=True, quiet=False))
        reports = stay_with(system, [run], interrupts, shown, waits=True)
    assert reports is not None
    assert [report.state for report in reports] == ["cancelled"]
