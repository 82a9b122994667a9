"""Writers of the generated pages and pictures under docs/; each is run by hand when what it reads has changed."""
