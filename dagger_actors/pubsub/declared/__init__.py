"""What a system declares: channels and subscribers, made of classes or a file, wired, checked and drawn.

* ``channel``, ``subscriber``: what users write; ``from_file``, ``importing``, ``splitting``: where it comes from.
* ``wiring``, ``wired``, ``wiring_check``: who reads and publishes what, once all of a system is known.
"""
