"""Getting an agent onto a site, and saying in words what keeps it from working there."""
