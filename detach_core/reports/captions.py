"""What each table shows, what the paper says of it, and where the report puts it. Figures: `figure_captions.py`.

The Snakefile reads these for the report, so nothing heavy is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAIN = "1 Main results (Sec. 4.1, Table 1)"
ABLATIONS = "2 Ablations (Sec. 4.2, Tables 2-6)"
WEIGHTS = "3 What the weights do (Figs. 4-6)"
FEATURES = "4 Features (Figs. 7-9)"
STAGE_1 = "5 Stage 1 (Fig. 10)"
DATA = "6 Data (Table 7)"
YOURS = "7 Tables of your own"
PAPER = "paper"  # the protocol whose folds are probed by classifiers of their own


@dataclass(frozen=True)
class Caption:
    """A heading, what is shown, and what the paper says that it shows; `section` sorts the report."""

    section: str
    title: str
    shown: str
    paper: str = ""

    @property
    def text(self) -> str:
        """What is shown, then what the paper says."""
        return f"{self.shown} {self.paper}".strip()


TABLES = {
    "table1": Caption(
        MAIN,
        "DETACH, its rivals and controls",
        "Each method's frozen sensor features under the same linear probe. `random_encoder`, `statistics` and"
        " `supervised` are controls that the paper does not have.",
        "In the paper DETACH leads every column (Sec. 4.1).",
    ),
    "table2": Caption(
        ABLATIONS,
        "Weights of the negatives switched off",
        "Stage 2 without the spatial weight, which presses on hard negatives (Eq. 8), or without the temporal one,"
        " which spares false ones (Eqs. 9-11).",
        "In the paper either loss costs .11 to .17 of F1 on Opportunity++ and .06 to .11 on HWU-USP (Sec. 4.2).",
    ),
    "table3": Caption(
        ABLATIONS,
        "Refinement and the weighted loss",
        "Stage 1 with and without the video's correction of the pseudo-labels (Eq. 3), crossed with the weighted"
        " contrast (Eqs. 12-13) and plain InfoNCE.",
        "In the paper both together are needed on Opportunity++ (.73 against .59 and .60); on HWU-USP"
        " InfoNCE costs much only beside refinement (.49 against .71; without it .68 against .69; Sec. 4.2).",
    ),
    "table4": Caption(
        ABLATIONS,
        "Momentum encoder",
        "The temporal similarity behind the weights (Eq. 9), taken from the slow copy of the encoders or from the"
        " encoders themselves.",
        "In the paper the copy is worth .14 of F1 on Opportunity++ and .06 on HWU-USP (Sec. 4.2).",
    ),
    "table5": Caption(
        ABLATIONS,
        "Share of confident windows",
        "Stage 1 learns from the 75 % of windows nearest to their cluster's centre, or from all. The paper does not say"
        " what its refinement then works on, so 100 % stands in both readings.",
        "In the paper taking all costs .20 of F1 on Opportunity++ and .11 on HWU-USP (Sec. 4.2).",
    ),
    "table6": Caption(
        ABLATIONS,
        "Sensor encoders of three sizes",
        "The temporal sensor encoder exchanged: light, the default, and a transformer; all else stays.",
        "In the paper even the lightest stays above every rival of Table 1 (supplement).",
    ),
    "table7": Caption(
        DATA,
        "What the prepared data are",
        "Counted from the packed windows and their split, not typed in.",
        "Where the paper prints a figure, it stands beside ours.",
    ),
}


def table_caption(name: str) -> Caption:
    """The caption of the table called `name`; a table that the paper does not have goes by its name alone."""
    return TABLES.get(name) or Caption(YOURS, name, "A table of this configuration.")


def pooling_note(protocols: Iterable[str]) -> str:
    """What pooling does to mAP under `paper`, for a table that has that protocol; else nothing.

    The figures are those of `studies/pooled_precision.py`.
    """
    if PAPER not in protocols:
        return ""
    return (
        "mAP under `paper` ranks the scores of its folds' classifiers together. In simulation that lies .01 to .02"
        " below the mAP of one classifier with the few units of the HWU-like home, and not measurably below it with"
        " those of the Opportunity-like one (docs/statistics/pooled_precision.md)."
    )


def numbered(name: str) -> str:
    """`table1` as `Table 1`, `figure8_hwu_usp` as `Figure 8 (hwu_usp)`; any other name as it is."""
    found = re.fullmatch(r"(table|figure)(\d+)(?:_(\w+))?", name)
    if found is None:
        return name
    kind, number, addition = found.groups()
    return f"{kind.capitalize()} {number}" + (f" ({addition})" if addition else "")


def heading(name: str, caption: Caption) -> str:
    """`Table 1. Its title`; a table that goes by its name alone has that only."""
    return name if caption.title == name else f"{numbered(name)}. {caption.title}"
