"""The simulated Opportunity-like home."""
