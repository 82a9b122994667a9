from __future__ import annotations

import csv
from pathlib import Path

import pytest

from detach_core.acquisition.archive import UnpackedFile
from detach_core.acquisition.obtain import published_files, verify_published
from detach_core.datasets.opportunity.settings import ORIGIN
from detach_core.foundation.errors import BadInputError

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "opportunity" / "dat_checksums.csv"


def test_there_is_one_checksum_for_each_of_the_24_recordings():
    takes = ["ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill"]
    assert set(published_files(ORIGIN)) == {f"S{subject}-{take}.dat" for subject in (1, 2, 3, 4) for take in takes}
    assert len({sha256 for _, sha256 in published_files(ORIGIN).values()}) == 24
    assert all(len(sha256) == 64 for _, sha256 in published_files(ORIGIN).values())


def test_the_files_together_have_the_published_size():
    assert sum(size for size, _ in published_files(ORIGIN).values()) == 885_433_599


@pytest.mark.skipif(not SHARED.exists(), reason="the project's shared data are not at hand")
def test_the_carried_table_is_the_shared_one():
    with SHARED.open(newline="") as table:
        shared = {row["file"]: (int(row["bytes"]), row["sha256"]) for row in csv.DictReader(table)}
    assert published_files(ORIGIN) == shared


def test_files_as_published_are_counted_and_strangers_left_alone():
    files = [UnpackedFile("a/S1-ADL1.dat", *published_files(ORIGIN)["S1-ADL1.dat"]), UnpackedFile("a/x", 1, "0" * 64)]
    assert verify_published(files, ORIGIN, place="opportunity.zip") == 1


@pytest.mark.parametrize(("size", "sha256"), [(1, None), (None, "0" * 64)])
def test_another_size_or_another_sum_is_refused(size, sha256):
    right = published_files(ORIGIN)["S1-ADL1.dat"]
    files = [UnpackedFile("a/S1-ADL1.dat", size or right[0], sha256 or right[1])]
    with pytest.raises(BadInputError, match=r"a/S1-ADL1\.dat: opportunity\.zip.*as published.*C5M027"):
        verify_published(files, ORIGIN, place="opportunity.zip")
