"""Contact sheets of the simulated homes: moments of one action side by side, from the videos under data/simulated.

./run python -m tools.make_contact_sheet   (writes docs/images/contact_sheet_opportunity.png and _hwu.png)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import open_hdf5_file

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 4
MOMENTS = 8
TILE_PX = (320, 240)
# One sheet: the videos, and the seconds between its moments.
SHEETS = {
    "opportunity": ("data/simulated/opportunity", "S2-Drill.mp4", 0.6),
    "hwu": ("data/simulated/hwu_usp", "tea_s03.mp4", 0.6),
}
MAX_BYTES = 300_000


def frames_at(video_path: Path, times_s: Sequence[float]) -> list[NDArray[np.uint8]]:
    """The frames (H, W, 3) BGR of `video_path` that are on screen at `times_s`."""
    found: list[NDArray[np.uint8]] = []
    wanted = sorted(times_s)
    with av.open(str(video_path)) as container:
        last: NDArray[np.uint8] | None = None
        for frame in container.decode(video=0):
            while len(found) < len(wanted) and last is not None and frame.time > wanted[len(found)]:
                found.append(last)
            last = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            if len(found) == len(wanted):
                break
    if last is None:
        raise SystemExit(f"{video_path} holds no picture: run ./run first")
    return found + [last] * (len(wanted) - len(found))


def contact_sheet(video_path: Path, times_s: Sequence[float], columns: int) -> NDArray[np.uint8]:
    """The frames of `video_path` at `times_s` in a grid of `columns`, each with its time written in the corner."""
    tiles = []
    for moment, frame in zip(sorted(times_s), frames_at(video_path, times_s), strict=True):
        tile = cv2.resize(frame, TILE_PX, interpolation=cv2.INTER_CUBIC)
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(tile, f"{moment:.1f} s", (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)
        tiles.append(tile)
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def first_opening(truth_path: Path, before_s: float) -> float:
    """`before_s` ahead of the first time that any fixture of the recording is half open."""
    with open_hdf5_file(truth_path) as file:
        openings = np.stack([file[name][()] for name in file if name.startswith("opening_")])
        open_at = np.flatnonzero((openings > 0.5).any(axis=0))
        return max(float(open_at[0] / file.attrs["sensor_hz"]) - before_s, 0.0)


def main() -> None:
    """Write both sheets."""
    images = ROOT / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    for name, (folder, file, every_s) in SHEETS.items():
        found = sorted((ROOT / folder).rglob(file)) or sorted((ROOT / folder).rglob("*.mp4"))
        if not found:
            raise SystemExit(f"{ROOT / folder} holds no video: run ./run first")
        truth = ROOT / folder / "truth" / f"{found[0].stem}.h5"
        start = first_opening(truth, every_s * MOMENTS / 2)
        sheet = contact_sheet(found[0], [start + every_s * k for k in range(MOMENTS)], COLUMNS)
        path = images / f"contact_sheet_{name}.png"
        scale = 1.0
        while True:
            size = (int(sheet.shape[1] * scale), int(sheet.shape[0] * scale))
            # A palette keeps the file small; steps of 8 grey levels are not seen at this size.
            picture = cv2.resize(sheet, size, interpolation=cv2.INTER_AREA) // 8 * 8 + 4
            cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
            if path.stat().st_size < MAX_BYTES:
                break
            scale *= 0.9
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB, {found[0].name} from {start:.1f} s")


if __name__ == "__main__":
    main()
