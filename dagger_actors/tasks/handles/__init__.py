"""Tasks as whoever has one sees them: handles, how tasks end, and what may be given with one."""
