"""Commands of the program `detach`, one file each."""
