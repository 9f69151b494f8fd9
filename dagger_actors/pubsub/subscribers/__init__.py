"""Subscribers as they are written: handlers, their options, keys and filters; read once and judged together.

* ``kind``, ``handler_kind``, ``signature``: what is known of a class and of each of its handlers.
* ``options``, ``filters``, ``field_paths``, ``message_types``: what a subscription says. ``registry``: the subscribers of a
  system.
"""
