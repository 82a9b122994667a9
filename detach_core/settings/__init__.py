"""Typed settings: frozen dataclasses shared by configuration, stages and plug-ins, without torch or pydantic."""
