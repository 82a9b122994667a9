from dataclasses import replace

import numpy as np
import pytest

from detach_core.foundation.errors import ContractError, UserError
from detach_core.reports.figures.feature_map import feature_map_frame
from detach_core.reports.figures.registry import FeatureMapSettings

SETTINGS = FeatureMapSettings(
    dataset="opportunity",
    variant="detach",
    split="default",
    features=("video", "sensor"),
    colour="class",
    max_windows=100,
    perplexity=5.0,
)


def frame_of(made, windows=None, *, split=None, embeddings=None, **settings):
    windows = windows or made.windows()
    split = split or made.split(windows)
    embeddings = embeddings or made.embeddings(windows)
    artifacts = made.artifacts(windows=windows, split=split, embeddings=embeddings)
    return feature_map_frame(artifacts, replace(SETTINGS, **settings))


def test_the_held_out_windows_are_shown_once_for_each_feature(made):
    windows = made.windows()
    split = made.split(windows)
    frame = frame_of(made, windows, split=split)
    assert set(frame["part"]) == {"held_out"}
    for name in ("video", "sensor"):
        np.testing.assert_array_equal(frame.loc[frame["feature"] == name, "window"], split.held_out)
    assert (frame["dataset"] == "opportunity").all()


def test_without_a_held_out_part_the_downstream_windows_are_shown(made):
    windows = made.windows()
    split = made.split(windows, held_out=())
    frame = frame_of(made, windows, split=split)
    assert set(frame["part"]) == {"downstream"}
    assert set(frame["window"]) == set(split.downstream)


def test_group_and_action_are_those_of_the_window_s_class(made):
    windows = made.windows()
    frame = frame_of(made, windows)
    named = (frame["action"] + " " + frame["group"]).tolist()
    assert named == [windows.class_names[k] for k in windows.label[frame["window"]]]


def test_windows_without_a_label_are_left_out_and_a_missing_class_is_named(made):
    label = made.windows().label.copy()
    label[label == 1] = -1
    frame = frame_of(made, made.windows(label=label), embeddings=made.embeddings(made.windows()))
    assert set(frame["group"] + frame["action"]) == {"FridgeOpen", "Door 1Open"}
    assert frame.attrs["absent"] == ["Close Fridge"]


def test_neighbours_are_alike_only_if_place_and_action_are(made):
    windows = made.windows()
    blind = np.eye(8)[[0, 0, 1]][windows.label].astype(np.float32)
    blind += 0.01 * np.random.default_rng(0).normal(size=blind.shape).astype(np.float32)
    # Three neighbours of each class of the part are of other gestures.
    frame = frame_of(made, windows, embeddings=made.embeddings(windows, sensor=blind))
    seen = frame[frame["feature"] == "video"].groupby("group")["alike_neighbours"].mean()
    unseen = frame[frame["feature"] == "sensor"].groupby("group")["alike_neighbours"].mean()
    assert unseen["Fridge"] < 0.5
    assert seen["Fridge"] >= unseen["Fridge"]
    assert (frame["alike_expected"] == 3 / 15).all()


def test_many_windows_are_thinned(made):
    assert frame_of(made, max_windows=10)["window"].nunique() == 10


def test_artifacts_of_other_windows_are_refused(made):
    embeddings = made.embeddings(made.windows(), inputs={"windows": "0123"})
    with pytest.raises(ContractError, match=r"embeddings0: .*found other windows.*forcerun embed"):
        frame_of(made, embeddings=embeddings)
    windows = made.windows()
    provenance = made.changed(made.split(windows).provenance, inputs={})
    with pytest.raises(ContractError, match=r"split0: .*forcerun split"):
        frame_of(made, windows, split=made.changed(made.split(windows), provenance=provenance))


def test_a_feature_that_the_method_lacks_is_refused_with_those_it_has(made):
    with pytest.raises(ContractError, match=r"video_temporal: found sensor, video.*other `features`"):
        frame_of(made, features=("video_temporal",))


def test_collapsed_features_are_refused_by_name(made):
    windows = made.windows()
    same = np.ones((windows.num_windows, 8), np.float32)
    with pytest.raises(ContractError, match=r"embeddings0: sensor: found all 18 windows have the same feature"):
        frame_of(made, windows, embeddings=made.embeddings(windows, sensor=same))


def test_a_part_without_known_groups_is_refused(made):
    label = np.where(made.windows().recording == 3, -1, made.windows().label).astype(np.int32)
    with pytest.raises(ContractError, match=r"windows: found 0, expected at least 5 .*in the part held_out"):
        frame_of(made, made.windows(label=label), embeddings=made.embeddings(made.windows()))


def test_two_seeds_in_one_map_are_refused(made):
    windows = made.windows()
    with pytest.raises(UserError, match="found 2 files, expected one"):
        frame_of(made, windows, embeddings=[made.embeddings(windows, seed=k) for k in (0, 1)])
