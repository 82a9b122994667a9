import json

import pytest

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default

LR = {"optimizer": {"lr": 3e-4}}
SCALE = {"augmentation": {"sensor": {"scale": 0.2}}}


@pytest.fixture
def searched(set_key):
    return load_config(set_key("search.candidates", [LR, SCALE]))


def settings_of(config, run):
    return json.loads(config.pretraining(run, "opportunity"))["settings"]


def test_every_trained_variant_has_the_same_candidates_and_the_others_have_one(searched, data):
    found = {name: len(searched.candidates(name)) for name in data["variants"]}
    assert found == dict.fromkeys(data["variants"], 3) | {"random_encoder": 1, "best-untrained": 1, "statistics": 1}
    assert searched.candidates("detach") == ["detach", "detach+1", "detach+2"]
    assert searched.candidates("detach+2") == ["detach+2"]
    assert [run for run in searched.runs if run.split("+")[0] == "primus"] == ["primus", "primus+1", "primus+2"]


def test_candidate_0_is_the_unchanged_setting_and_others_differ_in_what_they_name(searched, data, set_key):
    plain = load_config(set_key("search.candidates", []))
    assert plain.runs == [*data["variants"], *data["halves"]]
    for name in data["variants"]:
        assert searched.pretraining(name, "hwu_usp") == plain.pretraining(name, "hwu_usp")
    before, first, second = (settings_of(searched, run) for run in searched.candidates("imu2clip"))
    assert first.pop("optimizer") == before["optimizer"] | LR["optimizer"]
    assert first.pop("lr") == pytest.approx(3 * before["lr"])
    assert first == {key: value for key, value in before.items() if key not in ("optimizer", "lr")}
    assert second["augmentation"]["sensor"] == before["augmentation"]["sensor"] | {"scale": 0.2}
    assert second["augmentation"]["video"] == before["augmentation"]["video"]


def test_a_rate_of_ones_own_is_multiplied_alike(set_key):
    set_key("variants.fast", {"method": "supervised", "optimizer": {"lr": 1e-3}})
    set_key("methods.comodo.lr", 6e-4)
    config = load_config(set_key("search.candidates", [LR]))
    assert settings_of(config, "comodo+1")["lr"] == pytest.approx(1.8e-3)
    assert settings_of(config, "fast+1")["optimizer"]["lr"] == pytest.approx(3e-3)
    assert settings_of(config, "detach+1")["lr"] == pytest.approx(9e-4)
    assert settings_of(config, "supervised+1")["optimizer"]["lr"] == 3e-4
    assert settings_of(config, "comodo")["lr"] == 6e-4


def test_a_multiplied_rate_out_of_range_is_refused(set_key, mistakes):
    set_key("methods.comodo.lr", 0.5)
    (line,) = mistakes(set_key("search.candidates", [LR]))
    assert line.startswith("variants.comodo.lr: must be <= 1")


def test_stage_1_stays_as_it_is(searched, set_key):
    plain = load_config(set_key("search.candidates", []))
    assert searched.spatial("default", "hwu_usp") == plain.spatial("default", "hwu_usp")
    assert searched.spatial_of("detach+1") == "default"


def test_the_probe_is_told_what_each_candidate_changes(searched):
    assert json.loads(searched.probing("detach"))["candidates"] == [{}, LR, SCALE]
    assert json.loads(searched.probing("statistics"))["candidates"] == [{}]


@pytest.mark.parametrize(
    ("candidates", "line"),
    [
        ([{"encoders": {"dim": 32}}], "search.candidates[0].encoders: must stay; Stage 1 stands on it"),
        ([LR, {"input": {"form": "z"}}], "search.candidates[1].input: must stay"),
        ([{"video": {"init": "scratch"}}], "search.candidates[0].video: must stay"),
        ([{"optimiser": {"lr": 1e-3}}], "search.candidates[0].optimiser: unknown key, did you mean `optimizer`?"),
        ([{"optimizer": {"lrr": 1e-3}}], "search.candidates[0].optimizer.lrr: unknown key, did you mean `lr`?"),
        ([{"optimizer": {"lr": -1.0}}], "search.candidates[0].optimizer.lr: must be > 0, got -1.0"),
        ([{"augmentation": {"sensor": {"warp": 0.9}}}], "search.candidates[0].augmentation.sensor.warp: must be <="),
        ([{}], "search.candidates[0]: must differ from the unchanged settings"),
        ([{"optimizer": {"lr": 1e-4}}], "search.candidates[0]: must differ from the unchanged settings"),
        ([LR, SCALE, {"optimizer": {"lr": 0.0003}}], "search.candidates[2]: must differ from candidates[0]"),
    ],
)
def test_a_candidate_that_cannot_be_or_would_be_trained_in_vain_is_one_line(set_key, mistakes, candidates, line):
    (found,) = mistakes(set_key("search.candidates", candidates))
    assert found.startswith(line)


def test_a_probe_that_chooses_nothing_is_refused_candidates(set_key, mistakes):
    set_key("probe.kind", "authors")
    (line,) = mistakes(set_key("search.candidates", [LR]))
    assert line.startswith("search.candidates: must be empty when `probe.kind` is authors")


def test_the_example_searches_three_rates_a_factor_of_three_apart(root):
    config = load_config(read_default(root / "config" / "search.yaml", checkout=root))
    rates = [settings_of(config, run)["optimizer"]["lr"] for run in config.candidates("primus")]
    assert [rate / rates[0] for rate in rates] == pytest.approx([1.0, 3.0, 1 / 3], rel=0.01)
