"""Devices and facilities with their newest values."""
