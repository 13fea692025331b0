"""What the API decides of the registry."""
