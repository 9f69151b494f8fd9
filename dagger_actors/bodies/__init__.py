"""Where user code runs: one attempt's body, whoever ordered it; on a thread, on the event loop or in a worker process.

Below whoever orders attempts (its *owner*, such as the supervisor of a flow's run), and independent of all of them:

* ``actions``, ``parameters``, ``result_check``, ``isolation``: a function as its signature tells it, and where another
  process finds it; ``__as_action__`` lets a class be found in place of a function.
* ``spawner`` makes a ``body`` actor for one ``StartAttempt``, with a ticket for the gate: a ``thread_body``, a ``loop_body``,
  or that of ``processes/``, which has what runs in worker processes too.
* ``context``: what every body may ask (``BodyContext``), with ``steps``, ``tables``, ``outputs``, ``secret``, ``capture``.
* ``services`` and ``backends``: what an owner gives all its attempts. Of its own are the class of its contexts, a
  ``StepSource``, an ``OwnerSource``, perhaps an ``OutputCache``; the rest is shared by all owners of a system.

Guarantees: an owner is told of each admitted attempt exactly once, by an ``AttemptEnded`` that carries the numbers of its
``StartAttempt``; what the body did besides returning is in the turn of its outcome, to be committed with it or not at all;
what user code raises is an outcome. A body is ``Suspended`` only for an owner whose contexts ``may_suspend``.
"""
