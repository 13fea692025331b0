"""Commands to devices: their wire format, what can be told to which kind, and how a command's life goes."""
