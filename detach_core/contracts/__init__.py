"""File contracts: each artifact's schema, writer and reader. Stages exchange data through them alone."""
