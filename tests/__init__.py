"""Tests, and in `fixtures` what they share."""
