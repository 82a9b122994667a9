"""Bringing the recordings here: fetch and unpack them, or check the folder that the user brought."""
