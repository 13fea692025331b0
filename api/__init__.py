"""REST, live stream, sign-in and metrics over one layer of services; the staff console is `api.console`."""
