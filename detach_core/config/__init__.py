"""The typed configuration: the one place for ranges and types. Torch-free, since every job imports it.

Nothing is imported here: a stage that takes one section must not depend on all the others.
"""
