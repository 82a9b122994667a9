import json
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch

import detach_core
from detach_core.contracts.checkpoint import read_checkpoint, write_checkpoint
from detach_core.contracts.classifier import read_classifier, write_classifier
from detach_core.contracts.metrics import read_metrics
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import read_recordings
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.foundation.errors import UserError
from detach_core.interface import RunEmbeddings, TrainedRun
from detach_core.methods.registry import METHODS, build_method
from detach_core.signals.normalization import fit
from detach_core.stages.embed import embed
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow
from detach_core.stages.ingest import ingest
from detach_core.stages.pack import pack
from detach_core.stages.probe import probe
from detach_core.training.batches import input_shape
from detach_core.training.embedding import embed_windows, rebuild
from detach_core.training.job import TrainingJob
from detach_core.training.session import make_checkpoint
from detach_core.windows.packing import fill_missing
from tests.contracts.test_classifier import make_classifier
from tests.fixtures.native_files import opportunity_folder
from tests.fixtures.toy_home import home, one_thread, sequence_home, split, toy, windows

README = Path(__file__).resolve().parents[1] / "README.md"

__all__ = ["home", "one_thread", "opportunity_folder", "sequence_home", "split", "toy", "windows"]  # fixtures


def write_run(toy, windows, split, name, folder, *, inputs=None):
    """A run with the weights that its method begins with."""
    torch.manual_seed(0)
    settings = toy.SETTINGS[name]
    moments = split.normalisation.activation[settings.input.form]
    activation = {"mean": moments.mean.tolist(), "std": moments.std.tolist()}
    method = build_method(name, settings=settings, shape=input_shape(windows), activation=activation)
    facts = {"num_windows": 0, "num_weights": 0, "device": "cpu"}
    session: Any = SimpleNamespace(method=method, run=SimpleNamespace(num_epochs=0, facts=facts))
    checkpoint = make_checkpoint(
        TrainingJob(name, settings, toy.MACHINES),
        session,
        windows=windows,
        split=split,
        provenance=make_provenance(stage="pretrain", source="simulated", settings={}, inputs=inputs),
    )
    folder.mkdir(parents=True)
    write_checkpoint(folder / "checkpoint.safetensors", checkpoint)
    return folder


def recording_of(windows):
    """(T, C) of all windows one after the other."""
    return np.concatenate([window.T for window in np.asarray(windows.sensor)])


@pytest.fixture
def folder(toy, windows, split, tmp_path):
    return write_run(toy, windows, split, "random_encoder", tmp_path / "run")


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_methods_run_embeds_as_the_workflow_does(toy, windows, split, name, tmp_path):
    folder = write_run(toy, windows, split, name, tmp_path / name)
    checkpoint = read_checkpoint(folder / "checkpoint.safetensors")
    expected = embed_windows(rebuild(checkpoint), checkpoint, windows, device=torch.device("cpu"))
    found = detach_core.load(folder).embed(recording_of(windows), rate_hz=30.0, channel_names=windows.channel_names)
    np.testing.assert_array_equal(found.whole, expected["sensor"])
    for half in ("spatial", "temporal", "shared"):
        if f"sensor_{half}" in expected:
            np.testing.assert_array_equal(getattr(found, half), expected[f"sensor_{half}"])
        else:
            assert getattr(found, half) is None
    np.testing.assert_allclose(found.start_s, 2.0 * np.arange(windows.num_windows))


def test_columns_are_put_in_order_by_name_and_another_rate_is_resampled(folder, windows):
    run, sensor, names = (
        detach_core.load(folder / "checkpoint.safetensors"),
        recording_of(windows),
        windows.channel_names,
    )
    expected = run.embed(sensor, rate_hz=30.0, channel_names=names).whole
    turned = run.embed(sensor[:, ::-1], rate_hz=30.0, channel_names=names[::-1]).whole
    np.testing.assert_array_equal(turned, expected)
    doubled = run.embed(np.repeat(sensor, 2, axis=0), rate_hz=60.0, channel_names=names).whole
    np.testing.assert_array_equal(doubled, expected)
    assert len(run.embed(sensor[:150], rate_hz=30.0, channel_names=names, stride_s=1.0).whole) == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda sensor, names: (sensor.T, names), r"shape \(8, "),
        (lambda sensor, names: (sensor[:, 1:], names[1:]), "missing: channel 0"),
        (lambda sensor, names: (sensor, (*names[:-1], "light")), "missing: channel 7"),
        (lambda sensor, names: (np.c_[sensor, sensor[:, :1]], (*names, "light")), "unknown: light"),
        (lambda sensor, names: (np.c_[sensor, sensor[:, :1]], (*names, names[0])), "repeated: channel 0"),
        (lambda sensor, names: (np.where(np.arange(8) == 2, np.nan, sensor), names), r"\(channel 2\): found no value"),
        (lambda sensor, names: (np.where(np.arange(8) == 2, np.inf, sensor), names), r"\[0, 2\].*found inf"),
        (lambda sensor, names: (np.where(np.arange(8) == 2, 1e39, sensor.astype(float)), names), "found inf"),
        (lambda sensor, names: (sensor.astype(str), names), "expected real numbers"),
        (lambda sensor, names: (sensor[:59], names), "found 59 samples"),
        (lambda sensor, names: (sensor[:0], names), r"shape \(0, 8\)"),
    ],
)
def test_a_recording_that_does_not_fit_is_one_sentence(folder, windows, change, said):
    sensor, names = change(recording_of(windows), windows.channel_names)
    with pytest.raises(UserError, match=said) as error:
        detach_core.load(folder).embed(sensor, rate_hz=30.0, channel_names=names)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [0.0, -30.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["rate_hz", "stride_s"])
def test_a_rate_or_stride_that_is_not_positive_is_refused(folder, windows, name, value):
    numbers = {"rate_hz": 30.0, "stride_s": 2.0} | {name: value}
    with pytest.raises(UserError, match=f"{name}: found"):
        detach_core.load(folder).embed(recording_of(windows), channel_names=windows.channel_names, **numbers)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(UserError, match="run the rule `pretrain`"):
        detach_core.load(tmp_path)


def test_the_package_alone_imports_no_torch():
    code = "import sys, detach_core; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_lines_of_the_readme_run(toy, windows, split, tmp_path, monkeypatch, capsys):
    text = README.read_text(encoding="utf-8").split("## From Python", 1)[1]
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line]) <= 6
    folder = write_run(toy, windows, split, "detach", tmp_path / re.search(r'load\("(.*?)"\)', code)[1])
    store_classifier(folder, width=64)
    monkeypatch.chdir(tmp_path)
    given = {"sensor": recording_of(windows), "names": windows.channel_names, "rgb": pictures(12, seconds=8)}
    exec(code, given)
    told = capsys.readouterr().out
    assert told.startswith("(4, 64) (4, 32)")
    assert "Open Door 1" in told
    assert given["found"].video_spatial.shape == (4, 32)


@pytest.mark.parametrize("kind", [RunEmbeddings, TrainedRun])
def test_each_public_attribute_has_an_entry_of_its_own(kind, folder):
    run = detach_core.load(folder)
    public = {field.name for field in fields(kind)} if is_dataclass(kind) else set(vars(run))
    documented = re.findall(r"^        (\w+): ", kind.__doc__.split("Attributes:")[1], re.MULTILINE)
    assert sorted(documented) == sorted(name for name in public if not name.startswith("_"))


def pictures(count, *, seconds, size=(72, 96)):
    """`count` smooth pictures a second of a block that moves over a wall, (F, height, width, 3)."""
    rng = np.random.default_rng(5)
    wall = cv2.resize(rng.integers(30, 200, (9, 12, 3)).astype(np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
    frames = np.repeat(wall[None], count * seconds, axis=0)
    for number, frame in enumerate(frames):
        left = 4 + round(60 * number / len(frames))
        frame[20:44, left : left + 24] = (200, 40 + number % 7, 90)
    return frames


def store_classifier(folder, *, width, **changes):
    """A classifier of the run's checkpoint with drawn weights."""
    made = read_checkpoint(folder / "checkpoint.safetensors").provenance.artifact_id
    rng = np.random.default_rng(2)
    shapes = {"mean": (width,), "std": (width,), "coefficients": (width, 2), "intercept": (2,)}
    tensors = {name: torch.from_numpy(rng.uniform(0.5, 1.5, shape)) for name, shape in shapes.items()}
    provenance = make_provenance(stage="probe", source="simulated", settings={}, inputs={"checkpoint": made})
    write_classifier(
        folder / "classifier.safetensors", make_classifier(tensors=tensors, provenance=provenance, **changes)
    )


def probed(toy, home, split, name, folder, *, half=None):
    """A run of `home` whose embeddings and classifier the workflow's stages made; the probe's metrics."""
    windows = read_windows(home / "windows.h5")
    if not folder.exists():
        made_of = {"split": read_split(home / "split.json").provenance.artifact_id}
        write_run(toy, windows, split, name, folder, inputs=made_of)
    shared = {"windows_path": home / "windows.h5", "split_path": home / "split.json"}
    machine = {"device": "cpu", "threads": 1}
    embed(
        settings=json.dumps({"variant": name, **machine}),
        checkpoint_path=folder / "checkpoint.safetensors",
        embeddings_path=folder / "embeddings.h5",
        log_path=folder / "log",
        **shared,
    )
    part = {} if half is None else {"half": half, "target": "place", "variant": f"{name}-place"}
    probe(
        settings=json.dumps({"probe": {"c": [0.1, 1.0], "bootstrap": 20}, **machine, **part}),
        embeddings_paths=[folder / "embeddings.h5"],
        metrics_path=folder / f"metrics{half or ''}.json",
        classifier_path=folder / f"classifier{half or ''}.safetensors",
        log_path=folder / "log",
        **shared,
    )
    return read_metrics(folder / f"metrics{half or ''}.json")


def test_probabilities_are_those_of_the_workflows_probe(toy, home, windows, split, tmp_path):
    predictions = probed(toy, home, split, "detach", tmp_path / "run").protocols["by_recording"].predictions[0]
    run = detach_core.load(tmp_path / "run")
    found = run.embed(recording_of(windows), rate_hz=30.0, channel_names=windows.channel_names)
    probabilities = run.probabilities(found)
    assert probabilities.shape == (windows.num_windows, 8)
    np.testing.assert_allclose(probabilities[predictions.unit], predictions.probabilities, atol=1e-6)
    assert (run.class_names, run.class_places) == (windows.class_names, windows.class_places)
    assert (run.dataset, run.class_actions) == ("toy", windows.class_actions)
    whole = run.probabilities(found, unit="recording")
    assert whole.shape == (1, 8)
    np.testing.assert_allclose(whole.sum(), 1.0)


def test_a_half_is_classified_by_the_classifier_of_its_row(toy, home, windows, split, tmp_path):
    metrics = probed(toy, home, split, "detach", tmp_path / "run", half="spatial")
    run = detach_core.load(tmp_path / "run", classifier=tmp_path / "run" / "classifierspatial.safetensors")
    found = run.embed(recording_of(windows), rate_hz=30.0, channel_names=windows.channel_names)
    predictions = metrics.protocols["by_recording"].predictions[0]
    np.testing.assert_allclose(run.probabilities(found)[predictions.unit], predictions.probabilities, atol=1e-6)
    assert run.class_names == windows.location_names


def test_a_recording_is_one_unit_where_the_dataset_is_labelled_so(toy, sequence_home, split, tmp_path):
    windows = read_windows(sequence_home / "windows.h5")
    metrics = probed(toy, sequence_home, split, "random_encoder", tmp_path / "run")
    predictions, run = metrics.protocols["by_recording"].predictions[0], detach_core.load(tmp_path / "run")
    for unit, expected in zip(predictions.unit, predictions.probabilities, strict=True):
        sensor = np.concatenate([window.T for window in np.asarray(windows.sensor)[windows.recording == unit]])
        found = run.embed(sensor, rate_hz=30.0, channel_names=windows.channel_names)
        np.testing.assert_allclose(run.probabilities(found), expected[None], atol=1e-6)
        assert run.probabilities(found, unit="window").shape == (24, 2)


def embedded(run, windows):
    return run.embed(recording_of(windows), rate_hz=30.0, channel_names=windows.channel_names)


def test_a_run_without_a_classifier_says_so_when_it_is_asked(folder, windows):
    run = detach_core.load(folder)
    assert run.class_names == windows.class_names
    with pytest.raises(UserError, match=r"run/classifier.safetensors: found nothing, .*; run the rule `probe`$"):
        run.probabilities(embedded(run, windows))
    with pytest.raises(UserError, match="found nothing"):
        detach_core.load(folder, classifier=folder.parent)


def test_a_classifier_of_another_checkpoint_is_not_used(toy, folder, windows):
    store_classifier(folder, width=64, run="detach+2")
    classifier = read_classifier(folder / "classifier.safetensors")
    write_classifier(folder / "classifier.safetensors", make_classifier(tensors=classifier.tensors))
    run = detach_core.load(folder)
    said = r"on features of the run detach\+1, checkpoint c0, expected one of checkpoint \w+; load that run"
    with pytest.raises(UserError, match=said):
        run.probabilities(embedded(run, windows))
    with pytest.raises(UserError, match=said):
        detach_core.load(folder, classifier=folder)


@pytest.mark.parametrize("changes", [{"width": 63}, {"width": 64, "feature": "sensor_shared"}])
def test_embeddings_that_the_classifier_does_not_fit_are_refused(folder, windows, changes):
    store_classifier(folder, **changes)
    run = detach_core.load(folder)
    with pytest.raises(UserError, match=r"^embeddings\.(whole|shared): found (shape|none)"):
        run.probabilities(embedded(run, windows))


def test_gaps_are_treated_as_pack_treats_them(folder, windows):
    sensor, names, run = recording_of(windows)[:240], windows.channel_names, detach_core.load(folder)
    torn = sensor.copy()
    torn[10:20, 1] = np.nan
    torn[60:95, 2] = np.nan
    torn[119, 3] = np.nan
    cut = fill_missing(torn.reshape(4, 60, 8).transpose(0, 2, 1), max_nan_share=0.5)
    np.testing.assert_array_equal(cut[1, 2], np.zeros(60, np.float32))
    filled = cut.transpose(0, 2, 1).reshape(240, 8)
    found = run.embed(torn, rate_hz=30.0, channel_names=names)
    np.testing.assert_array_equal(found.whole, run.embed(filled, rate_hz=30.0, channel_names=names).whole)
    expected = np.zeros((4, 8))
    expected[0, 1], expected[1, 2], expected[1, 3] = 10 / 60, 35 / 60, 1 / 60
    np.testing.assert_allclose(found.nan_share, expected)


def write_lossless(path, frames, rate_hz):
    """The frames as a file without loss: what is decoded are the very pixels."""
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=rate_hz)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def packed(opportunity_folder, tmp_path):
    """A recording with gaps and a video of 12.5 Hz as the workflow packs it, its samples and its pictures."""
    name = opportunity_folder.add(seconds=8)
    for line in (*range(1, 75), *range(130, 141)):
        opportunity_folder.edit(line, 208, "NaN")
    frames = pictures(25, seconds=8)[::2]
    write_lossless(opportunity_folder.video_path(), frames, Fraction(25, 2))
    paths = {kind: tmp_path / f"{kind}.h5" for kind in ("sensor", "frames", "flow", "windows")}
    shared = {"recordings": [name], "root_path": opportunity_folder.root, "dataset": "opportunity"}
    settings, log = opportunity_folder.settings, {"log_path": tmp_path / "log"}
    ingest(settings=settings("ingest"), sensor_path=paths["sensor"], **shared, **log)
    extract_frames(settings=settings("extract_frames"), frames_path=paths["frames"], **shared, **log)
    flow(settings=settings("flow"), frames_path=paths["frames"], flow_path=paths["flow"], **log)
    kinds: dict[str, Any] = {f"{kind}_paths": [paths[kind]] for kind in ("sensor", "frames", "flow")}
    kept = settings("pack", null_windows="keep")
    pack(dataset="opportunity", settings=kept, windows_path=paths["windows"], **kinds, **log)
    (recording,) = read_recordings(paths["sensor"]).recordings
    return read_windows(paths["windows"]), np.asarray(recording.sensor), frames


@pytest.mark.parametrize("name", ["detach", "imu2clip", "comodo", "cav_mae", "random_encoder"])
def test_frames_are_embedded_as_the_workflow_embeds_their_file(toy, packed, name, tmp_path):
    windows, sensor, frames = packed
    split = SimpleNamespace(normalisation=fit(windows.sensor, quantile=0.99))
    folder = write_run(toy, windows, split, name, tmp_path / name)
    checkpoint = read_checkpoint(folder / "checkpoint.safetensors")
    expected = embed_windows(rebuild(checkpoint), checkpoint, windows, device=torch.device("cpu"))
    assert np.isnan(sensor).any()
    found = detach_core.load(folder).embed(
        sensor, rate_hz=30.0, channel_names=windows.channel_names, frames=frames, frames_hz=12.5, stride_s=1.0
    )
    np.testing.assert_array_equal(found.start_s, windows.start_s)
    fields = {"sensor": "whole"} | {f"sensor_{part}": part for part in ("spatial", "temporal", "shared")}
    for key in (*fields, "video", "video_spatial", "video_temporal"):
        value = getattr(found, fields.get(key, key))
        if key in expected:
            np.testing.assert_allclose(value, expected[key], rtol=1e-5, atol=1e-6, err_msg=key)
        else:
            assert value is None, key
    assert (found.video is None) == (name == "random_encoder")
    if name == "detach":
        assert found.video_temporal is not None
        assert not np.allclose(found.video[0], found.video[-1])


def test_windows_end_with_the_video(toy, windows, split, tmp_path):
    run = detach_core.load(write_run(toy, windows, split, "detach", tmp_path / "run"))
    given = {"rate_hz": 30.0, "channel_names": windows.channel_names}
    threads = cv2.getNumThreads()
    found = run.embed(recording_of(windows), **given, frames=pictures(10, seconds=5), frames_hz=10)
    assert cv2.getNumThreads() == threads
    np.testing.assert_array_equal(found.start_s, [0.0, 2.0])
    with pytest.raises(UserError, match="and 5 pictures at 5 Hz, expected at least 60 and 10"):
        run.embed(recording_of(windows), **given, frames=pictures(10, seconds=1), frames_hz=10)


@pytest.mark.parametrize(
    ("frames", "frames_hz", "said"),
    [
        (None, 10.0, "`frames_hz` alone"),
        (np.zeros((20, 72, 96, 3), np.uint8), None, "`frames` alone"),
        (np.zeros((20, 3, 72, 96), np.uint8), 10.0, r"shape \(20, 3, 72, 96\)"),
        (np.zeros((20, 72, 96, 3)), 10.0, "type float64"),
        (np.zeros((0, 72, 96, 3), np.uint8), 10.0, r"shape \(0, 72"),
        (np.zeros((20, 72, 96, 3), np.uint8), 0.0, "frames_hz: found 0.0"),
    ],
)
def test_frames_that_do_not_fit_are_one_sentence(folder, windows, frames, frames_hz, said):
    with pytest.raises(UserError, match=said) as error:
        detach_core.load(folder).embed(
            recording_of(windows), rate_hz=30.0, channel_names=windows.channel_names, frames=frames, frames_hz=frames_hz
        )
    assert "\n" not in str(error.value)
