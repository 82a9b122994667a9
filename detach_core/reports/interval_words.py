"""What a table's intervals cover, in words: one sentence for all tables, as one function makes all intervals."""

from __future__ import annotations


def interval_words(confidence: float, *, units: str, seeds: int, splits: int) -> str:
    """The words for a caption.

    Args:
        confidence: of the intervals.
        units: what is resampled.
        seeds: how many a mean is over.
        splits: likewise.
    """
    if seeds * splits == 1:
        return (
            f"brackets: {confidence:.0%} bootstrap interval over {units}, of the value to expect on other tests of this"
            " size; with one seed it does not hold what another training would give"
        )
    levels = [units, *(["seeds"] if seeds > 1 else []), *(["splits"] if splits > 1 else [])]
    limits = "" if splits > 1 else "; it is for this split alone"
    return (
        f"brackets: {confidence:.0%} interval of Student's t over {', '.join(levels[:-1])} and {levels[-1]}, of the"
        f" value to expect on other tests of this size{limits}"
    )
