from __future__ import annotations

import csv
from pathlib import Path

import pytest

from detach_core.acquisition.opportunity_checksums import opportunity_checksums, verify_opportunity
from detach_core.foundation.errors import BadInputError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "opportunity" / "dat_checksums.csv"


def test_there_is_one_checksum_for_each_of_the_24_recordings():
    takes = ["ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill"]
    assert set(opportunity_checksums()) == {f"S{subject}-{take}.dat" for subject in (1, 2, 3, 4) for take in takes}
    assert len({checksum.sha256 for checksum in opportunity_checksums().values()}) == 24
    assert all(len(checksum.sha256) == 64 for checksum in opportunity_checksums().values())


def test_the_files_together_have_the_published_size():
    assert sum(checksum.bytes for checksum in opportunity_checksums().values()) == 885_433_599


@pytest.mark.skipif(not SHARED.exists(), reason="the project's shared data are not at hand")
def test_the_carried_table_is_the_shared_one():
    with SHARED.open(newline="") as table:
        shared = {row["file"]: (int(row["bytes"]), row["sha256"]) for row in csv.DictReader(table)}
    assert {name: (each.bytes, each.sha256) for name, each in opportunity_checksums().items()} == shared


def test_files_as_published_are_counted_and_strangers_left_alone():
    checksum = opportunity_checksums()["S1-ADL1.dat"]
    files = [("a/S1-ADL1.dat", checksum.bytes, checksum.sha256), ("a/readme.txt", 1, "0" * 64)]
    assert verify_opportunity(files, place="opportunity.zip") == 1


@pytest.mark.parametrize(("size", "sha256"), [(1, None), (None, "0" * 64)])
def test_another_size_or_another_sum_is_refused(size, sha256):
    checksum = opportunity_checksums()["S1-ADL1.dat"]
    files = [("a/S1-ADL1.dat", size or checksum.bytes, sha256 or checksum.sha256)]
    with pytest.raises(BadInputError, match=r"a/S1-ADL1\.dat: opportunity\.zip.*as UCI published it.*C5M027"):
        verify_opportunity(files, place="opportunity.zip")
