"""A figure's picture made small enough for a page in the repository."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from detach_core.foundation.errors import UserError
from detach_core.foundation.files import atomic_path

# Shares of a 300 dpi picture's width, from what a page shows well down to what can just be read.
SCALES = (0.6, 0.5, 0.42, 0.36, 0.3, 0.25)
COLOURS = 256


def write_small_picture(png_path: Path | str, small_path: Path | str, *, max_bytes: int) -> None:
    """Write the picture at `png_path`, with at most 256 colours, as large as `max_bytes` allow. Equal in, equal out.

    Raises:
        UserError: even the smallest is larger.
    """
    with Image.open(png_path) as opened:
        # Transparency would turn black on a dark page.
        full = Image.new("RGB", opened.size, "white")
        full.paste(opened, mask=opened.convert("RGBA").getchannel("A"))
    for scale in SCALES:
        size = (round(scale * full.width), round(scale * full.height))
        small = full.resize(size, Image.Resampling.LANCZOS).quantize(COLOURS, dither=Image.Dither.NONE)
        written = BytesIO()
        small.save(written, "PNG", optimize=True)
        if written.tell() <= max_bytes:
            with atomic_path(small_path) as partial:
                partial.write_bytes(written.getvalue())
            return
    raise UserError(
        f"{png_path}: size: found {written.tell()} bytes at {SCALES[-1]:.0%} of its width, expected at most"
        f" {max_bytes}; draw less into the figure"
    )
