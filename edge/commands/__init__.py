"""Commands to the devices of this gateway: what may be done, done at most once, and answered."""
