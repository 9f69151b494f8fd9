"""A small model of flows: what must become of runs, told plainly, one thing after the other.

Which of several things that may begin begins first it does not tell, nor which of two that are due at once comes first: it is
told what began, and says whether that may; and when all is still, whether something should have begun that did not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.stateful.flows_parts import (
    BAD,
    CRASHES,
    GOOD,
    OVER,
    RETRY_US,
    FlowSpec,
    HasPlace,
    Node,
    Piece,
    Spec,
    Told,
    holds,
    told,
)


def _never(_node: str) -> bool:
    return False


class Run:
    """One run; those of flows inside it hang on its pieces."""

    def __init__(self, run_id: str, flow: FlowSpec, parent: Run | None = None) -> None:
        self.id = run_id
        self.limit = flow.limit
        self.timeout_us = flow.timeout_us
        self.hooks = flow.hooks
        self.told: list[Told] = []
        """What its hooks, and the failure actions of its nodes, were called for."""
        self.ran_us = 0
        """How long it had run at most when it was last looked at: its clock stands still while it rests, and loses what a death cut off."""
        self.counted_us = 0
        """How much of that was written down."""
        self.due: int | None = None
        """When its time is up at the latest."""
        self.parent = parent
        self.nodes = {spec.id: Node(spec) for spec in flow.nodes}
        self.status = "running"
        self.is_pausing = False
        self.asks = False
        """Whether it rests only because people are asked, here or inside."""
        self.is_woken = False
        """Whether one of these has answered, or was asked for long enough: it goes on when it is its turn in the run above."""
        self.is_timed_out_there = False
        """Whether the file says that its time was up: at the same moment the run above may have left it."""
        self.starts: dict[str, bool] = {}
        """Nodes whose start hooks were called for, as the file has it, and whether these have heard of it."""
        self.is_ended_there = False
        """Whether the file says that it has ended: what was under way at that instant need not have begun."""
        self.call("run_start", "running")

    def __repr__(self) -> str:
        states = {name: [piece.state for piece in node.pieces] for name, node in self.nodes.items()}
        return f"{self.id} {self.status}{', pausing' if self.is_pausing else ''}: {states}"

    # --- looking

    def all(self) -> Iterator[tuple[Node, int, Piece]]:
        """Every invocation with its node and item; -1 = the node itself."""
        for node in list(self.nodes.values()):
            for item, piece in enumerate(node.pieces, -1):
                yield node, item, piece

    def piece(self, node_id: str, item: int) -> Piece:
        return self.nodes[node_id].pieces[item + 1]

    def count(self, state: str, node: Node | None = None) -> int:
        return sum(piece.state == state for other, _, piece in self.all() if node in {None, other})

    def state(self, node_id: str) -> str:
        return self.nodes[node_id].own.state

    @property
    def has_failed(self) -> bool:
        return any(node.own.state in BAD or node.own.state == "held" for node in self.nodes.values())

    @property
    def is_stuck(self) -> bool:
        """Whether it, or a run inside it, rests for something else than people."""
        inside = [piece.run for _, _, piece in self.all() if piece.run is not None]
        return self.status == "paused" and (not self.asks or any(run.is_stuck for run in inside))

    @property
    def is_held(self) -> bool:
        return self.is_pausing or self.status != "running"

    def is_ready(self, piece: Piece) -> bool:
        return piece.state == "ready" and not self.is_held

    def has_room(self, node: Node) -> bool:
        """Whether there is room for one more: among all that run, or all flows inside, and among the items of its node."""
        busy, width = "inside" if node.spec.kind == "flow" else "running", node.spec.width
        return self.count(busy) < self.limit and (width is None or self.count(busy, node) < width)

    def may_wait(self, node: Node) -> bool:
        """Whether there may be others to wait for: flows take no place, but who must not be repeated lets nobody past that waits for one."""
        return node.spec.kind == "flow" and any(
            self.is_ready(piece) and other.spec.is_careful for other, _, piece in self.all()
        )

    def value(self, node_id: str) -> Any:
        """What a node gave: of a map a list, with None for holes."""
        node = self.nodes[node_id]
        return [item.output for item in node.items] if node.items is not None else node.own.output

    def got(self, node_id: str) -> dict[str, Any]:
        """What the inputs of a node are, as its body tells it."""
        spec = self.nodes[node_id].spec
        given = {on: self.value(on) if self.state(on) == GOOD else "nothing" for on in spec.on if on != spec.over}
        return {on: told(value) for on, value in given.items()}

    def outputs(self) -> dict[str, Any]:
        """The result: what the last nodes gave."""
        needed = {on for node in self.nodes.values() for on in node.spec.on}
        return {name: self.value(name) for name in self.nodes if name not in needed and self.state(name) == GOOD}

    # --- what bodies, people and clocks do

    def call(self, event: str, state: str, node_id: str = "", item: int = -1) -> None:
        if event in self.hooks or (event == "failure" and self.nodes[node_id].spec.has_failure):
            self.told.append((event, state, node_id, item))

    def begin(self, node_id: str, item: int, now: int) -> None:
        node, piece = self.nodes[node_id], self.piece(node_id, item)
        assert self.is_ready(piece), f"{node_id}[{item}] began: {self}"
        timeout = node.spec.timeout_us
        piece.state, piece.due = "running", None if timeout is None else now + timeout

    def enter(self, node_id: str, item: int, run_id: str, has_place: HasPlace) -> None:
        """The flow of a node began to run; tried again, or resumed, it goes on where it was."""
        node, piece = self.nodes[node_id], self.piece(node_id, item)
        assert self.is_ready(piece), f"{node_id}[{item}] began: {self}"
        assert self.has_room(node), f"{node_id}[{item}] is one too many: {self}"
        assert node.spec.flow is not None
        piece.state = "inside"
        if piece.run is None:
            piece.run = Run(run_id, node.spec.flow, self)
        elif piece.run.status == "paused" and piece.revival == "wake":
            piece.run.go_on()
        elif piece.run.status == "paused" and piece.revival == "resume":
            piece.run.resume()
        elif piece.run.status != GOOD:
            piece.run.retry(has_place)

    def succeed(self, node_id: str, item: int, output: Any, added: tuple[Spec, ...] = ()) -> None:
        assert self.piece(node_id, item).state in {"running", "inside", "asked"}
        self.piece(node_id, item).end(GOOD, output)
        if item < 0:
            self.call("node_success", GOOD, node_id)
        self.nodes |= {spec.id: Node(spec) for spec in added}

    def fail(self, node_id: str, item: int, now: int, state: str = "failed", said: str = "") -> None:
        node, piece = self.nodes[node_id], self.piece(node_id, item)
        assert piece.state in {"running", "inside", "asked"}
        if node.spec.is_careful and state == "timed_out":
            piece.park("interrupted")
        elif node.spec.kind == "work" and piece.tries < node.spec.tries:
            piece.state, piece.tries, piece.due = "waiting", piece.tries + 1, now + RETRY_US
            self.call("node_retry", state, node_id, item)
        elif item >= 0:
            piece.end(state)
        else:
            self._node_failed(node, state, said)

    def _node_failed(self, node: Node, state: str, said: str = "") -> None:
        node.own.end(state)
        self.call("failure", said or state, node.spec.id)
        self.call("node_failure", state, node.spec.id)
        if node.spec.on_failure == "pause":
            node.own.state, node.own.held = "held", state
            self.pause()
        elif node.spec.on_failure == "stop":
            self.stop("failed")

    def fire(self, node_id: str, item: int, now: int) -> None:
        """What a piece waited for is due."""
        piece = self.piece(node_id, item)
        self.wake()
        if self.status == "paused":
            return
        match piece.state:
            case "waiting":
                piece.state, piece.due = "ready", None
            case "running":
                self.fail(node_id, item, now, "timed_out")
            case "asked" if self.nodes[node_id].spec.autopilot is None:
                piece.due = None
            case "asked":
                self.take(node_id, now, self.nodes[node_id].spec.autopilot)

    def take(self, node_id: str, now: int, answer: Any) -> None:
        """An answer of a person, or the autopilot's: no is a rejection."""
        if answer is False:
            self.fail(node_id, -1, now)
        else:
            self.succeed(node_id, -1, answer)

    def die(self, node_id: str, item: int) -> None:
        """The process died under a body: the same try is made again, or the work is parked."""
        piece = self.piece(node_id, item)
        assert piece.state == "running"
        piece.state, piece.crashes, piece.due = "ready", piece.crashes + 1, None
        if self.nodes[node_id].spec.is_careful:
            piece.park("interrupted")
        elif piece.crashes == CRASHES:
            piece.park("poison")

    def run_out(self, latest_us: int) -> None:
        """Its time is up; latest: how long it has run at most since it was last looked at."""
        assert self.timeout_us is not None
        assert self.ran_us + latest_us >= self.timeout_us, f"{self} has run for {self.ran_us}, and its time is up"
        self.stop("timed_out")

    # --- commands: each tells first what speaks against it

    def why_no_pause(self) -> str:
        return "IllegalTransition" if self.status in OVER else ""

    def why_no_stop(self) -> str:
        return "IllegalTransition" if self.status in OVER and self.status != "cancelled" else ""

    def why_no_cancel(self, node_id: str) -> str:
        own = self.nodes[node_id].own
        return "NodeTransition" if (own.is_over and own.state != "cancelled") or own.state == "held" else ""

    def why_no_resume(self) -> str:
        if self.status in OVER:
            return "" if self.status == GOOD else "IllegalTransition"
        return "RunOwned" if self.status == "running" and not self.is_pausing else ""

    @property
    def can_be_told_to_resume(self) -> bool:
        """Whether it rests, or its pause can be called off: for items that have failed it pauses first, and who resumes it waits."""
        waits = any(node.own.state == "held" and node.spec.is_map for node in self.nodes.values())
        return self.status == "paused" or (self.is_pausing and not waits)

    def why_no_retry(self) -> str:
        return "RunOwned" if self.status == "running" else ""

    def why_no_answer(self, node_id: str, answer: Any) -> str:
        own = self.nodes[node_id].own
        if self.nodes[node_id].spec.kind != "ask":
            return "NotAsked"
        if not isinstance(answer, bool):
            return "AnswerMisfit"
        if own.answer is not None:
            return "" if own.answer is answer else "AlreadyAnswered"
        return "" if own.state == "asked" else "NotAsked"

    def pause(self) -> None:
        """Begin nothing more; one that rests anyway goes on only when it is told."""
        self.is_pausing = self.status == "running"
        self.asks = False
        for _, _, piece in self.all():
            if piece.run is not None and piece.state == "inside" and piece.run.status == "running":
                piece.run.pause()

    def hear(self, node_id: str, answer: bool) -> None:
        """Somebody answers; a paused run takes it when it goes on. The same answer once more, to what is over, is nothing new."""
        own = self.nodes[node_id].own
        own.answer = answer
        if own.state == "asked":
            self.wake()

    def wake(self) -> None:
        """Go on, if it rests because people are asked; inside of another run when it is its turn there."""
        if not (self.status == "paused" and self.asks):
            return
        if self.parent is None:
            self.go_on()
        else:
            self.is_woken = True
            self.parent.wake()

    def go_on(self) -> None:
        self.status, self.is_pausing, self.asks, self.is_woken = "running", False, False, False

    def stop(self, status: str) -> None:
        """End it now: what runs is cancelled, what has not begun is skipped."""
        if self.status in OVER:
            return
        self.status, self.is_pausing, self.asks, self.is_woken = status, False, False, False
        for _, _, piece in self.all():
            if piece.state == "held":
                piece.end(piece.held)
            elif not piece.is_over:
                is_left = piece.run is not None and piece.run.status == "paused"
                piece.is_cut = piece.state not in {"running", "asked", "inside"} and not is_left
                self._leave(piece)
                piece.end("skipped" if piece.is_cut else "cancelled")
        self.call("run_end", status)

    @staticmethod
    def _leave(piece: Piece) -> None:
        if piece.run is not None:
            piece.run.stop("timed_out" if piece.run.is_timed_out_there else "cancelled")

    def cancel(self, node_id: str) -> None:
        for piece in self.nodes[node_id].pieces:
            if not piece.is_over:
                self._leave(piece)
                piece.end("cancelled")
        self.wake()

    def resume(self) -> None:
        """Go on; what paused it has fresh tries, and so has what was skipped for want of that."""
        self.go_on()
        for node in self.nodes.values():
            if node.own.state == "held":
                self._renew(node)
        self._revive("resume")

    def _revive(self, how: str) -> None:
        for _, _, piece in self.all():
            is_left = piece.run is not None and piece.state in {"parked", "asking"} and piece.run.is_stuck
            if piece.run is not None and piece.state == "inside" and piece.run.is_pausing:
                piece.run.resume()
            elif piece.run is not None and piece.run.status == "paused" and (how == "retry" or is_left):
                piece.state, piece.revival, piece.run.asks = "ready", how, False

    def retry(self, has_place: HasPlace) -> None:
        """Try again what failed or never ran, and what was parked; who has no place yet waits for what is tried again."""
        if self.status in OVER:
            self.ran_us = self.counted_us = 0
        for node in self.nodes.values():
            if node.own.state != GOOD:
                self._renew(node)
        for name, node in self.nodes.items():
            if node.own.state == "ready" and not all(self._is_known(node, on, _never) for on in node.spec.on):
                node.own.state = "ready" if has_place(self.id, name, -1) else "pending"
            if not self._is_free(node):
                for at, piece in enumerate(node.items or ()):
                    if piece.state == "ready" and not has_place(self.id, name, at):
                        piece.state = "pending"
        for node in self.nodes.values():
            for piece in node.pieces:
                if piece.state == "parked" and piece.run is None:
                    piece.renew("ready" if all(self._is_known(node, on, _never) for on in node.spec.on) else "pending")
        self._revive("retry")
        self.resume()

    @staticmethod
    def _renew(node: Node) -> None:
        for piece in node.pieces:
            if (piece.is_over and piece.state != GOOD) or piece.state == "held":
                piece.renew()
        if node.items is not None and node.own.state == "pending":
            node.own.state = "going"

    def fork(self, run_id: str, start_from: str) -> Run | None:
        """A run that shares what has succeeded or was skipped, but for a node and all that is downstream of it.

        What was added is added again by who did; None = it cannot be, for what is shared needs that, or it is to begin there.
        """
        made = Run(run_id, FlowSpec((), self.limit, self.timeout_us, self.hooks))
        again: set[str] = set()
        for name, node in self.nodes.items():
            is_done = node.own.state == GOOD or (node.own.state == "skipped" and not node.own.is_cut)
            if name == start_from or not is_done or again.intersection(node.spec.on):
                again.add(name)
        left_out: set[str] = set()
        for name, node in self.nodes.items():
            if node.spec.added_by in again | left_out:
                left_out.add(name)
        for name in self.nodes.keys() - left_out:
            if left_out.intersection(self.nodes[name].spec.on):
                return None
        for name, node in self.nodes.items():
            if name not in left_out:
                made.nodes[name] = Node(node.spec)
                if name not in again:
                    made.nodes[name].own = node.own.shared()
                    made.nodes[name].items = node.items and [item.shared() for item in node.items]
        return None if start_from in left_out else made

    # --- what follows

    def settle(
        self,
        now: int,
        has_begun: Callable[[str], bool],
        has_heard: Callable[[tuple[str, int]], bool],
        *,
        has_taken: Callable[[str], bool],
        is_dead: bool,
    ) -> None:
        """Draw every conclusion.

        Args:
            now: When.
            has_begun: Whether a node has fanned out, was judged, or has asked. Only while the run pauses, or is paused, it need not have.
            has_heard: Whether an invocation has heard of the end of its flow, as far as there is one.
            has_taken: Whether a node has taken the answer that it was given. Only who has died need not have, nor who pauses with
                nothing at work, as after a death: it may rest first, and take it when it goes on.
            is_dead: Whether the process that it ran in has died by now.
        """
        self._look_inside(now, has_heard)
        is_at_work = any(piece.state in {"running", "inside"} for _, _, piece in self.all())
        is_excused = is_dead or (self.is_pausing and not is_at_work)
        asked = [name for name, node in self.nodes.items() if node.own.state == "asked" and node.own.answer is not None]
        self.decide(now, has_begun, is_deaf=is_excused and not all(map(has_taken, asked)))
        self._rest(now)

    def decide(self, now: int, has_begun: Callable[[str], bool], *, is_deaf: bool = False) -> None:
        """Draw every conclusion about nodes; deaf = as long as no answer has been heard."""
        while self.status not in OVER and any(
            self._decide(one, now, has_begun, is_deaf) for one in self.nodes.values()
        ):
            pass

    def _look_inside(self, now: int, has_heard: Callable[[tuple[str, int]], bool]) -> None:
        """Flows inside may have come to rest, and what rests may have been woken."""
        for node, item, piece in list(self.all()):
            if piece.run is not None and piece.state == "asking" and piece.run.is_woken:
                piece.state, piece.revival = "ready", "wake"
            if piece.run is None or piece.state != "inside" or self.status != "running":
                continue
            if not has_heard((node.spec.id, item)):
                continue
            if piece.run.status == GOOD:
                self.succeed(node.spec.id, item, piece.run.outputs())
            elif piece.run.status in OVER:
                self.fail(node.spec.id, item, now)
            elif piece.run.status == "paused":
                if piece.run.asks:
                    piece.state = "asking"
                else:
                    piece.park("flow")

    def _decide(self, node: Node, now: int, has_begun: Callable[[str], bool], is_deaf: bool) -> bool:
        """Draw one conclusion about a node, if there is one."""
        spec, own = node.spec, node.own
        if own.state == "asked" and own.answer is not None and self.status == "running" and not is_deaf:
            self.take(spec.id, now, own.answer)
            return True
        if own.state == "going":
            return self._go_on(node)
        if own.state not in {"pending", "entering"} or not all(self._is_known(node, on, has_begun) for on in spec.on):
            return False
        if not holds(spec.trigger, [self.state(on) for on in spec.on if on != spec.over or self.nodes[on].own.is_over]):
            own.end("skipped")
            return True
        if own.state == "pending":
            return self._judge(node, has_begun)
        return self._enter(node, now, has_begun)

    def _may_be_late(self, node: Node, has_begun: Callable[[str], bool]) -> bool:
        return (self.is_held or self.is_ended_there) and not has_begun(node.spec.id)

    def _judge(self, node: Node, has_begun: Callable[[str], bool]) -> bool:
        """See whether it is to run; its hooks hear of that first."""
        spec, own = node.spec, node.own
        is_known = spec.when is None or node.is_announced or spec.id in self.starts
        if not is_known and self._may_be_late(node, has_begun):
            return False
        if spec.when is False:
            own.end("skipped")
        else:
            own.state = "entering"
            if not node.is_announced:
                node.is_announced = True
                self.call("node_start", "ready", spec.id)
        return True

    def _enter(self, node: Node, now: int, has_begun: Callable[[str], bool]) -> bool:
        """Let it fan out, ask, or be ready to begin, when its start has been heard of."""
        spec, own = node.spec, node.own
        if "node_start" in self.hooks and not self.starts.get(spec.id):
            return False
        if (spec.is_map or spec.kind == "ask") and self._may_be_late(node, has_begun):
            return False
        if spec.is_map:
            source = None if spec.over is None else self.nodes[spec.over].items
            node.items = [Piece() for _ in range(len(source) if source is not None else spec.items or 0)]
            own.state = "going"
        elif spec.kind == "ask":
            own.state, own.due, own.answer = "asked", None if spec.timeout_us is None else now + spec.timeout_us, None
        else:
            own.state = "ready"
        return True

    def _is_known(self, node: Node, on: str, has_begun: Callable[[str], bool]) -> bool:
        """A map over a map begins with the first items of that, and need not wait for its end; one that was added may wait."""
        above = self.nodes[on]
        is_streamed = on == node.spec.over and (node.spec.added_by is None or has_begun(node.spec.id))
        return above.own.is_over or (is_streamed and above.items is not None)

    def _is_free(self, node: Node) -> bool:
        """Nothing that a map needs, but for what it goes over, is being tried again."""
        return all(self.nodes[on].own.is_over for on in node.spec.on if on != node.spec.over)

    def _go_on(self, node: Node) -> bool:
        """Let items of a map begin, or gather them."""
        assert node.items is not None
        above = None if node.spec.over is None else self.nodes[node.spec.over]
        is_free = self._is_free(node)
        for at, piece in enumerate(node.items):
            source = None if above is None or above.items is None else above.items[at]
            if is_free and piece.state == "pending" and (source is None or source.is_over):
                if source is None or source.state == GOOD:
                    piece.state = "ready"
                elif above is not None and above.spec.on_failure == "pause" and not above.own.is_over:
                    continue  # it may be tried again
                else:
                    piece.end("skipped")
                return True
        if not all(piece.is_over for piece in (*node.items, *(self.nodes[on].own for on in node.spec.on))):
            return False
        failures = sum(piece.state in BAD for piece in node.items)
        if above is not None and above.own.state != GOOD:
            node.own.end("skipped")
        elif failures <= node.spec.tolerate:
            node.own.end(GOOD)
            self.call("node_success", GOOD, node.spec.id)
        else:
            self._node_failed(node, "failed")
        return True

    def _rest(self, now: int) -> None:
        if self.status != "running":
            return
        states = [piece.state for _, _, piece in self.all()]
        if all(node.own.is_over for node in self.nodes.values()):
            self.status, self.is_pausing = "failed" if self.has_failed else GOOD, False
            self.call("run_end", self.status)
        elif self.is_pausing:
            if "running" not in states and "inside" not in states:
                self.status, self.is_pausing = "paused", False
        elif any(piece.state == "asked" and piece.is_to_end(now) for _, _, piece in self.all()):
            pass  # whoever goes on with it takes that first
        elif not {"running", "ready", "waiting", "inside", "entering"}.intersection(states):
            self.status, self.asks = "paused", not {"asked", "asking"}.isdisjoint(states)
