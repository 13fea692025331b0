"""The command `linli`: a composition root, which nothing imports."""
