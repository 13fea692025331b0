"""Alerts: lists, what people do about them, one or many at once, and what happens as it happens."""
