"""Pretraining, downstream and held-out parts, and the folds of each protocol (docs/choices.md)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detach_core.contracts.split import PARTS, Fold, Ids
from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import ContractError
from detach_core.signals.splitting import rotating_folds, stratified_split

UNITS = {"recordings": "recording", "subjects": "subject"}


def partition(
    windows: Windows, *, hold_out: str, held_out: Sequence[str], pretrain: float, rng: np.random.Generator
) -> dict[str, Ids]:
    """Window ids of `pretrain`, `downstream` and `held_out`.

    Whole units are held out first; the rest is split by window or by recording, as the dataset is labelled.

    Args:
        windows: the dataset's windows.
        hold_out: `recordings` or `subjects`; anything else holds out nothing.
        held_out: names of the units to hold out.
        pretrain: the share of the rest that pretraining sees.
        rng: chooses the windows or recordings.

    Raises:
        ContractError: a unit that the windows do not have, or a part without a window.
    """
    is_held_out = np.zeros(windows.num_windows, dtype=bool)
    if hold_out in UNITS:
        names = getattr(windows, f"{UNITS[hold_out]}_names")
        unknown = sorted(set(held_out) - set(names))
        if unknown:
            raise ContractError(
                windows.path,
                f"{UNITS[hold_out]}_names",
                expected=f"the held-out {hold_out} {', '.join(unknown)} of the split",
                found=", ".join(names),
                remedy="correct splits.<name>.<dataset>.held_out in the config",
            )
        is_held_out = np.isin(getattr(windows, UNITS[hold_out]), [names.index(name) for name in held_out])
    rest = np.flatnonzero(~is_held_out)
    units, first, unit_of_window = np.unique(unit_of(windows)[rest], return_index=True, return_inverse=True)
    chosen, _ = stratified_split(windows.label[rest][first], pretrain, rng)
    in_pretrain = np.isin(unit_of_window, chosen)
    parts = dict(zip(PARTS, (rest[in_pretrain], rest[~in_pretrain], np.flatnonzero(is_held_out)), strict=True))
    for part, ids in parts.items():
        if not len(ids) and (part != "held_out" or hold_out in UNITS):
            found = f"0 of {windows.num_windows} windows ({len(units)} units are not held out)"
            remedy = (
                "hold out fewer units, use more recordings, or change splits.<name>.<dataset>.pretrain in the config"
            )
            raise ContractError(windows.path, part, expected="at least one window", found=found, remedy=remedy)
    return parts


def unit_of(windows: Windows) -> Ids:
    """The unit that is classified for each window, (N,): the window itself, or its recording."""
    ids = windows.recording if windows.label_unit == "recording" else np.arange(windows.num_windows)
    return ids.astype(np.int64)


def build_protocols(
    windows: Windows,
    parts: dict[str, Ids],
    *,
    hold_out: str,
    num_folds: int,
    fold_draws: int,
    rng: np.random.Generator,
) -> dict[str, tuple[Fold, ...]]:
    """The folds of each protocol over the labelled windows.

    `paper` rotates over the downstream part so that every unit is tested once: one fold to test and, for windows, the
    next one to select; `fold_draws` times, with folds drawn anew. `by_recording` or `by_subject` trains on the
    downstream part and tests on the held-out units. `paper_single_fold` is the paper's one division, where nothing is
    held out.

    All rotating folds of a draw train on equally many units of each class. Leaving a unit out would else make its class
    rarer in training, so that a probe of features that say nothing is wrong more often than a guess.

    Raises:
        ContractError: fewer units than folds, or a class that no training window of a fold has.
    """
    labelled = {part: ids[windows.label[ids] >= 0] for part, ids in parts.items()}
    units, first, unit_of_window = np.unique(
        unit_of(windows)[labelled["downstream"]], return_index=True, return_inverse=True
    )
    if len(units) < num_folds:
        found = f"{len(units)} labelled {windows.label_unit}s"
        remedy = "use more recordings or fewer folds (splits.<name>.<dataset>.folds)"
        raise ContractError(
            windows.path, "downstream", expected=f"at least {num_folds} for as many folds", found=found, remedy=remedy
        )
    label = windows.label[labelled["downstream"]][first]
    paper: tuple[Fold, ...] = ()
    for draw in range(fold_draws):
        for masks in rotating_folds(label, num_folds, rng, with_val=windows.label_unit == "window"):
            train, val, test = (labelled["downstream"][mask[unit_of_window]] for mask in masks)
            paper += (Fold(train, val, test, draw),)
    protocols = {"paper": paper}
    if hold_out in UNITS:
        none = np.empty(0, np.int64)
        protocols[f"by_{UNITS[hold_out]}"] = (Fold(labelled["downstream"], none, labelled["held_out"]),)
    else:
        protocols["paper_single_fold"] = paper[:1]
    for protocol, folds in protocols.items():
        for number, fold in enumerate(folds):
            _refuse_absent_class(windows, fold, f"{protocol}/fold{number}")
    return protocols


def _refuse_absent_class(windows: Windows, fold: Fold, place: str) -> None:
    if not len(fold.test):
        raise ContractError(
            windows.path,
            f"{place}/test",
            expected="at least one labelled window",
            found="none",
            remedy="hold out units that have labelled windows",
        )
    present = np.unique(windows.label[fold.train])
    absent = [name for label, name in enumerate(windows.class_names) if label not in present]
    if absent:
        raise ContractError(
            windows.path,
            f"{place}/train",
            expected="every class in the windows that train the probe",
            found=f"no window of {', '.join(absent)}",
            remedy="use more recordings, hold out fewer, choose another seed, or take the class out of the config",
        )
