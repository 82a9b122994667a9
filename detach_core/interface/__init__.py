"""Python interface of trained runs, for arrays of a user's own."""
