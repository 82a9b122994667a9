"""Fixtures of hand-made evidence."""

from tests.fixtures.evidence import claim, made

__all__ = ["claim", "made"]
