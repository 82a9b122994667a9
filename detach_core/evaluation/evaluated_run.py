"""Artifacts of an evaluated run: their consistency, and the metrics that describe it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detach_core.contracts.embeddings import Embeddings
from detach_core.contracts.metrics import Interval, Metrics, ProtocolResult
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.settings import LabelCurveSettings, ProbeSettings
from detach_core.foundation.errors import ContractError
from detach_core.settings.base import to_plain


def null_windows(windows: Windows) -> str:
    """`drop` if every window of a gesture dataset has a label, since windows without one were dropped; else `keep`."""
    chosen_by_label = windows.label_unit == "window" and bool((windows.label >= 0).all())
    return "drop" if chosen_by_label else "keep"


def check_match(
    embeddings: Embeddings, path: str | Path, *, dataset: str, source: str, split: str, num_windows: int
) -> None:
    """Check that the embeddings at `path` are of the windows of this dataset and source, and of the split of this name.

    Raises:
        ContractError: they are not.
    """
    for field, expected, found in (
        ("dataset", dataset, embeddings.dataset),
        ("source", source, embeddings.source),
        ("split", split, embeddings.split),
        ("sensor", f"{num_windows} rows", f"{len(embeddings.sensor)} rows"),
    ):
        if expected != found:
            raise ContractError(path, field, expected=expected, found=found, remedy="run the rule embed again")


def run_metrics(
    windows: Windows,
    split: Split,
    runs: Sequence[Embeddings],
    protocols: dict[str, ProtocolResult],
    *,
    probe: ProbeSettings,
    curve: LabelCurveSettings | None = None,
) -> Metrics:
    """Metrics of the first of `runs`, the others being candidates of its search; with `curve`, of its label curve."""
    first = runs[0]
    texts = ("variant", "method", "split", "seed", "source", "probed", "video_init")
    roles = [f"embeddings+{place}" if place else "embeddings" for place in range(len(runs))]
    inputs: dict[str, Windows | Split | Embeddings] = {"windows": windows, "split": split}
    inputs.update(zip(roles, runs, strict=True))
    return Metrics(
        **{name: getattr(first, name) for name in texts},
        dataset=windows.dataset,
        label_unit=windows.label_unit,
        null_windows=null_windows(windows),
        probe="logistic" if curve else probe.kind,
        candidates=({},),
        collapse=tuple(run.collapse for run in runs),
        strengths=(curve.c,) if curve else tuple(sorted(probe.c)),
        class_names=windows.class_names,
        interval=interval_of(probe, split),
        protocols=protocols,
        provenance=make_provenance(
            stage="label_curve" if curve else "probe",
            source=windows.source,
            settings={"probe": to_plain(probe), "curve": to_plain(curve)} if curve else to_plain(probe),
            seed=first.seed,
            inputs={role: one.provenance.artifact_id for role, one in inputs.items()},
        ),
    )


def interval_of(probe: ProbeSettings, split: Split) -> Interval:
    """The intervals' resamples, confidence and seed."""
    return Interval(probe.bootstrap, probe.confidence, split.seed)
