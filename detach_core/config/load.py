"""Checked configuration from the merged values of YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detach_core.config.checks import find_mistakes
from detach_core.config.document import Document
from detach_core.config.errors import ConfigError
from detach_core.config.evidence import evidence_mistakes
from detach_core.config.resolved import Config
from detach_core.config.section import plain
from detach_core.config.validation import validated

__all__ = ["Config", "ConfigError", "load_config"]


def load_config(data: Mapping[str, Any]) -> Config:
    """The checked configuration of `data`, the merged values of YAML files and overlays.

    Raises:
        ConfigError: one line for each mistake, with the key's path.
    """
    document: Document = validated(Document, plain(dict(data)))
    if mistakes := find_mistakes(document):
        raise ConfigError(mistakes)
    config = Config(document)
    if mistakes := list(evidence_mistakes(config)):
        raise ConfigError(mistakes)
    return config
