"""Training: windows in memory, augmentation, and one loop that knows a method only by its protocol."""
