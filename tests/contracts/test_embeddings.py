from dataclasses import replace

import h5py
import numpy as np
import pytest

from detach_core.contracts.embeddings import Embeddings, read_embeddings, write_embeddings
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(5, 4)).astype(np.float32) for name in ("sensor", "sensor_spatial", "video")}
    embeddings = Embeddings(
        features=features,
        method="detach",
        variant="detach",
        split="default",
        seed=2,
        probed="sensor spatial + temporal",
        dataset="opportunity",
        source="simulated",
        video_init="scratch",
        provenance=make_provenance(stage="embed", source="simulated", settings={}, seed=2),
    )
    write_embeddings(tmp_path / "e.h5", embeddings)
    return tmp_path / "e.h5"


def test_what_is_written_is_read(path):
    read = read_embeddings(path)
    assert sorted(read.features) == ["sensor", "sensor_spatial", "video"]
    assert read.sensor.shape == (5, 4)
    assert (read.seed, read.variant, read.probed) == (2, "detach", "sensor spatial + temporal")
    assert read.provenance.stage == "embed"


@pytest.mark.parametrize("name", ["method", "variant", "split", "seed", "probed", "source", "provenance", "schema"])
def test_each_missing_attribute_is_named(path, name):
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
    with pytest.raises(ContractError) as caught:
        read_embeddings(path)
    assert caught.value.field == f"/@{name}"


@pytest.mark.parametrize(
    "values",
    [
        np.full((5, 4), np.nan, dtype=np.float32),
        np.zeros((5, 4), dtype=np.float64),
        np.zeros((4, 4), dtype=np.float32),
        np.zeros(5, dtype=np.float32),
    ],
)
def test_features_of_another_kind_are_refused(path, values):
    with h5py.File(path, "r+") as file:
        del file["video"]
        file["video"] = values
    with pytest.raises(ContractError) as caught:
        read_embeddings(path)
    assert caught.value.field == "video"


def test_embeddings_without_sensor_are_refused(path):
    with h5py.File(path, "r+") as file:
        del file["sensor"]
    with pytest.raises(ContractError, match="sensor"):
        read_embeddings(path)


def test_the_features_of_the_own_start_and_what_collapsed_are_read(path):
    read = read_embeddings(path)
    assert read.collapse == ""
    features = read.features | {"start": read.sensor + 1.0, "start_spatial": read.sensor}
    write_embeddings(path, replace(read, features=features, collapse="loss contrastive 4.158 of 4.159 at chance"))
    again = read_embeddings(path)
    np.testing.assert_array_equal(again.features["start"], read.sensor + 1.0)
    assert again.features.keys() == features.keys()
    assert again.collapse == "loss contrastive 4.158 of 4.159 at chance"


def test_the_own_start_must_be_of_the_same_windows(path):
    read = read_embeddings(path)
    write_embeddings(path, replace(read, features=read.features | {"start": read.sensor[1:]}))
    with pytest.raises(ContractError, match="start"):
        read_embeddings(path)


@pytest.mark.parametrize(
    ("name", "like"), [("start", "sensor"), ("start_spatial", "sensor_spatial"), ("start_temporal", "sensor_temporal")]
)
def test_the_own_start_must_have_the_trained_feature_s_width(path, name, like):
    read = read_embeddings(path)
    features = read.features | {like: read.sensor}
    write_embeddings(path, replace(read, features=features | {name: read.sensor[:, 1:]}))
    with pytest.raises(ContractError, match=f"{like}: found 4 columns, expected as many columns as {name} has, 3"):
        read_embeddings(path)
    write_embeddings(path, replace(read, features=features | {name: read.sensor}))
    assert read_embeddings(path).features.keys() == features.keys() | {name}


def test_the_own_start_of_a_half_must_have_its_half(path):
    read = read_embeddings(path)
    write_embeddings(path, replace(read, features=read.features | {"start_temporal": read.sensor}))
    with pytest.raises(ContractError, match="sensor_temporal: found no such feature"):
        read_embeddings(path)
