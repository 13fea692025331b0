"""What people write rules in: parts that combine, read from YAML and checked. `docs/rules.md` teaches it."""
