"""What ``bench`` measures with: a histogram, a meter inside the system, senders that keep to a schedule, the machine's limits."""
