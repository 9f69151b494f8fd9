"""What people look at: tasks, jobs and agents, read from their rows."""
