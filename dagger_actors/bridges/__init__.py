"""Where the paradigms meet: each bridge carries what one of them does into the unit of work of another.

* ``turn_tasks``, ``turn_flows``: turns of subscribers make tasks and start runs.
* ``body_messages``: tasks and actions publish; ``awaited_messages``: nodes of flows await messages.
* ``trigger``: channels that make tasks or start flows by declaration; ``trigger_wiring`` makes subscribers of them.
"""
