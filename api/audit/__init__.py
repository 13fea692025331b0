"""The audit log: reading it, and what keeps it."""
