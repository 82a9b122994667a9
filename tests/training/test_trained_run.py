import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import detach_core
from detach_core.contracts.checkpoint import read_checkpoint, write_checkpoint
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import UserError
from detach_core.methods.registry import METHODS, build_method
from detach_core.training.batches import input_shape
from detach_core.training.embedding import embed_windows, rebuild
from detach_core.training.job import TrainingJob
from detach_core.training.session import make_checkpoint

README = Path(__file__).resolve().parents[2] / "README.md"


def write_run(toy, windows, split, name, folder):
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
        provenance=make_provenance(stage="pretrain", source="simulated", settings={}),
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
    for half in ("spatial", "temporal"):
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
        (lambda sensor, names: (np.where(np.arange(8) == 2, np.nan, sensor), names), r"sensor\[0, 2\] \(channel 2\)"),
        (lambda sensor, names: (np.where(np.arange(8) == 2, np.inf, sensor), names), "found inf"),
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
    write_run(toy, windows, split, "detach", tmp_path / re.search(r'load\("(.*?)"\)', code)[1])
    monkeypatch.chdir(tmp_path)
    exec(code, {"sensor": recording_of(windows), "names": windows.channel_names})
    assert capsys.readouterr().out.startswith(f"({windows.num_windows}, ")
