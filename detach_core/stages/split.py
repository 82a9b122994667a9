"""Stage `split`: pretraining, probe and held-out windows, the normalisation and the overlap of the parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.rows import SelectedRows
from detach_core.contracts.split import Split, write_split
from detach_core.contracts.windows import open_windows
from detach_core.datasets.registry import SplitStageSettings
from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain, to_plain
from detach_core.signals.normalization import fit
from detach_core.windows.splitting import audit, build_protocols, partition, refuse_leaks


def split(*, settings: str, windows_path: str | Path, split_path: str | Path, log_path: str | Path) -> None:
    """Write `split.json`.

    Args:
        settings: JSON of `SplitStageSettings`.
        windows_path: `windows.h5`.
        split_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "split") as log:
        values = from_plain(SplitStageSettings, json.loads(settings))
        windows = open_windows(windows_path)
        seed, hold_out = values.seed, values.hold_out
        # Parts and folds draw from their own generators: another number of folds leaves the parts as they are.
        parts = partition(
            windows,
            hold_out=hold_out,
            held_out=values.held_out,
            pretrain=values.pretrain,
            rng=np.random.default_rng([seed, 1]),
        )
        folds_rng = np.random.default_rng([seed, 2])
        protocols = build_protocols(
            windows,
            parts,
            hold_out=hold_out,
            num_folds=values.folds,
            fold_draws=values.fold_draws,
            rng=folds_rng,
        )
        pretrained = SelectedRows(windows.sensor, parts["pretrain"])
        quiet = [number for number, name in enumerate(windows.channel_names) if name in values.quiet_channels]
        overlap = audit(windows, parts, protocols)
        if len(quiet) == len(windows.channel_names):
            raise UserError(f"dataset {windows.dataset}: no channel counts in the activation; set `activation` of some")
        refuse_leaks(overlap, label_unit=windows.label_unit, path=windows_path)
        write_split(
            split_path,
            Split(
                dataset=windows.dataset,
                name=values.name,
                seed=seed,
                parts=parts,
                normalisation=fit(pretrained, quantile=values.activation_quantile, quiet=quiet),
                protocols=protocols,
                overlap=overlap,
                provenance=make_provenance(
                    stage="split",
                    source=windows.source,
                    settings=to_plain(values),
                    seed=seed,
                    inputs={"windows": windows.provenance.artifact_id},
                ),
                fold_draws=values.fold_draws,
            ),
        )
        log.info("%s", ", ".join(f"{part}: {len(ids)} windows" for part, ids in parts.items()))
        shared = overlap[0]
        if not protocols:
            log.warning("the windows have no labels: there is nothing to probe")
        log.info("%s and %s share %g s, %d instances", shared.a, shared.b, shared.shared_s, shared.shared_instances)
