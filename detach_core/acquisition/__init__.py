"""Acquisition of recordings: download and unpacking, or the check of a user's own folder."""
