"""Seeded, stratified splits of units (windows or recordings); label -1, no class, is spread like a class of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]
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
    """Which units train, select and test in each fold, three masks (N,); every unit is tested once.

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
