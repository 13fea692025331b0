"""Floor plans: the drawing of each, and where on it devices are."""
