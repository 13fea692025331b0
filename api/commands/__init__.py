"""What people tell devices, and what became of it."""
