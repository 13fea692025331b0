"""Camera pictures."""
