"""HWU-USP: settings, native files and their origin."""
