"""Flows in Python: what a flow file says, said by calls."""
