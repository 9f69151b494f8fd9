"""Where the turns of subscribers are taken.

A *turn* is one call of a handler with one message, or one batch; a *shift* is a few turns that one body takes one after the
other. ``starter`` makes the ``body`` of a ``StartShift`` and its ticket for the gate of its subscription; ``ledger`` keeps
what has ended of it; ``work`` takes one turn, by the ``plan`` of its handler; ``activations`` has the instances and states of
a member's keys; ``context`` is what handlers are given, and ``outgoing`` gathers what they publish and which timers they set.

Guarantees: of each admitted shift exactly one ``ShiftEnded`` is told, by its body or by whoever abandons it. What a turn did is in
its ``TurnEffects`` or nowhere. A turn begins with the state that the last handled turn of its key left, whether that is
committed yet or not; a turn that fails leaves it as it was. What user code raises is an outcome.
"""
