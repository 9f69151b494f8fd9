"""Each option of a child and of a supervisor arrives where it acts; what it does there is tested elsewhere."""

from __future__ import annotations

import msgspec

from dagger_actors import Actor, BackOff, ChildSpec, MailboxSpec, Supervisor, handler
from dagger_actors.core import supervision as core
from dagger_actors.core.backoff import BackOff as CoreBackOff
from dagger_actors.supervised.spec import core_child, core_supervision
from dagger_actors.testing.simulation import simulate


class Rate(msgspec.Struct, frozen=True):
    value: int = 1


class Pricer(Actor):
    config: Rate

    @handler
    def rate(self, _ask: str) -> int:
        return self.config.value


BACKOFF = BackOff(min_s=0.25, max_s=7.0, factor=3.0, jitter=0.5, reset_s=11.0)
CORE_BACKOFF = CoreBackOff(min_us=250_000, max_us=7_000_000, factor=3.0, jitter=0.5, reset_us=11_000_000)


def test_what_a_child_is_told_to_be_its_supervisors_machine_knows() -> None:
    """Law: none is lost or replaced by its default; of a supervisor that is a child as well."""
    for spec in (
        ChildSpec(Pricer, restart="transient", shutdown_s=1.5, significant=True, backoff=BACKOFF),
        Supervisor("desk", restart="transient", shutdown_s=1.5, significant=True, backoff=BACKOFF),
    ):
        assert core_child("one", spec) == core.Child(
            id="one", restart="transient", shutdown_us=1_500_000, significant=True, back_off=CORE_BACKOFF
        )
    assert core_child("one", ChildSpec(Pricer, shutdown_s=None)).shutdown_us is None


def test_what_a_supervisor_is_told_to_do_its_machine_knows() -> None:
    """Law: none is lost or replaced by its default."""
    spec = Supervisor("desk", strategy="rest_for_one", intensity=8, period_s=2.5, auto_shutdown="all_significant")
    assert core_supervision(spec) == core.Supervision(
        strategy="rest_for_one", intensity=8, period_us=2_500_000, auto_shutdown="all_significant"
    )


def test_config_and_mailbox_of_a_child_are_its_actors() -> None:
    """Law: under a supervisor as for an actor that is spawned."""
    bound = MailboxSpec(capacity=7, overflow="reject")
    with simulate(1) as sim:
        system = sim.system(agents=[Supervisor("desk", [ChildSpec(Pricer, "p", Rate(5), mailbox=bound)])])
        ref = system.actors["desk/p"]
        assert ref.ask("rate") == 5
        assert (ref.cell.capacity, ref.cell.overflow) == (7, "reject")  # type: ignore[union-attr]  # a ref
