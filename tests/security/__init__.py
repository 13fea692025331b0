"""The lines of what a reviewer of security will try, each a test; docs/security.md has the table."""
