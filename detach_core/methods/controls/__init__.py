"""Controls: untrained networks, hand-made statistics, supervised training."""
