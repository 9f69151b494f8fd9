"""The pure core: ids, wire messages, the dependency graph, retry policies, the protocols; no clock, thread or disk.

* ``protocols``: what all layers above need of the world, and the ``Unit`` of work that the journal writes.
* ``messages``, ``turns``: what travels between supervisors and the bodies of attempts and turns; ``flow_messages``: what else the
  supervisor of a run is told.
* ``graph``, ``states``, ``trigger``, ``retry``, ``comparisons``, ``awaits``, ``run_rows``: flows, as all their parts know them.
* ``tasks``, ``task_leases``, ``task_stalls``, ``task_rows``, ``task_states``: what is asked of the store about tasks.
* ``channels``, ``declarations``, ``range_leases``, ``channel_rows``, ``member_rows``: the same for channels.
* ``task_options``, ``channel_options``, ``channel_names``, ``wording``, ``log_fields``: words and bounds used everywhere.
* ``supervision``, ``intensity``, ``backoff``, ``durable``: what supervisors decide about actors, and what a durable turn commits.
"""
