"""How the model of flows learns what real runs have done: from the bodies that began and ended, and from what is in the file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dagger_actors import ActorSystem
from dagger_actors.errors import SystemClosed
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation
from tests.stateful.flows_model import Run
from tests.stateful.flows_parts import GOOD, OVER, HasPlace, Piece, told
from tests.stateful.flows_stage import Body, Place, Row, Stage

LAST = 1 << 62
"""Of what is due at once: what was cancelled then, by whatever else was due; ends are numbered in each run for itself."""


class Learner:
    """Tells the model what has happened.

    Attributes:
        sim: The world.
        stage: The database.
        system: The worker.
        elsewhere: Another process, which has none of the code.
        runs: Of the model, by their ids.
        began_us: When the step in hand began.
    """

    sim: Simulation
    stage: Stage
    system: ActorSystem
    elsewhere: ActorSystem
    runs: dict[str, Run]
    began_us: int

    # --- doing it

    def teller(self, is_here: bool) -> ActorSystem:
        return self.system if is_here else self.elsewhere

    @property
    def now(self) -> int:
        return self.sim.world.mono_us

    def tries(self, verb: Callable[[], object]) -> bool:
        """Do something, and tell whether it was done; what was not, because the worker died, may have been all the same."""
        try:
            verb()
        except (WorkerKilled, SystemClosed):
            assert not self.sim.is_alive(self.system)
            return False
        return True

    def pass_time(self, seconds: float) -> None:
        self.sim.advance(seconds)

    def all_runs(self) -> list[Run]:
        """Those inside others too, which come behind them."""
        found = list(self.runs.values())
        for run in found:
            found += [piece.run for _, _, piece in run.all() if piece.run is not None]
        return found

    def run_of(self, body: Body) -> Run:
        return next(run for run in self.all_runs() if run.id == body.place[0])

    def at_work(self) -> list[Body]:
        return [body for body in self.stage.bodies if not body.is_over and body.fate is None]

    @staticmethod
    def is_armed(run: Run, piece: Piece) -> bool:
        return piece.due is not None and (run.status == "running" or (run.asks and not run.is_woken))

    # --- learning what happened

    def learn_who_was_cut_off(self) -> None:
        """Whatever ran; but the end of a body may have outlived the worker, though it was not committed."""
        states = self.stage.states()
        for body in {body.place: body for body in self.stage.bodies if body.is_known}.values():
            run, here = self.run_of(body), body.place[1:]
            if body.generation < self.stage.generation and run.piece(*here).state == "running":
                state = states[*body.place, body.attempt]
                if state == "interrupted":
                    run.die(*here)
                    body.is_learnt = (
                        True  # it may have been told how to end, but its end was too long to outlive the worker
                    )
                else:
                    assert body.fate is not None, f"{body.place} was cut off, and is {state}"
        for body in self.stage.bodies:
            body.is_over = body.is_over or body.generation < self.stage.generation
        rows = self.stage.rows()
        for run in self.all_runs():
            for node, item, piece in run.all():
                row = self.row(rows, (run.id, node.spec.id, item))
                if row is None or not run.is_ready(piece):
                    continue
                if row.crashes == piece.crashes + 1 or (node.spec.is_careful and row.is_unknown):
                    # It had passed the gate, and its first step was still to come.
                    run.begin(node.spec.id, item, self.now)
                    run.die(node.spec.id, item)
        self.let_begin_what_may()  # before their runs have heard of what ended inside just before the death

    def places(self) -> HasPlace:
        """Which invocations have a place among what may begin, by what the file says now."""
        rows = self.stage.rows()

        def has_place(run_id: str, node: str, item: int) -> bool:
            row = self.row(rows, (run_id, node, item))
            return row is not None and row.state in {"ready", "waiting"}

        return has_place

    def let_begin_what_may(self) -> None:
        for body in [body for body in self.stage.bodies if not body.is_known and self.may(body)]:
            self.let_begin(body)

    def go_on_deaf(self) -> None:
        """Who goes on begins what may begin, before it hears an answer that was given while it rested."""
        rows = self.stage.rows()
        for run in self.all_runs():
            began = {node for (node, item), row in rows.get(run.id, {}).items() if item < 0 and row.has_begun}
            run.starts = self.stage.starts(run.id)
            run.decide(self.now, began.__contains__, is_deaf=True)
        self.let_begin_what_may()

    def learn(self, *, is_dead: bool) -> None:
        """Tell the model what has happened: ends in the order of their numbers, and what began and what was due in between."""
        rows = self.stage.rows()
        ends = [(self.row(rows, body.place), body) for body in self.stage.bodies if body.fate and not body.is_learnt]
        self.conclude(rows, is_dead=is_dead)
        for row, body in sorted(ends, key=lambda one: (one[0].ended or 0) if one[0] else 0):
            run = self.run_of(body)
            is_over = row is not None and row.attempt == body.attempt and row.state in {*OVER, "waiting"}
            is_over = is_over or (row is not None and row.attempt > body.attempt)
            assert is_over or is_dead, f"{body.place} has ended, and it is {row}"
            if is_over:
                body.is_learnt = True
                if run.piece(*body.place[1:]).state == "running":
                    self.end(run, body)
                self.conclude(rows, is_dead=is_dead)
        while (due := self.next_due(rows, is_dead=is_dead)) is not None:
            due()
            self.conclude(rows, is_dead=is_dead)

    def end(self, run: Run, body: Body) -> None:
        assert body.fate is not None
        if body.fate.is_good:
            run.succeed(*body.place[1:], self.output(run, body), body.fate.added)
        else:
            run.fail(*body.place[1:], self.now, said=body.fate.said)

    def row(self, rows: Any, place: Place) -> Row | None:
        found: Row | None = rows.get(place[0], {}).get(place[1:])
        return found

    def output(self, run: Run, body: Body) -> dict[str, Any]:
        _, node, item = body.place
        assert body.fate is not None
        spec = run.nodes[node].spec
        above = None if spec.over is None else told(run.piece(spec.over, item).output)
        given = (item if spec.over is None else above) if spec.is_map else None
        return {"told": body.fate.number, "item": given, "got": body.given}

    def next_due(self, rows: Any, *, is_dead: bool) -> Callable[[], None] | None:
        """What is due by now, the first first; of a dead worker only what it has written of it."""
        found: list[tuple[int, int, Callable[[], None]]] = []
        over = self.stage.timed_out()
        for run in self.all_runs():
            if run.id in over and run.status not in OVER:
                at = self.now if over[run.id] is None else over[run.id] - self.sim.world.wall_offset_us
                if at > self.began_us:  # else it is tried again since, which a death has kept from the file
                    found.append((at, 0, partial(run.run_out, self.now - self.began_us)))
            for node, item, piece in run.all():
                if piece.due is None or not self.is_due(run, piece):
                    continue
                row = self.row(rows, (run.id, node.spec.id, item))
                is_seen = row is not None and row.state not in {"ready", "running", "waiting"}
                is_seen = is_seen or (piece.state == "waiting" and row is not None and row.state != "waiting")
                is_again_or_parked = row is not None and (row.tries > piece.tries or row.is_unknown)
                is_seen = is_seen or (piece.state == "running" and is_again_or_parked)
                if is_dead and not is_seen:
                    continue
                is_again = row is None or row.tries > piece.tries  # so what had stopped it came behind
                order = 0 if is_again else LAST if row.state == "cancelled" else row.ended or 0
                found.append((piece.due, order, partial(run.fire, node.spec.id, item, piece.due)))
        return min(found, key=lambda one: one[:2])[2] if found else None

    def first_due(self, run: Run, rows: Any) -> int:
        """The number of the first end of a run that the model has not heard of, and that was due: what is numbered behind it waits."""
        dues = [(node.spec.id, item) for node, item, piece in run.all() if self.is_due(run, piece)]
        ends = [rows[place] for place in dues if place in rows and rows[place].state in OVER]
        return min((row.ended or 0 for row in ends if row.state != "cancelled"), default=LAST)

    def is_due(self, run: Run, piece: Piece) -> bool:
        return self.is_armed(run, piece) and piece.due is not None and piece.due <= self.now

    def conclude(self, rows: Any, *, is_dead: bool) -> None:
        """Let the model draw its conclusions, and tell it what began, as far as it may by now."""
        while True:
            statuses, before = self.stage.statuses(), ""
            while before != (before := str([*map(str, self.all_runs())])):  # who pauses has the runs inside pause
                for run in reversed(self.all_runs()):
                    mine = rows.get(run.id, {})
                    run.starts = self.stage.starts(run.id)
                    run.is_ended_there = run.id in statuses and statuses[run.id][0] in OVER
                    run.is_timed_out_there = run.id in statuses and statuses[run.id][0] == "timed_out"
                    began = {node for (node, item), row in mine.items() if item < 0 and row.has_begun}
                    ends = OVER if is_dead else {row.state for row in mine.values()}
                    known = {
                        place: row for place, row in mine.items() if row.state in ends and row.state != "cancelled"
                    }
                    first = self.first_due(run, mine)
                    heard = {place for place, row in known.items() if (row.ended or 0) < first}
                    taken = {node for (node, item), row in mine.items() if item < 0 and row.state != "waiting"}
                    run.settle(
                        self.now,
                        began.__contains__,
                        heard.__contains__,
                        has_taken=taken.__contains__,
                        is_dead=is_dead,
                    )
            if self.enter_flows(rows):
                self.go_on_deaf()
                continue
            new = [body for body in self.stage.bodies if not body.is_known and self.may(body)]
            if not new:
                return
            self.let_begin(new[0])

    def let_begin(self, body: Body) -> None:
        run, (_, node, item) = self.run_of(body), body.place
        self.there_is_room(run, body)
        is_careful = run.nodes[node].spec.is_careful
        assert not is_careful or body.stood == "running", f"{body.place} began, and its start was not committed"
        run.begin(node, item, body.began_us)
        body.given = run.got(node)
        for on, state in body.seen.items():
            above = run.nodes[on].own
            is_open = (
                not above.is_over and not above.held
            )  # what had fanned out goes on while what it needs is tried again
            assert is_open or state == (above.held or above.state), (
                f"{body.place} began while {on} was {state} in the file"
            )
        body.is_known = True

    def enter_flows(self, rows: Any) -> bool:
        """Tell the model of a flow inside that began to run, as the file has it; tells whether there was any.

        Those that do not run any more have left their places to those that do.
        """
        found: list[tuple[bool, Callable[[], None]]] = []
        statuses, marked = self.stage.statuses(), self.stage.marked()
        for run in self.all_runs():
            for node, item, piece in run.all():
                row = self.row(rows, (run.id, node.spec.id, item))
                if node.spec.kind != "flow" or row is None or not (run.is_ready(piece) and run.has_room(node)):
                    continue
                name = f"{run.id}/{node.spec.id}" + (f"/{item}" if item >= 0 else "")
                is_new = row.state in {GOOD, "failed"} or (row.state, row.reason) == ("waiting", "flow")
                is_cut_off = row.state == "cancelled" and row.started is not None  # the time of the run was up
                is_new = is_new or (is_cut_off and row.started - self.sim.world.wall_offset_us >= self.began_us)
                if piece.run is not None and piece.run.status == "paused":
                    is_new = statuses[name][0] != "paused" or (
                        self.has_heard(rows, statuses, piece.run)
                        if piece.revival == "wake"
                        else statuses[run.id][0] != "pending" and name not in marked
                    )
                if is_new:
                    enter = partial(run.enter, node.spec.id, item, name, self.places())
                    found.append((statuses[name][0] == "running", enter))
        if found:
            min(found, key=lambda one: one[0])[1]()
        return bool(found)

    def has_heard(self, rows: Any, statuses: Any, run: Run) -> bool:
        """Whether a run, or one inside, has gone on with an answer that woke it, or with what follows when nobody has answered."""
        for node, item, piece in run.all():
            row = self.row(rows, (run.id, node.spec.id, item))
            if piece.state == "asked" and row and (row.state != "waiting" or (piece.due and not row.due)):
                return True
            inside = piece.run if piece.run is not None and piece.run.is_woken else None
            if inside and (statuses[inside.id][0] != "paused" or self.has_heard(rows, statuses, inside)):
                return True
        return False

    def there_is_room(self, run: Run, body: Body) -> None:
        """A body makes room when it ends, or its attempt does; that is known to the model only a little later."""
        node = run.nodes[body.place[1]]
        live = [one for one in body.beside if one[0] == body.place[0]]
        assert len(live) < run.limit, (body.place, live)
        assert node.spec.width is None or sum(one[1] == body.place[1] for one in live) < node.spec.width

    def may(self, body: Body) -> bool:
        """Whether it may begin by now, and the model knows of whatever had ended when it did."""
        if body.place[0] not in {run.id for run in self.all_runs()}:
            return False
        run, (_, node, item) = self.run_of(body), body.place
        found = run.nodes.get(node)
        if found is None or item >= len(found.pieces) - 1 or not run.is_ready(run.piece(node, item)):
            return False
        ended = [run.nodes[on].own for on, state in body.seen.items() if state in OVER]
        return all(above.is_over or above.held for above in ended)
