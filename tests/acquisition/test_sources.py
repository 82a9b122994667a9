from __future__ import annotations

import pytest

from detach_core.acquisition.sources import ORIGINS, origin_of


@pytest.mark.parametrize("adapter", ["opportunity", "hwu_usp"])
def test_each_dataset_of_the_paper_says_where_each_kind_of_file_comes_from(adapter):
    for kind in ("sensor", "video"):
        assert "https://" in origin_of(adapter).of(kind)


def test_opportunity_names_both_places_and_the_login():
    origin = ORIGINS["opportunity"]
    assert "10.24432/C5M027" in origin.of("sensor")
    assert "ieee-dataport.org" in origin.of("video")
    assert "login" in origin.of("video")
    assert "without any video" in origin.remark


def test_hwu_usp_names_the_university():
    assert "Heriot-Watt University" in ORIGINS["hwu_usp"].of("video")


def test_an_adapter_of_the_users_own_is_named():
    assert "'my_home.adapter:MyHome'" in origin_of("my_home.adapter:MyHome").of("sensor")
