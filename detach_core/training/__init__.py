"""Training: windows in memory, augmentation, and one loop over any method of the protocol."""
