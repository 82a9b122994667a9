"""Validation of the YAML configuration into typed settings. Free of torch, since every job imports it.

Nothing is imported here: a stage that takes one section must not depend on all the others.
"""
