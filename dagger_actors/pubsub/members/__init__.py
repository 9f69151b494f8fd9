"""Members of groups: their seats and supervisors, what they read and have in hand, what the dead have left.

* ``hub``: the root in one system, with ``watched``, ``heads``, ``seats``, ``seating``, ``declaring``, ``attaching``,
  ``restarts``, ``left_behind``, ``rest``.
* ``supervisor``: is told what concerns one member; ``deciding`` asks the machine, ``file_news`` is what others have written,
  ``intake`` reads, ``holdings`` is what the file says that it holds, ``shifts`` are begun.
* ``batch``, ``uncommitted``, ``aftermath``: what is written, and what follows; ``verdicts``: what the end of a turn means.
"""
