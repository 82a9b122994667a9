"""docs/data.md and CITATION.cff: what they say must be so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from detach_core.acquisition.local import RawFolder, missing_files, origin_of
from detach_core.acquisition.obtain import published_files, remote_files
from detach_core.acquisition.settings import DownloadSettings
from detach_core.datasets.registry import DATASETS as ADAPTERS
from detach_core.settings.base import from_plain

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs" / "data.md").read_text(encoding="utf-8")
CITATION = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
DATASETS = yaml.safe_load((CHECKOUT / "config.yaml").read_text(encoding="utf-8"))["datasets"]


def examples():
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def trees():
    return [block for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) if block.startswith("data/local")]


def test_the_page_sends_to_every_place_that_the_messages_send_to():
    for origin in map(origin_of, ADAPTERS):
        for kind in ("sensor", "video"):
            for url in re.findall(r"https://[^\s,)]+", origin.of(kind)):
                assert url in PAGE


def test_the_download_example_names_files_that_can_be_fetched():
    (section,) = [each["datasets"]["opportunity"]["download"] for each in examples() if "download" in str(each)]
    files = remote_files(from_plain(DownloadSettings, DATASETS["opportunity"]["download"] | section))
    assert [file.path.as_posix() for file in files] == ["uci", "videos"]


def test_every_key_of_the_download_section_is_explained():
    for name in DATASETS:
        for key in set(DATASETS[name]["download"]) - {"files"}:
            assert f"`{key}`" in PAGE, key


@pytest.mark.parametrize(("dataset", "recording"), [("opportunity", "S1-ADL1"), ("hwu_usp", "tea_s01")])
def test_files_laid_out_as_the_page_shows_are_found_by_the_shipped_patterns(tmp_path, dataset, recording):
    (tree,) = [tree for tree in trees() if dataset in tree.splitlines()[0]]
    for line in tree.splitlines()[1:]:
        path = tmp_path / line.split()[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    section = DATASETS[dataset]
    native = from_plain(ADAPTERS.settings(section["adapter"]), section["native"])
    assert missing_files(RawFolder(dataset, section["adapter"], tmp_path, [recording], native)) == []


def test_the_page_states_the_size_that_the_checksums_add_up_to():
    assert f"{sum(size for size, _ in published_files(origin_of('opportunity')).values()):,} bytes" in PAGE


def test_links_to_files_of_the_project_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE):
        assert (CHECKOUT / "docs" / target).exists(), target


def test_the_citation_names_the_paper_as_printed():
    paper = CITATION["preferred-citation"]
    assert paper["title"].startswith("DETACH: Decomposed Spatio-Temporal Alignment for Exocentric Video")
    names = [f"{author['given-names']} {author['family-names']}" for author in paper["authors"]]
    assert names == ["Junho Yoon", "Jaemo Jung", "Hyunju Kim", "Dongman Lee"]
    assert paper["url"] == "https://arxiv.org/abs/2512.20409"


def test_the_citation_names_the_datasets():
    references = {each.get("doi") or each["url"]: each for each in CITATION["references"]}
    first = {key: each["authors"][0]["family-names"] for key, each in references.items()}
    assert first == {
        "10.24432/C5M027": "Roggen",
        "10.1109/INSS.2010.5573462": "Roggen",
        "10.1016/j.patrec.2012.12.014": "Chavarriaga",
        "10.3389/fcomp.2021.792065": "Ciliberto",
        "https://www.mdpi.com/1424-8220/21/3/768": "Ranieri",
    }


def test_the_citation_has_the_form_of_cff_1_2():
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(CITATION)
    allowed = {"type", "title", "authors", "year", "journal", "volume", "issue", "start", "end", "doi", "url"}
    allowed |= {"publisher", "collection-title", "identifiers"}
    for reference in [CITATION["preferred-citation"], *CITATION["references"]]:
        assert {"type", "title", "authors"} <= set(reference) <= allowed
        assert reference["type"] in {"article", "conference-paper", "data"}
        assert isinstance(reference.get("year", 2000), int)
        for author in reference["authors"]:
            assert set(author) in ({"given-names", "family-names"}, {"name"})
