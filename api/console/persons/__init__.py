"""Residents in the console: masked, and in full for a while to who may and says why; each look is written down."""
