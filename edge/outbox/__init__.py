"""The agent's durable outbox: what was taken and not yet acknowledged by every consumer."""
