"""Pure numpy: windows, normal forms, splits and audits."""
