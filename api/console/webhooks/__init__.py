"""Webhooks in the console: made, tried, paused, and what was sent."""
