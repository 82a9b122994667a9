"""File contracts: each artifact's schema, its writer and its reader. Stages meet only here."""
