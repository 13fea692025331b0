"""From inputs to transitions: all decisions of the rules, without I/O and without a clock."""
