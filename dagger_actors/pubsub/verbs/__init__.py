"""``system.channels``: what people and programs do with channels and subscriptions."""
