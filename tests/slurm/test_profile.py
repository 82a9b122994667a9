"""The shipped profile fits the rules; needs no Slurm."""

import re

import pytest


@pytest.fixture(scope="module")
def rules(root):
    """Rule -> its text."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (root / "rules").glob("*.smk"))
    return {match[1]: match[0] for match in re.finditer(r"^rule (\w+):.*?(?=^\S|\Z)", text, re.S | re.M)}


def test_every_rule_that_the_profile_names_is_there(profile, rules):
    assert set(profile["set-resources"]) | set(profile["groups"]) <= set(rules)


def test_every_rule_with_a_network_goes_to_the_gpus(profile, rules):
    wanting = {name for name, text in rules.items() if "gpu=" in text}
    assert set(profile["set-resources"]) == wanting
    assert all(asked == {"slurm_partition": "gpu", "gpu": 1} for asked in profile["set-resources"].values())


def test_no_group_mixes_partitions(profile):
    assert set(profile["groups"]).isdisjoint(profile["set-resources"])


def test_every_rule_asks_for_more_at_each_attempt(rules):
    for name, text in rules.items():
        assert re.search(r"mem_mb=more_each_attempt\(\d+( \* DEVICES)?\)", text), name
        assert re.search(r"runtime=more_each_attempt\(\d+\)", text), name


def test_only_the_profile_retries(profile, rules):
    assert profile["retries"] >= 2
    assert [name for name, text in rules.items() if "retries:" in text] == []


def test_the_plugin_is_pinned_apart_from_the_main_lock(root):
    assert "slurm" not in (root / "requirements.lock").read_text()
    pinned = (root / "requirements-slurm.lock").read_text().splitlines()
    assert all(re.fullmatch(r"snakemake-executor-plugin-slurm(-jobstep)?==[\d.]+", line) for line in pinned)
    assert len(pinned) == 2
