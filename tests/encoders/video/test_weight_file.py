import hashlib
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d
from detach_core.encoders.video.weight_file import read_video_weights
from detach_core.foundation.errors import BadInputError


def trunk_state(dim=16, size="small"):
    return SpatialCnn2d(dim=dim, size=size).state_dict()


def save(folder, state, name="weights.safetensors"):
    path = folder / name
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def refusal(path, size="small"):
    with pytest.raises(BadInputError) as refused:
        read_video_weights(path, size=size)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt", "weights.pth"])
@pytest.mark.parametrize("prefix", ["", "video.encoder.", "module."])
def test_our_own_trunk_is_read_under_its_own_names_whatever_stands_before_them(tmp_path, name, prefix):
    state = trunk_state()
    path = save(tmp_path, {prefix + key: value for key, value in state.items()}, name)
    weights = read_video_weights(path, size="small")
    assert (weights.network, weights.width) == ("trunk", 16)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.tensors.keys() == state.keys()
    assert all(torch.equal(weights.tensors[key], state[key]) for key in state)


@pytest.mark.parametrize("network", ["resnet18", "resnet50", "vit_b_32"])
def test_a_network_of_torchvision_is_told_by_its_keys_and_its_classifier_is_left_out(models, tmp_path, network):
    state = models[network]().state_dict()
    weights = read_video_weights(save(tmp_path, state), size="small")
    assert (weights.network, weights.width) == (network, None)
    assert weights.tensors.keys() == {key for key in state if not key.startswith(("fc.", "heads."))}
    bare = {f"backbone.{key}": value for key, value in weights.tensors.items()}
    assert read_video_weights(save(tmp_path, bare), size="small").network == network


def test_files_of_before_are_read_the_counters_of_batchnorm_missing_and_old_names_of_the_transformer(models, tmp_path):
    state = {key: value for key, value in trunk_state().items() if not key.endswith("num_batches_tracked")}
    assert read_video_weights(save(tmp_path, state), size="small").tensors.keys() == state.keys()
    state = models["vit_b_32"]().state_dict()
    old = {key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): state[key] for key in state}
    assert old.keys() != state.keys()
    weights = read_video_weights(save(tmp_path, old), size="small")
    assert all(torch.equal(weights.tensors[key], state[key]) for key in state if not key.startswith("heads."))


@pytest.mark.parametrize("key", ["attention.bias", "projection.0.weight", "scene.1.running_var"])
def test_a_missing_key_is_refused_by_its_name(tmp_path, key):
    state = trunk_state()
    del state[key]
    message = refusal(save(tmp_path, state))
    assert f"found no `{key}`, expected all " in message
    assert "keys of the shared trunk" in message


def test_unknown_keys_are_refused_the_first_few_by_name(tmp_path):
    state = trunk_state() | {f"head.{k}": torch.zeros(1) for k in range(5)}
    message = refusal(save(tmp_path, state))
    assert "found `head.0`, `head.1`, `head.2` and 2 more, expected the " in message
    assert "of the shared trunk and no others" in message


def test_a_whole_checkpoint_is_refused_and_it_is_said_what_to_cut_out(tmp_path):
    state = {f"video.encoder.{key}": value for key, value in trunk_state().items()} | {"memory.label": torch.zeros(3)}
    message = refusal(save(tmp_path, state))
    assert "found `memory.label`" in message
    assert "which here begin with `video.encoder.`; cut out those" in message


@pytest.mark.parametrize("key", ["attention.weight", "projection.1.bias", "convolutions.2.0.weight"])
def test_an_ill_shaped_key_is_refused_with_both_shapes(tmp_path, key):
    state = trunk_state()
    shape = tuple(state[key].shape)
    state[key] = torch.zeros(7, *shape[1:])
    message = refusal(save(tmp_path, state))
    assert f"`{key}`: found shape (7," in message
    assert f"expected shape {shape} of the shared trunk" in message


def test_a_trunk_of_the_other_size_is_refused(tmp_path):
    assert "keys of the shared trunk" in refusal(save(tmp_path, trunk_state(size="paper")))
    path = save(tmp_path, trunk_state(size="paper"))
    assert read_video_weights(path, size="paper").network == "trunk"


def test_a_backbone_that_lacks_a_layer_is_refused(models, tmp_path):
    state = models["resnet18"]().state_dict()
    del state["bn1.weight"]
    assert "found no `bn1.weight`, expected all" in refusal(save(tmp_path, state))


@pytest.mark.parametrize(("value", "words"), [(float("nan"), "NaN or infinity"), (float("inf"), "NaN or infinity")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value, words):
    state = trunk_state()
    state["attention.weight"][0, 0] = value
    assert f"`attention.weight`: found {words}" in refusal(save(tmp_path, state))


def test_whole_numbers_for_weights_are_refused_and_half_precision_is_not(tmp_path):
    state = trunk_state()
    state["attention.weight"] = state["attention.weight"].to(torch.int64)
    assert "expected floating-point numbers" in refusal(save(tmp_path, state))
    half = {key: value.half() if value.is_floating_point() else value for key, value in trunk_state().items()}
    assert read_video_weights(save(tmp_path, half), size="small").network == "trunk"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.safetensors", b"not weights", "expected weights alone"),
        ("a.pth", b"not weights", "expected weights alone"),
        ("a.pt", b"", "expected weights alone"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


class Code:
    """Unpickled, it would run."""

    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("loaded", "words"),
    [
        ({"weight": Code()}, "expected weights alone"),
        ([torch.zeros(2)], "found list, expected a state dict"),
        ({}, "found dict, expected a state dict"),
        ({"epoch": 3, "state_dict": {}}, "found `epoch`, `state_dict`, expected names of tensors"),
        ({"w": torch.zeros(2)}, "found `w`, expected a state dict of the shared trunk, torchvision's ResNet-18"),
    ],
)
def test_what_is_no_state_dict_of_these_networks_is_refused_and_no_code_runs(tmp_path, capsys, loaded, words):
    assert words in refusal(save(tmp_path, loaded, "a.pt"))
    assert "unpickled" not in capsys.readouterr().out


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "file: found nothing, expected a weight file" in refusal(tmp_path / "gone.pth")


def test_a_view_that_claims_more_numbers_than_it_holds_is_refused(tmp_path):
    state = {**trunk_state(), "projection.0.weight": torch.zeros(1).expand(16, 128)}
    assert "`projection.0.weight`: found a tensor of more numbers than it holds" in refusal(
        save(tmp_path, state, "w.pt")
    )


def test_a_packed_file_is_refused_before_it_is_read(tmp_path):
    path = save(tmp_path, trunk_state(), "w.pt")
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in records.items():
            archive.writestr(name, bytes(len(data)))
    assert "packed bytes in a file of" in refusal(path)
