"""The actor runtime on pykka: pooled actors, mailboxes, dispatchers, the gate, timers.

* ``actor``, ``mailbox``, ``ref``, ``reply``, ``awaiting``: pykka's model without a thread for each actor;
  ``one_turn``: an actor that lives for one; ``inside``: whether a thread runs a turn.
* ``dispatcher``, ``crowd``, ``loop``: who gives turns: bounded threads, threads for users' code, the event loop.
* ``gate``, ``gates``, ``line``, ``ticket``, ``ticket_queue``: where attempts wait for their start, one gate for each run or agent.
* ``runtime``: all that a system takes from the world in one place, with ``timers`` and ``settings``; simulation has its own.
* ``root``, ``due``: errands and due times of a paradigm's hub; ``lookout`` and ``holders`` look for what does not happen.
* ``telemetry``: what a system tells whoever traces and measures it.
"""
