"""Imports of the registry from files, and exports into them: each is done by a process of its own, so that nobody else waits."""
