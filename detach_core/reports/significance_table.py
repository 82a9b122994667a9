"""`significance.csv`: every row of the results tables against one variant, on the same tested units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from detach_core.contracts.metrics import Metrics
from detach_core.evaluation.figures import f1_of
from detach_core.evaluation.paired import difference, holm, swap_test
from detach_core.evaluation.settings import ComparedTable
from detach_core.reports.claims.accuracy import paired
from detach_core.reports.interval_words import interval_words
from detach_core.reports.marked_text import plain

# (dataset, split, variant) -> metrics, seed by seed.
Runs = Mapping[tuple[str, str, str], Sequence[Metrics]]


def significance_frame(tables: Mapping[str, ComparedTable], reference: str, runs: Runs, *, swaps: int) -> pd.DataFrame:
    """One line for each table, dataset, protocol and row but the reference.

    The p values of a table's rows on one dataset under one protocol are a family (Holm).

    Args:
        tables: rows and parts of each.
        reference: what the rows are compared with.
        runs: of all of them.
        swaps: of the permutation test.
    """
    lines: list[dict[str, object]] = []
    for table, section in tables.items():
        for dataset in dict.fromkeys(dataset for dataset, _ in section.parts):
            splits = [split for part, split in section.parts if part == dataset]
            rows = [row for row in section.rows if row != reference]
            protocols = dict.fromkeys(name for split in splits for name in runs[dataset, split, reference][0].protocols)
            for protocol in protocols:
                family = [_line(runs, dataset, splits, protocol, reference, row, swaps) for row in rows]
                corrected = holm([float(str(line["p"])) for line in family])
                lines += [
                    {"table": table, **line, "p_holm": p, "family": len(rows)}
                    for line, p in zip(family, corrected, strict=True)
                ]
    return pd.DataFrame(lines)


def _line(
    runs: Runs, dataset: str, splits: Sequence[str], protocol: str, reference: str, row: str, swaps: int
) -> dict[str, object]:
    first = {split: runs[dataset, split, reference] for split in splits}
    first = {split: group for split, group in first.items() if protocol in group[0].protocols}
    second = [runs[dataset, split, row] for split in first]
    pairs = [paired(*both, protocol) for both in zip(first.values(), second, strict=True)]
    leading = next(iter(first.values()))[0]
    num_classes = len(leading.class_names)
    found = difference(pairs, f1_of(num_classes), leading.interval)
    test = swap_test(pairs, num_classes, swaps=swaps, seed=leading.interval.seed)
    tested = [group[0].protocols[protocol] for group in first.values()]
    return {
        "dataset": dataset,
        "protocol": protocol,
        "variant": row,
        "reference": reference,
        "f1_difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": test.p,
        "smallest_p": test.smallest_p,
        "n_test": sum(one.n_test for one in tested),
        "n_units": test.num_gestures,
        "n_splits": len(first),
        "n_seeds": len(next(iter(first.values()))),
        "splits": " ".join(first),
        "seeds": " ".join(str(run.seed) for run in next(iter(first.values()))),
        "source": leading.source,
        "commit": " ".join(sorted({run.provenance.commit for group in (*first.values(), *second) for run in group})),
    }


def readable_significance(frame: pd.DataFrame) -> pd.DataFrame:
    """The same lines, difference and interval in one cell."""
    return pd.DataFrame(
        {
            "Table": frame["table"],
            "Dataset": frame["dataset"],
            "Protocol": frame["protocol"],
            "Row": frame["variant"],
            "Difference in F1": [
                f"{line['f1_difference']:+.3f} [{line['low']:+.3f}, {line['high']:+.3f}]"
                for line in frame.to_dict("records")
            ],
            "p": frame["p"].map("{:.4f}".format),
            "p (Holm)": frame["p_holm"].map("{:.4f}".format),
            "Units": frame["n_units"].map(str),
        }
    )


def significance_caption(frame: pd.DataFrame, confidence: float) -> str:
    """How the figures came about."""
    reference = frame["reference"].iloc[0]
    words = {
        name: plain(", ".join(dict.fromkeys(" ".join(frame[name]).split())))
        for name in ("splits", "seeds", "commit", "protocol")
    }
    data = "recordings: " + plain(frame["source"].iloc[0])
    if (frame["source"] == "simulated").all():
        data = "simulated data"
    smallest = ", ".join(f"{one:.2g}" for one in sorted(set(frame["smallest_p"])))
    return (
        f"Weighted F1 of {plain(reference)} minus that of each row; {data}; {_intervals(frame, confidence)}, the same"
        f" resamples for both; protocols: {words['protocol']}; p: permutation test that swaps both variants' answers"
        " to a gesture or sequence, in all splits and seeds at once, two-sided, for these very trainings: unlike the"
        " interval it does not ask what another seed would give; smallest p that it can give:"
        f" {smallest}; Holm: over the rows of a table on one dataset under one protocol, so that nothing below that p"
        f" times their number can stand there; splits: {words['splits']}; seeds: {words['seeds']}; commit:"
        f" {words['commit']}."
    )


def _intervals(frame: pd.DataFrame, confidence: float) -> str:
    seeds, splits = frame["n_seeds"].max(), frame["n_splits"].max()
    return interval_words(confidence, units="gestures or sequences (`Units`)", seeds=seeds, splits=splits)
