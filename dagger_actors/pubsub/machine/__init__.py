"""The pure machine of one member of a group: which message is delivered when, and what is acknowledged."""
