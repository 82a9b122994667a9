"""How the report sorts and names a table or a figure."""

from detach_core.reports.captions import heading, table_caption
from detach_core.reports.captions import as_label


def caption_of(wildcards):
    """The caption of a table or a figure, by which the report sorts and names it."""
    if "table" in wildcards.keys():
        return wildcards.table, table_caption(wildcards.table)
    return wildcards.figure, CONFIG.figures[wildcards.figure].caption()


def in_report(path, words):
    """`path` marked for the report: under its section of the paper, with the caption of `report/{words}.rst`."""
    return report(
        path,
        caption=f"../report/{words}.rst",
        category=lambda w: caption_of(w)[1].section,
        labels=lambda w: {"Result": as_label(heading(*caption_of(w)))},
    )
