"""Offline pages of recordings: their parts in one file, pictures among them that can be taken out again."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from fractions import Fraction
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from detach_core.contracts.frames import flow_table
from detach_core.foundation.files import write_text
from detach_core.reports.figures.drawing import COLOURS, DARK_GREY, GREY, LIGHT_GREY
from detach_core.reports.timeline.content import GAP, Lane, Timeline, Trace

PICTURE_BEGIN, PICTURE_END = "<!-- picture: begin -->", "<!-- picture: end -->"

_PICTURES = re.compile(f"{PICTURE_BEGIN}.*?{PICTURE_END}", re.DOTALL)

FORGOTTEN = "The video was deleted on request (detach forget-video)."

# Pictures are doubled, so that the codec's colours, which have half the resolution, keep the working size.
_DOUBLED = 2

_KEY_PICTURES_S = 4.0
"""between two pictures that a player can jump to at once"""


def flow_colours(flow: NDArray[np.int8], max_px: float) -> NDArray[np.uint8]:
    """Flow (H, W, 2) as colours (H, W, 3): the hue is the direction, the brightness the root of the speed."""
    x, y = np.moveaxis(flow_table(max_px)[flow.astype(np.int64) + 128], -1, 0)
    speed, angle = cv2.cartToPolar(x, y)
    # Half of max_px is full brightness: real motion is rarely faster.
    bright = np.sqrt(np.clip(2.0 * speed / max_px, 0.0, 1.0)) * 255.0
    hue = np.degrees(angle) / 2.0
    hsv = np.stack([hue, np.full_like(hue, 255.0), bright], axis=-1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def encode_proxy(rgb: Any, flow: Any, *, max_px: float, working_hz: float) -> bytes:
    """A WebM file (VP9) with each working frame beside its flow.

    Args:
        rgb: (F, H, W, 3) u8, read row by row.
        flow: (F, H, W, 2) i8, companded.
        max_px: flow at full code.
        working_hz: frames a second; picture k is shown from k / working_hz on.
    """
    height, width = rgb.shape[1:3]
    rate = Fraction(working_hz).limit_denominator(1000)
    written = BytesIO()
    with av.open(written, "w", format="webm", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("libvpx-vp9", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 2 * _DOUBLED * width, _DOUBLED * height, "yuv420p"
        stream.codec_context.thread_count = 1  # equal frames give equal bytes
        gap = max(1, round(_KEY_PICTURES_S * working_hz))
        stream.options = {"crf": "32", "b:v": "0", "deadline": "realtime", "cpu-used": "6", "g": str(gap)}
        for row in range(len(rgb)):
            both = np.concatenate([rgb[row], flow_colours(np.asarray(flow[row]), max_px)], axis=1)
            both = both.repeat(_DOUBLED, axis=0).repeat(_DOUBLED, axis=1)
            frame = av.VideoFrame.from_ndarray(both, format="rgb24")
            frame.pts, frame.time_base = row, 1 / rate
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return written.getvalue()


def data_address(content: bytes, kind: str) -> str:
    """`content` as a `data:` address of the media type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def without_pictures(page: str) -> str:
    """The text of a page of this package without its videos and thumbnails, which a note replaces."""
    return _PICTURES.sub("<!-- pictures forgotten -->", page)


def has_pictures(page: str) -> bool:
    """Whether the text of a page holds videos or thumbnails."""
    return _PICTURES.search(page) is not None


def timeline_page(timeline: Timeline, video: bytes | None, *, picture_px: tuple[int, int], working_hz: float) -> str:
    """The page of a timeline as HTML.

    Args:
        timeline: what it shows.
        video: a proxy as `encode_proxy` writes it, None without one.
        picture_px: width and height of one of the proxy's two pictures.
        working_hz: their rate.
    """
    document = {
        "length_s": timeline.length_s,
        "lanes": [_lane(one) for one in timeline.lanes],
        "traces": [_trace(one) for one in timeline.traces],
        "trace_hz": timeline.trace_hz,
        "trace_start_s": timeline.trace_start_s,
        "gap": GAP,
        "class_names": timeline.class_names,
        "windows": timeline.windows,
        "colours": COLOURS,
        "greys": [LIGHT_GREY, GREY, DARK_GREY],
        "video": {"width": 2 * picture_px[0], "height": picture_px[1], "hz": working_hz},
        "forgotten": FORGOTTEN,
    }
    return render(
        "timeline.html",
        title=f"{timeline.heading['recording']}: timeline",
        heading=timeline.heading,
        lanes=timeline.lanes,
        tested=timeline.tested_words,
        events=[(lane, event) for lane in timeline.lanes for event in lane.events if lane.title in _LISTED],
        content=script_json(document),
        video=None if video is None else pictures(base64.b64encode(video).decode()),
        plotly=Markup(_plotly()),
        style=Markup(_resource("timeline.css")),
        code=Markup(_resource("timeline.js")),
    )


_LISTED = ("True label", "Predicted")


def _lane(lane: Lane) -> dict[str, Any]:
    events = [[round(one.start_s, 3), round(one.end_s, 3), one.value, one.share] for one in lane.events]
    return {"title": lane.title, "note": lane.note, "names": lane.names, "events": events}


def _trace(trace: Trace) -> dict[str, Any]:
    values = base64.b64encode(trace.code.tobytes()).decode()
    return {"name": trace.name, "unit": trace.unit, "low": trace.low, "high": trace.high, "values": values}


def pictures(content: str) -> Markup:
    """`content`, of base64 or of markup of this package, between the comments by which it can be taken out again."""
    return Markup(f"{PICTURE_BEGIN}{content}{PICTURE_END}")


def script_json(document: Mapping[str, Any]) -> Markup:
    """`document` as JSON for an element `script`, which no text in it can end."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def clock(time_s: float) -> str:
    """Minutes and seconds, such as 3:07.5."""
    tenths = round(time_s * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def render(template: str, **values: Any) -> str:
    """A page of this folder; values are escaped unless they are `Markup`."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["clock"] = clock
    return environment.from_string(_resource(template)).render(**values)


def _resource(name: str) -> str:
    return (files("detach_core.reports.timeline") / name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def write_page(path: Path | str, text: str) -> float:
    """Write the page's `text`, atomically; its size in MB."""
    write_text(path, text)
    return Path(path).stat().st_size / 1e6
