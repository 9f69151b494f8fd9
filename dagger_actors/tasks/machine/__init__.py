"""What one worker decides about the tasks it has leased; pure."""
