"""What a valid system file means, key by key; and the limits of one."""

from __future__ import annotations

import os
import pickle
import time

import msgspec
import pytest
import yaml

from dagger_actors.errors import DefinitionError
from dagger_actors.reading.source import read_source
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.files.definition import (
    AgentSpec,
    BackoffSpec,
    Supervision,
    SupervisorSpec,
    SystemDefinition,
)
from dagger_actors.supervised.files.loading import MAX_AGENTS, MAX_DEPTH, SYSTEM_FILE, load_system
from dagger_actors.supervised.files.places import Places

SHOP = """
system: shop
description: sells
supervision: {strategy: rest_for_one, intensity: 3, period_s: 5, auto_shutdown: never}
agents:
  - {id: pricer, class: "shop:Pricer", config: {rate: 1.2}, instances: 4, restart: permanent, shutdown_s: 5}
  - {id: audit, class: "shop:Audit", restart: transient, mailbox: {capacity: 10, overflow: reject}}
  - id: back_office            # a nested supervisor
    supervision: {strategy: one_for_all}
    agents: [{id: clerk, class: "office.py:Clerk", route: key, key: order.id, backoff: {min_s: 1, max_s: 8}}]
"""


def bare_parse_s(text):
    """Measure libyaml's events alone, over which nothing can be faster."""
    parser = yaml.CBaseLoader(text)
    start = time.process_time()
    while parser.get_event() is not None:
        pass
    return time.process_time() - start


def agent(**keys):
    """Load a system of one agent."""
    (one,) = load_system({"system": "s", "agents": [{"id": "a", "class": "m:C", **keys}]}).agents
    return one


class TestKeys:
    """Law: every key means what the format says, and an absent one its default."""

    def test_the_example(self):
        assert load_system(SHOP) == SystemDefinition(
            name="shop",
            description="sells",
            supervision=Supervision(strategy="rest_for_one"),
            agents=(
                AgentSpec(id="pricer", class_reference="shop:Pricer", config={"rate": 1.2}, instances=4),
                AgentSpec(
                    id="audit",
                    class_reference="shop:Audit",
                    restart="transient",
                    mailbox=MailboxSpec(capacity=10, overflow="reject"),
                ),
                SupervisorSpec(
                    id="back_office",
                    supervision=Supervision(strategy="one_for_all"),
                    agents=(
                        AgentSpec(
                            id="clerk",
                            class_reference="office.py:Clerk",
                            route="key",
                            key=("order", "id"),
                            backoff=BackoffSpec(min_s=1.0, max_s=8.0),
                        ),
                    ),
                ),
            ),
        )

    def test_the_defaults_are_those_of_the_decisions(self):
        """Law: restarts 3 in 5 s, permanent, shutdown 5 s, mailbox 1,000 that blocks; a supervisor waits for its own."""
        assert Supervision() == Supervision(strategy="one_for_one", intensity=3, period_s=5.0, auto_shutdown="never")
        one = agent()
        assert (one.restart, one.shutdown_s, one.instances, one.route) == ("permanent", 5.0, 1, "round_robin")
        assert (one.significant, one.backoff, one.mailbox, one.config) == (False, None, None, {})
        assert agent(mailbox={}).mailbox == MailboxSpec(capacity=1000, overflow="block")
        (below,) = load_system({"system": "s", "agents": [{"id": "b", "agents": [{"id": "a", "class": "m:C"}]}]}).agents
        assert (below.restart, below.shutdown_s, below.supervision) == ("permanent", None, Supervision())

    @pytest.mark.parametrize(("written", "meant"), [(0, 0.0), (2.5, 2.5), (86_400, 86_400.0), ("infinity", None)])
    def test_the_time_to_stop(self, written, meant):
        """Law: 0 cuts off at once, infinity waits for ever."""
        assert agent(shutdown_s=written).shutdown_s == meant

    def test_what_is_significant_must_be_able_to_end(self):
        """Law: OTP's rule, for the supervisor above and no other."""
        system = load_system(
            {
                "system": "s",
                "agents": [
                    {
                        "id": "b",
                        "supervision": {"auto_shutdown": "all_significant"},
                        "agents": [{"id": "a", "class": "m:C", "restart": "temporary", "significant": True}],
                    }
                ],
            }
        )
        (one,) = system.all_agents()
        assert one.significant

    def test_a_rule_is_not_applied_to_what_is_wrong_already(self):
        """Law: one mistake is one problem: the auto_shutdown that is misspelled may have been the right one."""
        with pytest.raises(DefinitionError) as caught:
            load_system(
                {
                    "system": "s",
                    "supervision": {"auto_shutdown": "any_significnt"},
                    "agents": [{"id": "a", "class": "m:C", "restart": "transient", "significant": True}],
                }
            )
        assert len(caught.value.problems) == 1

    def test_an_alias_repeats_what_it_names(self):
        """Law: one config for two agents may be written once."""
        first, second = load_system(
            "system: s\nagents:\n- {id: a, class: m:C, config: &c {rate: 1}}\n- {id: b, class: m:C, config: *c}\n"
        ).agents
        assert first.config == second.config == {"rate": 1}


class TestSources:
    """Law: a path, a text, data, and what was read already are one thing."""

    def test_they_are_equal_but_for_the_file(self, tmp_path):
        path = tmp_path / "shop.yaml"
        path.write_text(SHOP)
        by_path, by_name = load_system(path), load_system(str(path))
        assert by_path == by_name == load_system(read_source(path, SYSTEM_FILE))
        assert by_path.file == str(path)
        assert msgspec.structs.replace(by_path, file="") == load_system(SHOP)

    def test_problems_of_a_text_have_their_place(self):
        with pytest.raises(DefinitionError) as caught:
            load_system("system: s\nagents: 5\n")
        (problem,) = caught.value.problems
        assert str(problem).startswith(
            "<text>:2:9: agents must be a list, not the number 5\n    agents: 5\n            ^"
        )

    @pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
    def test_what_is_no_readable_file(self, tmp_path, kind):
        """Law: a pipe would hang for ever; it is refused unopened."""
        os.mkfifo(tmp_path / "pipe")
        paths = {"missing": tmp_path / "none.yaml", "folder": tmp_path, "pipe": tmp_path / "pipe"}
        with pytest.raises(DefinitionError, match=r"this is not a file|the file cannot be read"):
            load_system(paths[kind])

    def test_a_flow_is_told_to_be_one(self):
        """Law: one problem, not one for each key."""
        with pytest.raises(DefinitionError) as caught:
            load_system("name: f\nnodes: [{id: a, action: x}]\n")
        assert [problem.message for problem in caught.value.problems] == ["this is a flow, not a system"]

    def test_the_places_are_no_part_of_the_definition(self):
        """Law: a copy is equal, whether it knows the places or not."""
        loaded = load_system(SHOP)
        assert loaded.places.agents
        assert pickle.loads(pickle.dumps(loaded)) == loaded
        assert msgspec.structs.replace(loaded).places == Places()
        assert "places" not in msgspec.structs.asdict(loaded)


class TestLimits:
    """Law: what grows has a limit, which is told by name and place."""

    def test_so_many_supervisors_inside_one_another(self):
        def nested(depth):
            inner = [{"id": "a", "class": "m:C"}]
            for level in range(depth):
                inner = [{"id": f"s{level}", "agents": inner}]
            return {"system": "s", "agents": inner}

        assert load_system(nested(MAX_DEPTH)).count() == (1, MAX_DEPTH)
        with pytest.raises(DefinitionError) as caught:
            load_system(nested(MAX_DEPTH + 1))
        (problem,) = caught.value.problems
        assert problem.message.endswith("more than 20 supervisors inside one another")

    def test_so_many_agents_and_no_more(self, tmp_path):
        """Law: 100,000 load within 5 s of processor time, or 8 times the bare parser; one more is one problem."""
        path = tmp_path / "large.yaml"
        lines = [f"- {{id: a{i}, class: m:C, config: {{n: {i}}}}}" for i in range(MAX_AGENTS)]
        path.write_text("system: large\nagents:\n" + "\n".join(lines))
        began = time.process_time()
        system = load_system(path)
        taken = time.process_time() - began
        bare = bare_parse_s(path.read_text())
        print(f"{MAX_AGENTS:,} agents in {taken:.2f} s, {taken / bare:.1f} times the bare parser")
        assert taken < max(5, 8 * bare)
        assert system.count() == (MAX_AGENTS, 0)
        path.write_text("system: large\nagents:\n" + "\n".join([*lines, "- {id: more, class: m:C}", "- {id: 5}"]))
        with pytest.raises(DefinitionError) as caught:
            load_system(path)
        (problem,) = caught.value.problems
        assert (problem.line, problem.message) == (MAX_AGENTS + 3, "more than 100,000 agents in one system")

    def test_problems_beyond_a_thousand_are_counted(self):
        with pytest.raises(DefinitionError) as caught:
            load_system({"system": "s", "agents": [{"id": f"a{i}", "x": 1, "class": "m:C"} for i in range(3000)]})
        assert len(caught.value.problems) == 1001
        assert caught.value.problems[-1].message == "... and 2,000 more problems"
