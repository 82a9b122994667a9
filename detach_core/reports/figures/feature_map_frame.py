"""The numbers of Figures 7 and 9: windows that pretraining did not see, in the plane, and what their neighbours are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detach_core.analysis.embedding_map import MIN_WINDOWS, alike_neighbours, embedding_map, num_equal, spread_ids
from detach_core.contracts.errors import ContractError
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.reports.figures.drawing import Artifact, Artifacts, Settings, only
from detach_core.reports.figures.window_groups import GROUPINGS, WindowGroups
from detach_core.signals.locations import NOWHERE

NEIGHBOURS = 10


def feature_map_frame(artifacts: Artifacts, settings: Settings) -> pd.DataFrame:
    """A row for each feature and window: its place in the plane, its group, and how far its neighbours are alike.

    Raises:
        ContractError: artifacts of other windows, features that the method does not have or that have collapsed, or
            too few windows with a group.
        UserError: more than one run.
    """
    windows_file, split_file, run = (only(artifacts, kind) for kind in ("windows", "split", "embeddings"))
    windows, split, embeddings = windows_file.value, split_file.value, run.value
    _check_same_windows(run, windows_file, len(embeddings.sensor), rule="embed")
    _check_same_windows(split_file, windows_file, windows.num_windows, rule="split")
    groups = GROUPINGS[settings["colour"]](windows)
    part = "held_out" if len(split.held_out) else "downstream"
    ids = _shown(windows, groups, split, part, settings["max_windows"], run)
    frames = []
    for name in settings["features"]:
        if name not in embeddings.features:
            found, remedy = ", ".join(embeddings.features), "choose other `features` in the figure's config"
            raise ContractError(run.path, name, expected="a feature to lay out", found=found, remedy=remedy)
        frames.append(_panel_frame(name, embeddings.features[name][ids], ids, windows, groups, settings, run))
    frame = pd.concat(frames, ignore_index=True)
    frame.insert(0, "part", part)
    frame.insert(0, "dataset", windows.dataset)
    absent = _absent(windows, groups, ids)
    frame.attrs = {"group_names": groups.names, "kind": groups.kind, "origin": groups.origin, "absent": absent}
    frame.attrs["action_names"] = groups.action_names
    return frame


def _absent(windows: Windows, groups: WindowGroups, ids: NDArray[np.int64]) -> list[str]:
    """Classes, places or sensors without a window among `ids`."""
    if groups.kind == "class":
        return [name for k, name in enumerate(windows.class_names) if k not in windows.label[ids]]
    return [name for k, name in enumerate(groups.names) if k not in groups.group[ids] and name != NOWHERE]


def _check_same_windows(artifact: Artifact, windows_file: Artifact, num_windows: int, *, rule: str) -> None:
    windows = windows_file.value
    made_from = artifact.provenance.inputs.get("windows")
    if made_from != windows.provenance.artifact_id or num_windows != windows.num_windows:
        raise ContractError(
            artifact.path,
            "provenance",
            expected=f"what was made from {windows_file.path}",
            found="other windows",
            remedy=f"rerun the rule `{rule}` (snakemake --forcerun {rule})",
        )


def _shown(
    windows: Windows, groups: WindowGroups, split: Split, part: str, max_windows: int, run: Artifact
) -> NDArray[np.int64]:
    ids = np.sort(split.parts[part])
    ids = spread_ids(ids[groups.group[ids] >= 0], max_windows=max_windows)
    if len(ids) < MIN_WINDOWS:
        expected = f"at least {MIN_WINDOWS} windows with a known {groups.kind} in the part {part} of {windows.dataset}"
        raise ContractError(
            run.path, "windows", expected=expected, found=str(len(ids)), remedy="choose another `colour` or split"
        )
    return ids


def _panel_frame(
    name: str,
    features: NDArray[np.float32],
    ids: NDArray[np.int64],
    windows: Windows,
    groups: WindowGroups,
    settings: Settings,
    run: Artifact,
) -> pd.DataFrame:
    group, action = groups.group[ids], groups.action[ids]
    try:
        plane = embedding_map(features, perplexity=settings["perplexity"])
    except ValueError as error:
        raise ContractError(
            run.path, name, expected="features that differ", found=str(error), remedy="look at the run's history.jsonl"
        ) from None
    both = group * (len(groups.action_names) + 1) + action
    share, expected = alike_neighbours(features, both, windows.instance[ids], neighbours=NEIGHBOURS)
    return pd.DataFrame(
        {
            "feature": name,
            "window": ids,
            "x": plane[:, 0],
            "y": plane[:, 1],
            "group": [groups.names[index] for index in group],
            "action": [groups.action_name(index) for index in action],
            "alike_neighbours": share,
            "alike_expected": expected,
            "num_equal": num_equal(features),
        }
    )
