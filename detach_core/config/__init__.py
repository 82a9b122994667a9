"""Validation of YAML into the settings of all rooms. Torch-free, since every job imports it.

Nothing is imported here: a stage that takes one section must not depend on all the others.
"""
