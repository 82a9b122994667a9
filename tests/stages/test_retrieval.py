import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from detach_core.contracts.embeddings import Embeddings, write_embeddings
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import write_windows
from detach_core.stages.retrieval import retrieval
from detach_core.stages.split import split
from tests.fixtures.artifacts import make_windows

SPLIT = {"seed": 0, "pretrain": 0.5, "activation_quantile": 0.99, "folds": 3, "fold_draws": 1}
FORMS = {"detach": "centred", "again": "centred", "statistics": "centred", "detach-z": "z"}
KINDS = ("csv", "md", "tex", "html", "parquet")


class Home:
    """Prepared windows of a dataset, its splits, and embeddings of them."""

    def __init__(self, folder, windows):
        self.folder, self.windows = folder, windows
        folder.mkdir()
        write_windows(folder / "windows.h5", windows)
        self.inputs = []

    def split(self, name="default", hold_out="recordings", held_out=("S1-R2", "S2-R3")):
        split(
            settings=json.dumps(SPLIT | {"name": name, "hold_out": hold_out, "held_out": list(held_out)}),
            windows_path=self.folder / "windows.h5",
            split_path=self.folder / f"{name}.json",
            log_path=self.folder / "split.log",
        )

    def add(self, sensor, video=None, **changes):
        """One more run; `video` None is a method without."""
        features = {"sensor": sensor} | ({} if video is None else {"video": video}) | changes.pop("features", {})
        embeddings = Embeddings(
            features={name: values.astype(np.float32) for name, values in features.items()},
            method="detach",
            variant="detach",
            split="default",
            seed=0,
            probed="spatial and temporal",
            dataset=self.windows.dataset,
            source="simulated",
            video_init="scratch",
            provenance=make_provenance(stage="embed", source="simulated", settings={}, seed=0),
        )
        embeddings = dataclasses.replace(embeddings, **changes)
        path = self.folder / f"{len(self.inputs)}.h5"
        write_embeddings(path, embeddings)
        self.inputs.append((self.folder / "windows.h5", self.folder / f"{embeddings.split}.json", path))

    def random(self, seed=0, dim=24):
        return np.random.default_rng(seed).normal(size=(self.windows.num_windows, dim))


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "opportunity", make_windows())
    made.split()
    return made


def search(folder, *homes, name="retrieval", bootstrap=200):
    windows_paths, split_paths, embeddings_paths = zip(*(one for home in homes for one in home.inputs), strict=True)
    retrieval(
        settings=json.dumps({"bootstrap": bootstrap, "confidence": 0.95, "forms": FORMS}),
        windows_paths=windows_paths,
        split_paths=split_paths,
        embeddings_paths=embeddings_paths,
        csv_path=folder / f"{name}.csv",
        log_path=folder / "retrieval.log",
    )
    return pd.read_csv(folder / f"{name}.csv")


def test_a_perfect_embedding_finds_every_window_first_on_every_task_and_in_both_directions(home, tmp_path):
    home.add(home.random(), 3.0 * home.random())
    frame = search(tmp_path, home)
    assert len(frame) == 8
    exact = pd.read_parquet(tmp_path / "retrieval.parquet")
    pd.testing.assert_frame_equal(exact, frame.astype({"seeds": "str"}), check_dtype=False, atol=1e-6, rtol=0)
    assert exact.attrs["schema"] == "detach.retrieval/1"
    assert exact["ceiling_r1"].isna().any()
    assert set(frame["direction"]) == {"sensor->video", "video->sensor"}
    for name in ("r1", "r1_low", "r1_high", "r5", "r10", "median_rank", "median_rank_low", "median_rank_high"):
        assert (frame[name] == 1.0).all()
    assert (frame["split_part"] == "held_out").all()
    assert (frame["protocol"] == "by_recording").all()
    kept = frame[frame["neighbours"] == "kept"]
    assert set(kept["gallery"]) == {72.0}
    assert set(kept[kept["level"] == "window"]["chance_r1"].round(6)) == {round(1 / 72, 6)}


def test_shuffled_video_is_at_chance(home, tmp_path):
    video = np.random.default_rng(1).permutation(home.random())
    home.add(home.random(), video)
    frame = search(tmp_path, home)
    for line in frame[frame["level"] == "window"].itertuples():
        assert line.r10 == pytest.approx(line.chance_r10, abs=0.1)
        assert line.median_rank == pytest.approx(line.chance_median_rank, rel=0.35)
    by_class = frame[frame["level"] == "class"]
    assert ((by_class["r1"] - by_class["chance_r1"]).abs() < 0.2).all()


def test_many_random_embeddings_are_at_chance_in_the_mean(home, tmp_path):
    for seed in range(30):
        home.add(home.random(2 * seed), home.random(2 * seed + 1), seed=seed)
    frame = search(tmp_path, home)
    for name, tolerance in (("r1", 0.03), ("r5", 0.04), ("r10", 0.04), ("median_rank", 2.5)):
        assert frame[name].to_numpy() == pytest.approx(frame[f"chance_{name}"].to_numpy(), abs=tolerance)


def test_a_collapsed_embedding_is_the_last_of_its_gallery(home, tmp_path):
    home.add(np.ones((144, 8)), np.ones((144, 8)))
    line = search(tmp_path, home).iloc[0]
    assert (line.r10, line.median_rank, line.median_rank_low) == (0.0, 72.0, 72.0)


def test_a_direction_names_the_query_first(home, tmp_path):
    # One sensor feature for all: any video asks in vain, and the sensors find the videos in one order.
    home.add(np.ones((144, 24)), home.random())
    frame = search(tmp_path, home).set_index(["level", "neighbours", "direction"])["median_rank"]
    assert frame["window", "kept", "video->sensor"] == 72.0
    assert frame["window", "kept", "sensor->video"] == 36.5


def test_what_lies_in_the_videos_space_is_compared_where_the_whole_does_not(home, tmp_path):
    home.add(home.random(5, dim=7), home.random(), features={"sensor_shared": home.random()})
    assert (search(tmp_path, home)["r1"] == 1.0).all()


def test_a_run_without_video_is_left_out_and_named(home, tmp_path):
    home.add(home.random(), home.random())
    for seed in (0, 1):
        home.add(home.random(), variant="statistics", method="statistics", seed=seed)
    frame = search(tmp_path, home)
    assert set(frame["variant"]) == {"detach"}
    log = (tmp_path / "retrieval.log").read_text()
    assert "statistics embeds no video and is left out (2 files of embeddings)" in log
    assert str(tmp_path / "retrieval.csv") in log.splitlines()[-1]


def test_no_run_with_video_is_one_sentence(home, tmp_path, capfd):
    home.add(home.random())
    with pytest.raises(SystemExit):
        search(tmp_path, home)
    assert "no embeddings.h5 with a video feature" in capfd.readouterr().err
    assert not list(tmp_path.glob("retrieval.csv"))


def test_splits_and_seeds_are_averaged_and_counted(home, tmp_path):
    home.split("other", held_out=["S1-R0"])
    home.split("subject", "subjects", ["S1"])
    for name in ("default", "other", "subject"):
        for seed in (0, 1):
            home.add(home.random(), home.random(), split=name, seed=seed)
    frame = search(tmp_path, home)
    found = frame.groupby("protocol", sort=False)[["n_splits", "n_seeds", "splits", "seeds"]].first()
    assert found.to_numpy().tolist() == [[2, 2, "default other", "0 1"], [1, 2, "subject", "0 1"]]
    assert set(frame["n_queries"]) == {72 + 36, 72}


def test_more_runs_of_the_same_figures_do_not_narrow_or_move_the_interval_of_one(home, tmp_path):
    noisy = home.random() + 2.0 * home.random(1)
    home.add(home.random(), noisy)
    one = search(tmp_path, home)
    home.add(home.random(), noisy, variant="again")
    home.add(home.random(), noisy, variant="again", seed=1)
    both = search(tmp_path, home)
    for name in ("r1", "r5", "median_rank"):
        names = [name, f"{name}_low", f"{name}_high"]
        for variant in ("detach", "again"):
            found = both[both["variant"] == variant][names].to_numpy()
            if variant == "detach":
                assert (found == one[names].to_numpy()).all()
            else:
                np.testing.assert_allclose(found[:, 0], one[name])
                if name != "median_rank":  # of several runs the interval is symmetric, a rank's resamples are not
                    np.testing.assert_allclose(found[:, 1:], one[names[1:]], atol=0.06)
    at_window = one["level"] == "window"
    assert (one["r5_low"] < one["r5_high"])[at_window].all()


def test_the_same_input_gives_the_same_bytes_in_five_files(home, tmp_path):
    home.split("other", held_out=["S1-R0"])
    for name in ("default", "other"):
        for seed in (0, 1):
            home.add(home.random(seed), home.random(seed) + home.random(2 + seed), split=name, seed=seed)
    written = []
    for _ in range(2):
        search(tmp_path, home)
        written.append([(tmp_path / f"retrieval.{kind}").read_bytes() for kind in KINDS])
    assert written[0] == written[1]
    assert all(b"Retrieval across modalities" in text for text in written[0][1:4])


def test_windows_with_equal_sensors_bound_what_can_be_reached(tmp_path):
    made = make_windows()
    sensor = np.array(made.sensor)
    sensor[made.recording == 2] = 1.0  # constant, so nothing is left of them once centred
    sensor[made.recording == 2, 0] += np.arange((made.recording == 2).sum())[:, None]
    home = Home(tmp_path / "opportunity", dataclasses.replace(made, sensor=sensor))
    home.split()  # holds out 72 windows, 36 of that recording
    equal = np.where(made.recording == 2, 0, np.arange(made.num_windows))
    perfect = home.random()[equal]
    home.add(perfect, home.random())
    home.add(home.random(), home.random(), variant="detach-z")
    frame = search(tmp_path, home)
    found = frame.set_index(["variant", "level", "neighbours", "direction"])
    line = found.loc["detach", "window", "kept", "sensor->video"]
    assert (line["n_tied"], line["form"]) == (36, "centred")
    assert line["ceiling_r1"] == pytest.approx((36 + 1) / 72, abs=1e-6)
    assert line["ceiling_r10"] == pytest.approx((36 + 10) / 72, abs=1e-6)
    assert line["r1"] <= line["ceiling_r1"]
    back = found.loc["detach", "window", "kept", "video->sensor"]
    assert back["ceiling_r10"] == back["r10"] == 0.5
    assert frame[frame["neighbours"] == "left out"]["ceiling_r1"].isna().all()
    assert found.loc["detach-z", "window", "kept", "sensor->video"]["n_tied"] == 0
    text = (tmp_path / "retrieval.md").read_text()
    assert "36 of 72 searched windows of opportunity (by_recording) have the same sensors as another" in text


def test_a_variant_whose_input_form_is_unknown_is_one_sentence(home, tmp_path, capfd):
    home.add(home.random(), home.random(), variant="other")
    with pytest.raises(SystemExit):
        search(tmp_path, home)
    assert "0.h5: variant: found other, expected one of detach, again, statistics, detach-z" in capfd.readouterr().err


def test_a_part_is_searched_even_where_nothing_is_held_out_and_homes_stand_apart(home, tmp_path):
    other = Home(tmp_path / "hwu", make_windows("recording", num_recordings=24, num_subjects=4))
    other.split(hold_out="nothing", held_out=[])
    home.add(home.random(), home.random())
    other.add(other.random(), other.random())
    frame = search(tmp_path, home, other)
    found = frame.groupby("dataset", sort=False)[["split_part", "protocol"]].first()
    assert found.to_numpy().tolist() == [["held_out", "by_recording"], ["downstream", "paper"]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "hwu_usp"}, "0.h5: dataset: found hwu_usp, expected opportunity; run the rule embed again"),
        ({"source": "local"}, "source: found local, expected simulated"),
        ({"features": {"sensor": np.zeros((3, 2)), "video": np.zeros((3, 2))}}, "found 3 rows, expected 144 rows"),
        ({"features": {"video": np.zeros((144, 5))}}, "video: found 5 columns, expected 24 columns, as sensor has"),
    ],
)
def test_embeddings_of_something_else_are_one_sentence(home, tmp_path, capfd, changes, words):
    home.add(home.random(), home.random(), **changes)
    with pytest.raises(SystemExit):
        search(tmp_path, home)
    assert words in capfd.readouterr().err
    assert not list(tmp_path.glob("retrieval.csv"))


def test_another_splits_or_another_homes_file_is_one_sentence(home, tmp_path, capfd):
    home.split("other", held_out=["S1-R0"])
    home.add(home.random(), home.random())
    windows_path, split_path, path = home.inputs.pop()
    home.inputs.append((windows_path, home.folder / "other.json", path))
    with pytest.raises(SystemExit):
        search(tmp_path, home)
    assert "0.h5: split: found default, expected other; run the rule embed again" in capfd.readouterr().err
    other = Home(tmp_path / "hwu", make_windows("recording", num_recordings=24, num_subjects=4))
    home.inputs[0] = (other.folder / "windows.h5", split_path, path)
    with pytest.raises(SystemExit):
        search(tmp_path, home)
    assert "default.json: dataset: found opportunity, expected hwu_usp" in capfd.readouterr().err


def test_simulated_and_real_recordings_are_not_mixed(home, tmp_path, capfd):
    real = Home(tmp_path / "real", make_windows(source="local"))
    real.split()
    home.add(home.random(), home.random())
    real.add(real.random(), real.random(), source="local")
    with pytest.raises(SystemExit):
        search(tmp_path, home, real)
    assert "source: found local, expected simulated" in capfd.readouterr().err
