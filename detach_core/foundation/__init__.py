"""Errors, messages, logs and files, used by every other package. Standard library only."""
