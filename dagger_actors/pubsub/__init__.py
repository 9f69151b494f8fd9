"""Pub/sub: agents that talk through channels, wired by declaration.

* ``verbs``: ``system.channels``, what people and programs do with channels and subscriptions.
* ``members``: members of groups: their seats and supervisors, what they read and have in hand.
* ``ephemeral``: channels of which nothing is stored. ``outgoing``: messages on their way to the file.
* ``declared``: channels and subscribers of a system, wired and checked. ``subscribers``: what users write, as it is read.
* ``turns``: where handlers are called. ``reports``: what people look at.
* ``machine``: what one member has in hand, as a deterministic machine.
"""
