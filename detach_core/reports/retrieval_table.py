"""Table of retrieval across modalities, a row for each method and task. The paper has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from detach_core.evaluation.retrieval import BY_SENSOR, BY_VIDEO, KEPT, WINDOW
from detach_core.evaluation.retrieval_rows import RetrievalRow
from detach_core.reports.captions import interval_words, plain

TITLE = "Retrieval across modalities"
SHOWN = (
    "Sensor features are the queries to the video features of all windows, and the reverse, by cosine similarity."
    " Level `window`: only the same window is right. Level `class`: any window of the same class is, the same one"
    " included; windows without a class are left out. Neighbours overlap the query in time and show nearly the same:"
    " kept in its gallery, or left out of it. The rank is that of the best right window, the worst rank where wrong"
    " ones are as similar."
)
HEADS = {"r1": "R@1", "r5": "R@5", "r10": "R@10", "median_rank": "Median rank"}


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
    for name in HEADS:
        one = row.metrics[name]
        line |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return line | {
        **{f"chance_{name}": row.chance[name] for name in HEADS},
        **{f"ceiling_{name}": row.ceiling[name] for name in HEADS},
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
    for name, head in HEADS.items():
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
        f"part searched: {_join(frame['split_part'])}; protocols: {_join(frame['protocol'])}",
        f"splits: {_join(frame['splits'])}",
        f"seeds: {_join(frame['seeds'])}",
        *([f"means over {' and '.join(repeated)}"] if repeated else []),
        interval_words(
            confidence,
            units="queries by gesture or sequence",
            seeds=frame["n_seeds"].max(),
            splits=frame["n_splits"].max(),
        ),
        "chance: the same galleries in random order, below which like windows side by side can fall at level class",
        *_ceilings(frame),
        f"commit: {_join(frame['commit'])}",
    ]
    return f"{SHOWN} {'; '.join(parts)}."


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
    return ", ".join("{:.{}f}".format(line[f"ceiling_{name}"], _digits(name)) for name in HEADS)


def _join(column: pd.Series) -> str:
    return plain(", ".join(dict.fromkeys(word for value in column for word in str(value).split())))


def _cell(line: Mapping[str, float], name: str, digits: int) -> str:
    value, low, high = (f"{line[key]:.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _digits(name: str) -> int:
    return 1 if name == "median_rank" else 3
