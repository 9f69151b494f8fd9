"""Messages on their way out: encoded, gathered with those of other threads, held up where a channel is full.

* ``doors``, ``encoding``, ``given``: where messages are published to, and what is wrong with one.
* ``outbox``, ``shelf``, ``parcel``, ``stall``: what all threads publish, on its way to the file.
"""
