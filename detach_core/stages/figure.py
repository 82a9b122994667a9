"""Stage `figure`: one figure as pdf and png, its caption as md, its values as csv and parquet. Nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from detach_core.contracts.lists import FigureRow
from detach_core.foundation.errors import UserError
from detach_core.foundation.files import write_text
from detach_core.foundation.logs import stage_log
from detach_core.reports.captions import heading, plain
from detach_core.reports.figures.drawing import (
    Artifact,
    Artifacts,
    house_style,
    provenance_facts,
    provenance_line,
    read_artifact,
    save_figure,
)
from detach_core.reports.figures.registry import FIGURES, read_figure
from detach_core.reports.lists import write_list
from detach_core.reports.tables import refuse_mixed_sources

Paths = Sequence[str | Path]


def figure(
    *,
    name: str,
    settings: str,
    paths: Mapping[str, Paths | str | Path],
    csv_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write the figure's numbers at `csv_path`, and beside it as `.parquet`, its picture and its caption.

    Args:
        name: `figure4`, ...; for the caption and the log.
        settings: JSON of the figure's section, of the settings of its kind.
        paths: kind of artifact -> its files, for every kind that the drawing needs.
        csv_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "figure") as log:
        try:
            section = read_figure(settings)
            made = FIGURES.implementation(section.draw)()
        except LookupError as error:
            raise UserError(f"{name}: draw: {error}; correct the figure in the config") from error
        artifacts = Artifacts({kind: _read(name, kind, paths) for kind in section.needs})
        refuse_mixed_sources([one.path for one in artifacts], [one.provenance.source for one in artifacts])
        frame = made.frame(artifacts, section)
        with house_style():
            picture = made.draw(frame, section)
        line = provenance_line(artifacts, made.note(frame, section), split=section.split)
        save_figure(picture, Path(csv_path).with_suffix(""), provenance=line)
        caption = section.caption()
        title = plain(heading(name, caption))
        words = f"**{title}.** {caption.text} {plain(line)}.\n\n![{title}]({Path(csv_path).stem}.png)\n"
        write_text(Path(csv_path).with_suffix(".md"), words)
        exact = frame.astype(dict.fromkeys(made.integers, "Int64"))
        facts = provenance_facts(artifacts, split=section.split)
        write_list(Path(csv_path).with_suffix(".parquet"), exact, FigureRow, facts)
        # The file that the workflow waits for comes last: when it is there, all are.
        write_text(csv_path, frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
        log.info("%s is %s (.pdf, .png, .md and .parquet beside it): %s", name, csv_path, line)


def _read(name: str, kind: str, paths: Mapping[str, Paths | str | Path]) -> list[Artifact]:
    given = paths.get(kind, ())
    files = [given] if isinstance(given, str | Path) else list(given)
    if not files:
        raise UserError(f"{name}: found no file of the kind {kind}, expected at least one; correct it in the config")
    for path in files:
        if not Path(path).is_file():
            remedy = f"make it with `./run snakemake {path}`"
            raise UserError(f"{path}: file: found nothing, expected what {name} is drawn from ({kind}); {remedy}")
    return [read_artifact(kind, path) for path in files]
