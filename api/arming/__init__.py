"""Places and the modes they are in."""
