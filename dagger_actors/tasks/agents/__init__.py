"""What users write to do tasks, how that is read, and what a body may ask of the attempt it runs in.

* ``agent``, ``context``, ``growth``, ``results``: what users write, and what they are given.
* ``kind``, ``body``, ``options``, ``payloads``, ``schemas`` judge it; ``registry`` has the agents of a system, ``doors`` whom
  tasks are submitted to.
"""
