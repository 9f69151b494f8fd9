"""The public test kit: simulation with virtual time, and power cuts."""
