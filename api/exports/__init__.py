"""Whole lists as a file."""
