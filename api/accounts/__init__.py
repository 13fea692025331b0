"""Who signs in and by which way, their accounts, sessions and tokens."""
