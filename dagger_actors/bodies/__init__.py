"""Where user code runs: one attempt's body, whoever ordered it; on a thread, on the event loop, in a worker process."""
