"""Where the video networks of all methods start: from nothing, or from weights that the user has."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from detach_core.config.section import Section, refuse_braces

SCRATCH = "scratch"
SUFFIXES = (".safetensors", ".pt", ".pth")


class VideoNetworkSection(Section):
    """The start of the video networks, the same for every method that has the shared trunk."""

    init: str = Field(
        description="scratch, or a weight file of yours (.safetensors, .pt, .pth): the shared trunk's own, or"
        " torchvision's ResNet-18, ResNet-50 or ViT-B/32"
    )

    @field_validator("init")
    @classmethod
    def _is_there(cls, value: str) -> str:
        """Before any job: the networks themselves read the file, and refuse what is not in it, when they train."""
        if value != SCRATCH and Path(value).suffix not in SUFFIXES:
            raise ValueError(f"must be {SCRATCH} or a file that ends in {', '.join(SUFFIXES)}, got {value!r}")
        refuse_braces(value)
        if value != SCRATCH and not Path(value).is_file():
            raise ValueError(f"must be {SCRATCH} or a file that is there, got {value!r}")
        return value

    @property
    def path(self) -> str | None:
        """The weight file, if any."""
        return None if self.init == SCRATCH else self.init
