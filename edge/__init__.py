"""The agent beside the devices: sources, mapping, outbox, delivery. It stays small: no database server, no pydantic."""
