"""A failed attempt again, from its stored inputs, with nothing written."""
