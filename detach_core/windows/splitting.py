"""Splits of windows into pretraining, probe and test parts, and the overlap between two parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.split import PARTS, Fold, Ids, Overlap
from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import ContractError

Intervals = NDArray[np.float64]

Integers = NDArray[np.integer]


def audit(windows: Windows, parts: Mapping[str, Ids], protocols: Mapping[str, Sequence[Fold]]) -> tuple[Overlap, ...]:
    """Overlap of every two parts, and within each fold of every two of train, val and test."""
    pairs = [(a, parts[a], b, parts[b]) for a, b in combinations(parts, 2)]
    for protocol, folds in protocols.items():
        for number, fold in enumerate(folds):
            place = f"{protocol}/fold{number}"
            pairs += [
                (f"{place}/{a}", getattr(fold, a), f"{place}/{b}", getattr(fold, b))
                for a, b in combinations(("train", "val", "test"), 2)
                if len(getattr(fold, a)) and len(getattr(fold, b))
            ]
    return tuple(
        Overlap(
            a,
            b,
            shared_seconds(
                windows.recording[ids_a],
                windows.start_s[ids_a],
                windows.recording[ids_b],
                windows.start_s[ids_b],
                windows.window_s,
            ),
            shared_instances(windows.instance[ids_a], windows.instance[ids_b]),
        )
        for a, ids_a, b, ids_b in pairs
    )


def refuse_leaks(overlap: Sequence[Overlap], *, label_unit: str, path: Path | str) -> None:
    """Check that held-out recordings or subjects share nothing with the other parts.

    Args:
        overlap: what `audit` found.
        label_unit: `recording` sets every two parts apart, `window` only those with held-out units.
        path: the file to name in the error.

    Raises:
        ContractError: two such parts share time or an instance.
    """
    for pair in overlap:
        apart = label_unit == "recording" or "held_out" in (pair.a, pair.b) or pair.a.startswith("by_")
        if apart and (pair.shared_s > 0.0 or pair.shared_instances > 0):
            raise ContractError(
                path,
                f"{pair.a} and {pair.b}",
                expected="nothing shared between them",
                found=f"{pair.shared_s:g} s and {pair.shared_instances} instances in both",
                remedy="give every recording its own instances and list each one once, then run the rule pack again",
            )


def shared_seconds(
    recording_a: Integers, start_a_s: Intervals, recording_b: Integers, start_b_s: Intervals, window_s: float
) -> float:
    """Seconds of recording that lie in a window of `a` and in a window of `b`; each second counts once."""
    shared = 0.0
    for recording in np.intersect1d(recording_a, recording_b):
        a = _union(np.sort(start_a_s[recording_a == recording]), window_s)
        b = _union(np.sort(start_b_s[recording_b == recording]), window_s)
        # Disjoint and in order, so that each interval of `a` meets a run of those of `b`.
        first = np.searchsorted(b[:, 1], a[:, 0], side="right")
        end = np.searchsorted(b[:, 0], a[:, 1], side="left")
        lengths = np.maximum(end - first, 0)
        of_a = np.repeat(np.arange(len(a)), lengths)
        of_b = np.arange(len(of_a)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(first, lengths)
        shared += float((np.minimum(a[of_a, 1], b[of_b, 1]) - np.maximum(a[of_a, 0], b[of_b, 0])).sum())
    return shared


def shared_instances(instance_a: Integers, instance_b: Integers) -> int:
    """Number of instances with windows in both sets; -1 is no instance."""
    common = np.intersect1d(instance_a, instance_b)
    return int((common >= 0).sum())


def _union(start_s: Intervals, window_s: float) -> Intervals:
    """The disjoint intervals (M, 2) that the windows starting at the sorted `start_s` cover."""
    breaks = np.flatnonzero(np.diff(start_s) > window_s)
    first = np.concatenate([[0], breaks + 1])
    last = np.concatenate([breaks, [len(start_s) - 1]])
    return np.stack([start_s[first], start_s[last] + window_s], axis=1)


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
    rarer in training, so that a probe of uninformative features is wrong more often than a guess.

    Windows of a dataset without classes have nothing to be probed for, and no protocol.

    Raises:
        ContractError: fewer units than folds, or a class that no training window of a fold has.
    """
    if not windows.class_names:
        return {}
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


Positions = NDArray[np.int64]

Mask = NDArray[np.bool_]


def stratified_split(labels: Integers, share: float, rng: np.random.Generator) -> tuple[Positions, Positions]:
    """Positions of the first part, `share` of each class as nearly as can be and of the whole exactly, and of the rest.

    Raises:
        ValueError: `share` is not between 0 and 1.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    classes, counts = np.unique(labels, return_counts=True)
    wanted = share * counts
    taken = np.floor(wanted).astype(np.int64)
    # Largest remainders: whole units that add up to the share of the whole. Ties go to the class that comes first.
    missing = round(share * len(labels)) - int(taken.sum())
    taken[np.argsort(-(wanted - taken), kind="stable")[:missing]] += 1
    first = [
        rng.permutation(np.flatnonzero(labels == label))[:count] for label, count in zip(classes, taken, strict=True)
    ]
    chosen = np.sort(np.concatenate(first)) if first else np.empty(0, np.int64)
    return chosen, np.setdiff1d(np.arange(len(labels)), chosen)


def stratified_folds(
    labels: Integers, num_folds: int, rng: np.random.Generator, groups: Integers | None = None
) -> Positions:
    """The fold of each unit, (N,): classes spread evenly, and units of one group kept together if groups are given.

    A group has one class: that of its first unit.

    Raises:
        ValueError: fewer than two folds, or fewer units (or groups) than folds.
    """
    unit_group = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    num_groups = int(unit_group.max(initial=-1)) + 1
    if not 2 <= num_folds <= num_groups:
        raise ValueError(f"{num_groups} units or groups cannot make {num_folds} folds")
    _, first, size = np.unique(unit_group, return_index=True, return_counts=True)
    group_label = np.asarray(labels)[first]
    shuffled = rng.permutation(num_groups)
    # Class by class and large groups first, each to the fold that has least of its class, then least of all.
    order = shuffled[np.lexsort((-size[shuffled], group_label[shuffled]))]
    fold_of_group = np.empty(num_groups, np.int64)
    filled = np.zeros(num_folds, np.int64)
    of_class = np.zeros(num_folds, np.int64)
    previous = None
    for group in order:
        if group_label[group] != previous:
            previous, of_class = group_label[group], np.zeros(num_folds, np.int64)
        fold = int(np.lexsort((np.arange(num_folds), filled, of_class))[0])
        fold_of_group[group] = fold
        filled[fold] += size[group]
        of_class[fold] += size[group]
    return fold_of_group[unit_group]


def rotating_folds(
    labels: Integers, num_folds: int, rng: np.random.Generator, *, with_val: bool
) -> list[tuple[Mask, Mask, Mask]]:
    """Training, selection and test units of each fold, three masks (N,); every unit is tested once.

    Of each class as many train in every fold: as many as the fold that could have the fewest has. What is above that
    number is drawn, and idle in its fold. Otherwise the tested classes would be the rarer ones in training, and a
    classifier of noise would be wrong more often than a guess.

    Args:
        labels: (N,).
        num_folds: as many.
        rng: draws the folds and the idle units.
        with_val: whether the fold after the tested one selects; else none does.

    Raises:
        ValueError: as `stratified_folds`.
    """
    fold_of_unit = stratified_folds(labels, num_folds, rng)
    number = np.arange(num_folds)[:, None]
    test = fold_of_unit == number
    val = (fold_of_unit == (number + 1) % num_folds) & with_val
    train = ~test & ~val
    for one in np.unique(labels):
        of_class = train & (labels == one)
        fewest = int(of_class.sum(axis=1).min())
        for row, members in zip(train, of_class, strict=True):
            row[rng.permutation(np.flatnonzero(members))[fewest:]] = False
    return list(zip(train, val, test, strict=True))
