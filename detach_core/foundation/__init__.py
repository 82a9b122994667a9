"""Errors, messages, logs and files: the ground that every other room stands on. Standard library only."""
