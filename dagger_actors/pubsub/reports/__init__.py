"""What people look at: channels and subscriptions, and what became of messages."""
