"""The registry's own room in the kernel: its nouns, and what is decided about them without I/O."""
