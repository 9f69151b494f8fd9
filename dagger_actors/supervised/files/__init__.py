"""System files: read, with every mistake at once, resolved into classes and configs, and drawn.

* ``loading``: from YAML to a ``definition``; ``part_keys`` reads what agents and supervisors say, ``channel_keys``,
  ``task_keys`` and ``trigger_keys`` what they say of the other paradigms.
* ``resolving``, ``channel_resolving``, ``task_resolving``: the classes that it names, and their configs; ``complaints`` words
  mistakes.
* ``from_file``: what is supervised, made of that. ``picture``: the picture of it.
* ``file_format``, ``channel_forms``, ``trigger_forms``: the same format as Structs, for the JSON Schema that editors read.
"""
