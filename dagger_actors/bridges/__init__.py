"""Where the paradigms meet: each bridge carries what one of them does into the unit of work of another."""
