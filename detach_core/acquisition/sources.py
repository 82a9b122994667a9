"""Where each dataset's native files come from. Standard library only: the Snakefile imports it."""

from __future__ import annotations

from dataclasses import dataclass

OPPORTUNITY_DOI = "https://doi.org/10.24432/C5M027"
OPPORTUNITY_PLUS_PLUS = (
    "https://ieee-dataport.org/open-access/"
    "opportunity-multimodal-dataset-video-and-wearable-object-and-ambient-sensors-based"
)
HWU_USP_PAPER = "https://www.mdpi.com/1424-8220/21/3/768"


@dataclass(frozen=True)
class Origin:
    """Whom to ask for one adapter's files; `sensor` and `video` complete "the ... files come from"."""

    title: str
    sensor: str
    video: str
    remark: str

    def of(self, kind: str) -> str:
        """Where the files of one kind, `sensor` or `video`, come from."""
        return self.sensor if kind == "sensor" else self.video


_HWU = f"Heriot-Watt University: the paper that presents HWU-USP, {HWU_USP_PAPER}, says how to obtain it"

ORIGINS = {
    "opportunity": Origin(
        title="OPPORTUNITY and Opportunity++",
        sensor=f"the UCI Machine Learning Repository, {OPPORTUNITY_DOI} (free), or come with Opportunity++",
        video=f"Opportunity++ at IEEE DataPort, {OPPORTUNITY_PLUS_PLUS} (free, after a login with an IEEE account)",
        remark="UCI gives out the sensors only, without any video",
    ),
    "hwu_usp": Origin(
        title="HWU-USP",
        sensor=_HWU,
        video=_HWU,
        remark="sensor and video files belong to one release",
    ),
}


def origin_of(adapter: str) -> Origin:
    """The origin of an adapter's files; for an adapter that is not ours, a sentence that sends back to its author."""
    own = f"whoever made the recordings that the adapter {adapter!r} reads"
    return ORIGINS.get(adapter) or Origin(title=adapter, sensor=own, video=own, remark="see docs/data.md")
