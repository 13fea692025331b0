"""`linli status` and `linli reconcile`: facts, what they mean, and how they are shown."""
