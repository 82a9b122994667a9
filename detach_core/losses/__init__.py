"""Training objectives as pure functions: tensors in, scalar out."""
