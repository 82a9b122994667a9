"""Tables of the claims, of the paired comparisons and of retrieval: value, interval and verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from detach_core.contracts.lists import SignificanceRow
from detach_core.evaluation.claim_evidence import Artifacts, Line, verdict
from detach_core.evaluation.claims import MEASURES
from detach_core.evaluation.paired import Runs, compared_rows
from detach_core.evaluation.retrieval import BY_SENSOR, BY_VIDEO, KEPT, WINDOW
from detach_core.evaluation.retrieval_rows import RetrievalRow
from detach_core.evaluation.settings import Claim, ComparedTable
from detach_core.reports.captions import interval_words, plain

LEFT_OUT = "left out"

COLUMNS = ("claim", "value", "low", "high", "threshold", "verdict")


def claims_frame(claims: Mapping[str, Claim[Any]], artifacts: Artifacts, commits: Sequence[str]) -> pd.DataFrame:
    """One line for each claim, dataset, protocol and compared variant."""
    return pd.DataFrame(
        [
            _claim_line(name, claim, dataset, line, artifacts, commits)
            for name, claim in claims.items()
            for dataset in claim.settings.datasets
            for line in _claim_lines(claim, dataset, artifacts)
        ]
    )


def _claim_lines(claim: Claim[Any], dataset: str, artifacts: Artifacts) -> Iterator[Line]:
    if not claim.splits_of(dataset):
        yield Line(None, note=f"{claim.settings.table} does not include this dataset")
        return
    yield from MEASURES[claim.settings.measure](claim, dataset, artifacts)


def _claim_line(
    name: str,
    claim: Claim[Any],
    dataset: str,
    line: Line,
    artifacts: Artifacts,
    commits: Sequence[str],
) -> dict[str, object]:
    found = line.estimate
    return {
        "claim": name,
        "value": None if found is None else found.value,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "threshold": claim.settings.threshold,
        "verdict": LEFT_OUT if found is None else verdict(found, claim.settings.threshold, below=claim.settings.below),
        "dataset": dataset,
        "protocol": line.protocol,
        "compared": line.compared,
        "measure": claim.settings.measure,
        "n_units": line.n_units,
        "n_splits": len(line.splits),
        "n_seeds": len(artifacts.seeds),
        "splits": " ".join(line.splits),
        "seeds": " ".join(map(str, artifacts.seeds)),
        "note": line.note,
        "source": next(iter(artifacts.windows.values())).source,
        "commit": " ".join(commits),
    }


def readable_claims(frame: pd.DataFrame) -> pd.DataFrame:
    """Readable form of the claims, with value and interval in one cell."""
    return pd.DataFrame(
        {
            "Claim": frame["claim"].str.replace("_", " "),
            "Dataset": frame["dataset"],
            "Protocol": frame["protocol"],
            "Against": frame["compared"],
            "Value": [_claim_cell(line) for line in frame.to_dict("records")],
            "Threshold": frame["threshold"].map("{:g}".format),
            "Units": frame["n_units"].map(str),
            "Verdict": frame["verdict"],
        }
    )


def claims_caption(frame: pd.DataFrame, confidence: float) -> str:
    """Caption of the claims: data, intervals, resampling, protocols, splits, seeds, code."""
    data = "Recordings: " + plain(frame["source"].iloc[0])
    if (frame["source"] == "simulated").all():
        data = "Simulated data"
    protocols = plain(", ".join(dict.fromkeys(filter(None, frame["protocol"]))) or "none")
    return (
        f"{data}; {_intervals(frame, confidence)}, the same resamples for both terms of a difference; a claim holds"
        " where the whole interval lies beyond its threshold, which was fixed before, and a claim of several lines"
        f" where all of them do; no correction for the number of claims; protocols: {protocols} (none where windows"
        f" are clustered or weighed, not classified); splits: {_joined(frame['splits'])};"
        f" seeds: {_joined(frame['seeds'])}; commit: {_joined(frame['commit'])}."
    )


def _intervals(frame: pd.DataFrame, confidence: float) -> str:
    seeds, splits = frame["n_seeds"].max(), frame["n_splits"].max()
    return interval_words(confidence, units="gestures or sequences (`Units`)", seeds=seeds, splits=splits)


def _claim_cell(line: Mapping[str, Any]) -> str:
    if pd.isna(line["value"]):
        return str(line["note"])
    return f"{line['value']:+.3f} [{line['low']:+.3f}, {line['high']:+.3f}]"


def _joined(column: pd.Series) -> str:
    return plain(", ".join(dict.fromkeys(word for text in column for word in str(text).split())))


def significance_frame(
    tables: Mapping[str, ComparedTable], references: Sequence[str], runs: Runs, *, swaps: int
) -> pd.DataFrame:
    """One line for each table, reference, dataset, protocol and other row (`compared_rows`)."""
    lines = compared_rows(tables, references, runs, swaps=swaps)
    return pd.DataFrame(lines, columns=None if lines else [field.name for field in fields(SignificanceRow)])


def readable_significance(frame: pd.DataFrame) -> pd.DataFrame:
    """Readable form of the comparisons, with difference and interval in one cell."""
    return pd.DataFrame(
        {
            "Table": frame["table"],
            "Reference": frame["reference"],
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
    """Caption of the comparisons: data, intervals, test, correction, splits, seeds, code."""
    if frame.empty:
        return "There is no row to compare with another."
    reference = " or ".join(map(plain, dict.fromkeys(frame["reference"])))
    words = {
        name: plain(", ".join(dict.fromkeys(" ".join(frame[name]).split()))) for name in ("splits", "seeds", "commit")
    }
    protocols = plain("; ".join(dict.fromkeys(frame["protocol"])))
    data = "recordings: " + plain(frame["source"].iloc[0])
    if (frame["source"] == "simulated").all():
        data = "simulated data"
    smallest = ", ".join(f"{one:.2g}" for one in sorted(set(frame["smallest_p"])))
    return (
        f"Weighted F1 of {reference} minus that of each row; {data}; {_intervals(frame, confidence)}, the same"
        f" resamples for both; protocols: {protocols}; p: permutation test that swaps both variants' answers"
        " to a gesture or sequence, in all splits and seeds at once, two-sided, for these trainings alone: unlike the"
        " interval it does not cover other seeds; smallest possible p:"
        f" {smallest}; Holm: over the rows of a table that are compared with one reference on one dataset under one"
        " protocol, so that nothing below that p"
        f" times their number can stand there; splits: {words['splits']}; seeds: {words['seeds']}; commit:"
        f" {words['commit']}."
    )


RETRIEVAL_TITLE = "Retrieval across modalities"

_RETRIEVAL = (
    "Sensor features are the queries to the video features of all windows, and the reverse, by cosine similarity."
    " Level `window`: only the same window is right. Level `class`: any window of the same class is, the same one"
    " included; windows without a class are left out. Neighbours overlap the query in time and show nearly the same:"
    " kept in its gallery, or left out of it. The rank is that of the best right window, the worst rank where wrong"
    " ones are as similar."
)

RETRIEVAL_HEADS = {"r1": "R@1", "r5": "R@5", "r10": "R@10", "median_rank": "Median rank"}


def retrieval_frame(rows: Sequence[RetrievalRow]) -> pd.DataFrame:
    """One line a row, with every metric, its interval and its chance level."""
    return pd.DataFrame([_line(row) for row in rows])


def _line(row: RetrievalRow) -> dict[str, object]:
    level, neighbours, direction = row.key
    line: dict[str, object] = {
        "dataset": row.run.searched.dataset,
        "split_part": row.run.searched.part,
        "protocol": row.run.searched.protocol,
        "variant": row.run.variant,
        "method": row.run.method,
        "direction": direction,
        "level": level,
        "neighbours": neighbours,
        "gallery": row.gallery,
        "n_queries": row.num_queries,
    }
    for name in RETRIEVAL_HEADS:
        one = row.metrics[name]
        line |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return line | {
        **{f"chance_{name}": row.chance[name] for name in RETRIEVAL_HEADS},
        **{f"ceiling_{name}": row.ceiling[name] for name in RETRIEVAL_HEADS},
        "n_tied": row.num_tied,
        "form": row.run.form,
        "n_splits": len(row.splits),
        "n_seeds": len(row.seeds),
        "splits": " ".join(row.splits),
        "seeds": " ".join(map(str, row.seeds)),
        "source": row.run.source,
        "commit": " ".join(row.commits),
    }


def readable_retrieval(frame: pd.DataFrame) -> pd.DataFrame:
    """Readable form: metric and interval in one cell, its chance level beside it."""
    cells = {
        "Dataset": frame["dataset"],
        "Protocol": frame["protocol"],
        "Level": frame["level"],
        "Neighbours": frame["neighbours"],
        "Direction": frame["direction"],
        "Method": frame["variant"],
        "Gallery": frame["gallery"].map("{:.0f}".format),
        "Queries": frame["n_queries"].map(str),
    }
    lines = frame.to_dict("records")
    for name, head in RETRIEVAL_HEADS.items():
        digits = _digits(name)
        cells[head] = [_cell(line, name, digits) for line in lines]
        cells[f"Chance {head}"] = [f"{line[f'chance_{name}']:.{digits}f}" for line in lines]
    return pd.DataFrame(cells)


def retrieval_caption(frame: pd.DataFrame, confidence: float) -> str:
    """Caption of the retrieval table: tasks, data, parts, splits, seeds, intervals, code."""
    source = frame["source"].iloc[0]
    data = "simulated data" if source == "simulated" else f"recordings: {plain(source)}"
    repeated = [words for words in ("splits", "seeds") if frame[f"n_{words}"].max() > 1]
    parts = [
        f"Recall at 1, 5 and 10, and median rank; {data}",
        f"part searched: {_joined(frame['split_part'])}; protocols: {_joined(frame['protocol'])}",
        f"splits: {_joined(frame['splits'])}",
        f"seeds: {_joined(frame['seeds'])}",
        *([f"means over {' and '.join(repeated)}"] if repeated else []),
        interval_words(
            confidence,
            units="queries by gesture or sequence",
            seeds=frame["n_seeds"].max(),
            splits=frame["n_splits"].max(),
        ),
        "chance: the same galleries in random order, below which like windows side by side can fall at level class",
        *_ceilings(frame),
        f"commit: {_joined(frame['commit'])}",
    ]
    return f"{_RETRIEVAL} {'; '.join(parts)}."


def _ceilings(frame: pd.DataFrame) -> Iterator[str]:
    """Upper bounds for each searched part, since windows with equal sensors cannot be distinguished."""
    kept = frame[(frame["level"] == WINDOW) & (frame["neighbours"] == KEPT)]
    for key, same in kept.groupby(["dataset", "protocol", "form"], sort=False):
        dataset, protocol, form = map(plain, key)
        line = same.iloc[0]
        if not line["n_tied"]:
            yield f"no two searched windows of {dataset} ({protocol}) have equal sensors in the input form {form}"
            continue
        best = " and ".join(
            f"{words} {_best(one)}"
            for direction, words in ((BY_SENSOR, "by sensors"), (BY_VIDEO, "by video"))
            for one in same[same["direction"] == direction].head(1).to_dict("records")
        )
        yield (
            f"{line['n_tied']} of {line['n_queries']} searched windows of {dataset} ({protocol}) have the same sensors"
            f" as another in the input form {form}, so that the best possible R@1, R@5, R@10 and median rank at level"
            f" window with neighbours kept are {best}"
        )


def _best(line: Mapping[str, float]) -> str:
    return ", ".join("{:.{}f}".format(line[f"ceiling_{name}"], _digits(name)) for name in RETRIEVAL_HEADS)


def _cell(line: Mapping[str, float], name: str, digits: int) -> str:
    value, low, high = (f"{line[key]:.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _digits(name: str) -> int:
    return 1 if name == "median_rank" else 3
