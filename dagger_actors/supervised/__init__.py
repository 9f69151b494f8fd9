"""Supervised actors, as users write them: typed handlers, mailboxes with bounds, restarts in place, timers, death watch."""
