"""`linli deadletters`: dead letters listed, shown, replayed and purged."""
