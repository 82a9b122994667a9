"""Captions of the tables, sections of the report, and marked texts, escaped for every format.

A marked text is one line that Markdown and reStructuredText read alike: text between backticks is code, and a
backslash takes the next character's meaning away. What comes from an artifact or a configuration goes through `plain`
before it becomes a part of one; nothing else makes captions. The workflow reads these for the report, so nothing heavy
is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

# Left as they are: an underscore inside a word, an interval in brackets, a colon before a blank, an at sign that stands
# alone. None of them is markup in either language, and tables of plain names and numbers stay easy to read.
_SPECIAL = re.compile(
    r"(?P<interval>\[[-+0-9., ]*\](?![(\[:_]))"
    r"|(?P<special>[\\`*<>&|~$\[\]{}^]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|:(?=\S)|(?<=\S)@(?=\S)|(?<=www)\.|!(?=\[))"
)

_PART = re.compile(r"\\(?P<escaped>.)|`(?P<code>[^`\\]*)`|(?P<text>[^\\`]+|.)", re.DOTALL)


def plain(text: object) -> str:
    """`text` as a marked text that is shown literally, on one line."""
    line = "".join(character if character.isprintable() else " " for character in str(text))
    return _SPECIAL.sub(lambda found: found["interval"] or f"\\{found['special']}", line)


def parts(marked: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a marked text, unescaped, and whether each is code."""
    for found in _PART.finditer(marked):
        if found["code"] is not None:
            yield found["code"], True
        else:
            yield found["escaped"] or found["text"] or "", False


def as_html(marked: str) -> str:
    """A marked text as HTML."""
    return "".join(f"<code>{escape(text)}</code>" if is_code else escape(text) for text, is_code in parts(marked))


def as_label(text: str) -> str:
    """`text` as a plain entry of the report's menu, which Snakemake inserts into a script unescaped.

    An invisible joiner behind `<` keeps a browser from taking what follows for the end of that script.
    """
    return re.sub(r"<(?=[/!?A-Za-z])", "<\N{WORD JOINER}", text)


def interval_words(confidence: float, *, units: str, seeds: int, splits: int) -> str:
    """Description of the intervals for a caption.

    Args:
        confidence: of the intervals.
        units: what is resampled.
        seeds: how many a mean is over.
        splits: likewise.
    """
    if seeds * splits == 1:
        return (
            f"brackets: {confidence:.0%} bootstrap interval over {units}, for the expected value on tests of this size;"
            " with one seed it does not cover the variation between trainings"
        )
    levels = [units, *(["seeds"] if seeds > 1 else []), *(["splits"] if splits > 1 else [])]
    limits = "" if splits > 1 else "; it is for this split alone"
    return (
        f"brackets: {confidence:.0%} interval of Student's t over {', '.join(levels[:-1])} and {levels[-1]}, for the"
        f" expected value on tests of this size{limits}"
    )


MAIN = "1 Main results (Sec. 4.1, Table 1)"

ABLATIONS = "2 Ablations (Sec. 4.2, Tables 2-6)"

WEIGHTS = "3 What the weights do (Figs. 4-6)"

FEATURES = "4 Features (Figs. 7-9)"

STAGE_1 = "5 Stage 1 (Fig. 10)"

DATA = "6 Data (Table 7)"

LABELS = "7 Few labels"

YOURS = "9 Tables of your own"

TRAINING_CURVES = "8 Training curves"

PAPER = "paper"  # the protocol whose folds are probed by classifiers of their own


@dataclass(frozen=True)
class Caption:
    """Heading, description and the paper's finding; `section` sorts the report."""

    section: str
    title: str
    shown: str
    paper: str = ""

    @property
    def text(self) -> str:
        """The description of what is shown, then the paper's finding."""
        return f"{self.shown} {self.paper}".strip()


TABLES = {
    "table1": Caption(
        MAIN,
        "DETACH, baselines and controls",
        "Each method's frozen sensor features under the same linear probe. `detach` is the paper's method with the"
        " configuration's input form, augmentation, batch and momentum; `best` adds a cue that the paper does not have."
        " `random_encoder`, `best-untrained`, `statistics` and `supervised` are our controls.",
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
        "In the paper even the lightest stays above every baseline of Table 1 (supplement).",
    ),
    "table7": Caption(
        DATA,
        "Statistics of the prepared data",
        "Counted from the packed windows and their split, not typed in.",
        "Where the paper prints a figure, it stands beside ours.",
    ),
}

# Tables that the configuration has and the paper does not.
ADDED_TABLES = {
    "few_labels": Caption(
        LABELS,
        "Few labels",
        "The same frozen features where the probe has 1, 2, ... labelled gestures (or sequences) of each class of its"
        " training part, and all of them; every method gets the same ones, under one fixed strength of regularisation."
        " `named clusters`: k-means clusters of the pretraining part, without labels, each named by the class of one of"
        " its gestures in the training part, the nearest to its centre; a tested unit has the name of its nearest"
        " cluster, mAP ranks by how near that is, and a draw is a seed of k-means. `random looks`: the probe with so"
        " many gestures, drawn whatever their class. `video labels`: a probe fitted on the video's features of the"
        " labelled gestures and applied to the sensors' features, both standardised by their own training part; a"
        " method without a space that sensors and video share has no such row.",
    ),
    "baselines": Caption(
        ABLATIONS,
        "Baselines in other adaptations",
        "Rows of Table 1 beside other forms of the same methods. `imu2clip-frames` sees its video as a bag of frames,"
        " which a clip played backwards does not change; `primus-published` has the views that its paper names;"
        " `comodo-projection` is probed at the projection that is distilled; `best-supervised` has the cue of `best`.",
    ),
}


def table_caption(name: str) -> Caption:
    """The caption of the table called `name`; a table that the paper does not have is headed by its name alone."""
    return (TABLES | ADDED_TABLES).get(name) or Caption(YOURS, name, "A table of this configuration.")


def pooling_note(protocols: Iterable[str]) -> str:
    """Note on the effect of pooling on mAP under `paper`, for a table that has that protocol; else nothing.

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
    """`Table 1. Its title`; the name alone for a table without a title."""
    return name if caption.title == name else f"{numbered(name)}. {caption.title}"
