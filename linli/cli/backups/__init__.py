"""`linli backup` and `linli restore`: everything Linli keeps, in one file, taken while it runs. docs/backup.md says why it holds."""
