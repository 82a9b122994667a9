"""Figures: their settings and registry, and a module for each drawing."""
