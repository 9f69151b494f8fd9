"""The actor runtime on pykka: pooled actors, mailboxes, dispatchers, the gate, timers."""
