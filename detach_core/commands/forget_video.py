"""Command `forget-video`: deletion of all pictures that the workflow made, and a list of what of the video is left.

Only files that the workflow itself made, below `results/` and `data/` of one working folder, are deleted. Links are
not followed: what lies elsewhere is named and stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from detach_core.foundation.errors import ContractError, UserError, one_line

VIDEO_SUFFIXES = frozenset(
    (".3gp", ".asf", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv")
)

PICTURE_SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"))

# File below results/ -> what of the video it holds.
_PICTURE_FILES = {
    "frames.h5": "small frames",
    "flow.h5": "optical flow",
    "activation_maps.h5": "frames under activation maps",
    "report.html": "figures, some with frames",
}

_UNFINISHED = re.compile(r"\.(frames|flow|activation_maps|windows|timeline|suggestions)\.\d+\.partial\.(h5|html)")


# File -> what of the video it may tell.
_TRACES = {
    "checkpoint.safetensors": "weights, among them those of the networks that saw the video",
    "snapshots.safetensors": "weights during the training, as above",
    "embeddings.h5": "numbers that say of each window what the networks found in its video and its sensors",
    "negative_pairs.h5": "similarities of some windows' videos",
    "assignments.h5": "clusters of windows, found with the video's help",
}


@dataclass
class Found:
    """What of the video a working folder holds, by path and in words.

    `deleted` are whole files, `stripped` pages that lose their pictures, `blanked` windows that lose their mean frames;
    `left` is named and stays.
    """

    deleted: dict[Path, str] = field(default_factory=dict)
    stripped: dict[Path, str] = field(default_factory=dict)
    blanked: dict[Path, str] = field(default_factory=dict)
    left: dict[Path, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.deleted or self.stripped or self.blanked)


def find_video(folder: Path) -> Found:
    """What of the video the working folder `folder` holds; nothing is changed.

    Raises:
        UserError: it is no working folder, `results` or `data` is a link, or a workflow runs there.
    """
    _check_folder(folder)
    found = Found()
    made = _workflows_videos(folder, found)
    for path in _files(folder, found):
        _sort_in(path, made, found)
    for path in [*found.deleted, *found.stripped, *found.blanked]:
        if path.stat().st_nlink > 1:
            found.left[path] = "has another name elsewhere (a hard link), under which deleted content stays"
    return found


def _check_folder(folder: Path) -> None:
    roots = [folder / name for name in ("results", "data")]
    for root in roots:
        if root.is_symlink():
            raise UserError(
                f"{root}: found a link to {root.resolve()}, expected a folder of the working folder itself; files"
                " outside it are never deleted, so delete the link's target yourself or move it here"
            )
    if not any(root.is_dir() for root in roots):
        raise UserError(f"{folder}: found neither results/ nor data/, expected a working folder; name it by --folder")
    locks = folder / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        raise UserError(
            f"{folder}: found the lock of a workflow, which may be making pictures now; wait for its end, or run"
            " `./run snakemake --unlock` if it was killed"
        )


def _workflows_videos(folder: Path, found: Found) -> set[Path]:
    """The videos that manifests of simulated and downloaded data name; a user's own files stand in none."""
    from detach_core.contracts.raw_files import read_download_manifest, read_raw_manifest

    made = set[Path]()
    for source, reader in (("simulated", read_raw_manifest), ("downloaded", read_download_manifest)):
        above = folder / "data" / source
        if above.is_symlink() or not above.is_dir():
            continue
        for path in sorted(above.glob("*/*.json")):
            if path.is_symlink() or path.parent.is_symlink():
                continue
            try:
                made |= {path.parent / one.path for one in reader(path).files}
            except ContractError as error:
                found.left[path] = f"no manifest ({error}); videos that it may name stay"
    return {path for path in made if path.suffix.lower() in VIDEO_SUFFIXES}


def _files(folder: Path, found: Found) -> Iterator[Path]:
    """Files of `results/` and `data/`; links are noted in `found` and not followed."""
    for root in (folder / "results", folder / "data"):
        for above, folders, names in os.walk(root, followlinks=False):
            for name in sorted([*folders, *names]):
                path = Path(above) / name
                if path.is_symlink():
                    found.left[path] = f"a link to {one_line(str(path.resolve()))}, which is not followed"
                elif name in names and path.is_file():
                    yield path
            folders.sort()


def _sort_in(path: Path, made: set[Path], found: Found) -> None:
    below = path.parts[-2] if len(path.parts) > 1 else ""
    suffix = path.suffix.lower()
    if path in made:
        found.deleted[path] = "the workflow's copy of the video"
    elif path.name in _PICTURE_FILES:
        found.deleted[path] = _PICTURE_FILES[path.name]
    elif _UNFINISHED.fullmatch(path.name):
        found.deleted[path] = "an unfinished file of an ended job"
    elif suffix == ".html":  # whatever the user called a page of suggestions
        from detach_core.reports.timeline.page import has_pictures

        if has_pictures(path.read_text(encoding="utf-8", errors="replace")):
            found.stripped[path] = "pictures on a page, which stays without them"
    elif path.name == "windows.h5":
        _sort_windows(path, found)
    elif below == "figures" and _shows_frames(path):
        found.deleted[path] = "a figure with frames"
    elif path.name in _TRACES:
        found.left[path] = _TRACES[path.name]
    elif suffix in VIDEO_SUFFIXES or (suffix in PICTURE_SUFFIXES and below != "figures" and path.name != "history.png"):
        found.left[path] = "a video or picture that this workflow did not make; look whether it may stay"


def _shows_frames(path: Path) -> bool:
    """Whether a figure's file is of activation maps, which lie over frames; its numbers beside it tell."""
    table = path.with_suffix(".csv")
    if path.suffix not in (".png", ".pdf") or not table.is_file():
        return False
    with table.open(encoding="utf-8", errors="replace") as file:
        return {"map", "y_px", "x_px"} <= set(file.readline().strip().split(","))


def _sort_windows(path: Path, found: Found) -> None:
    from detach_core.contracts.rows import blocks
    from detach_core.contracts.windows import open_windows

    try:
        frames = open_windows(path).mean_frame
    except ContractError as error:
        found.left[path] = f"holds mean frames and cannot be read ({error}); delete it yourself"
        return
    if any(block.any() for _, block in blocks(frames)):
        found.blanked[path] = "the mean frame of each window, which becomes black; its sensors stay"


def forget(found: Found) -> None:
    """Delete, strip and blank what `found` says.

    Raises:
        UserError: a file cannot be changed; the message names it, and the others can be done by another run.
    """
    from detach_core.foundation.files import write_text
    from detach_core.reports.timeline.page import without_pictures

    steps = [
        *((path, _without_mean_frames) for path in found.blanked),
        *((path, lambda one: write_text(one, without_pictures(one.read_text("utf-8")))) for path in found.stripped),
        *((path, Path.unlink) for path in found.deleted),
    ]
    for path, step in steps:
        if path.is_symlink() or not path.is_file():
            raise UserError(f"{path}: found another file than when it was listed, expected the same; run again")
        stamp = path.stat()
        try:
            step(path)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be changed ({error.strerror or error}); give yourself the right to, and run again"
            ) from error
        if path.exists():  # unchanged for Snakemake, or all that stands on it would be made anew
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def _without_mean_frames(path: Path) -> None:
    from detach_core.contracts.hdf5 import blank

    blank(path, "mean_frame")


def _lines(entries: dict[Path, str], folder: Path, *, named: int) -> Iterator[str]:
    """A line for each kind of entry: how many, how large, and the first `named` of them."""
    by_words: dict[str, list[Path]] = {}
    for path, words in entries.items():
        by_words.setdefault(words, []).append(path)
    for words, paths in sorted(by_words.items()):
        size = sum(path.lstat().st_size for path in paths if path.exists() or path.is_symlink())
        names = [one_line(str(path.relative_to(folder))) for path in paths[:named]]
        more = f" and {len(paths) - named} more" if len(paths) > named else ""
        yield f"  {words}: {len(paths)} files, {size / 1e6:.1f} MB ({', '.join(names)}{more})"


AFTERWARDS = (
    "Your own files elsewhere are untouched, and a later run that needs pictures reads them again. Weights can keep"
    " traces of what they were trained on: see SECURITY.md. Copies, backups and freed blocks of the disk are not"
    " reached."
)


def command(
    folder: Annotated[Path, typer.Option(help="The working folder, which holds results/ and data/.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    every: Annotated[bool, typer.Option("--list", help="Name every file, not the first of a kind alone.")] = False,
) -> None:
    """Delete every picture that the workflow made, and say what of the video is left.

    Raw copies in data/, frames, flow, mean frames, figures with frames, and the pictures on timelines go; trained runs
    and classifiers stay and recognise as before. Nothing outside results/ and data/ of the folder is touched.

    Example: detach forget-video --folder ~/homes/flat
    """
    folder = folder.resolve()
    found, named = find_video(folder), 1_000_000 if every else 2
    if found:
        typer.echo(f"In {folder} this goes:")
        for line in (
            line
            for part in (found.deleted, found.stripped, found.blanked)
            for line in _lines(part, folder, named=named)
        ):
            typer.echo(line)
        if not yes and not typer.confirm("Delete it? It cannot be brought back."):
            typer.echo("Nothing was deleted.")
            raise typer.Exit(1)
        forget(found)
        typer.echo("It is deleted.")
    else:
        typer.echo(f"{folder} holds no picture that the workflow made.")
    if found.left:
        typer.echo("This is left:")
        for line in _lines(found.left, folder, named=named):
            typer.echo(line)
    typer.echo(AFTERWARDS)
