"""Files into the registry and out of it, in the console."""
