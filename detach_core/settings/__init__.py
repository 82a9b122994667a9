"""Typed settings: the frozen dataclasses that configuration, stages and plug-ins share, without torch or pydantic."""
