"""One function for each rule of the workflow: read contracts, compute, write contracts."""
