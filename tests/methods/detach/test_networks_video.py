import pytest
import torch

from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d
from detach_core.methods.detach.networks import SpatialVideo


@pytest.mark.parametrize("average", ["pixels", "features"])
def test_it_looks_at_what_it_averages(toy, resident, average):
    video = SpatialVideo({**toy.SPATIAL, "video_time_average": average}).eval()
    assert video.modality == {"pixels": "mean_frame", "features": "frames"}[average]
    batch = resident.gather("pretrain", torch.arange(3), modalities={video.modality}, augment=False)
    assert video.feature(batch).shape == (3, 32)
    assert video(batch).shape == (3, 4)


def test_a_batch_without_its_modality_is_refused(toy, resident):
    batch = resident.gather("pretrain", torch.arange(3), modalities={"sensor"}, augment=False)
    with pytest.raises(ValueError, match="modalities"):
        SpatialVideo(toy.SPATIAL)(batch)


def test_all_windows_are_asked_in_order_without_gradient(toy, resident):
    video = SpatialVideo(toy.SPATIAL).eval()
    logits = video.logits_of_all(resident)
    batch = resident.gather("pretrain", torch.tensor([40]), modalities={"mean_frame"}, augment=False)
    assert logits.shape == (72, 4)
    assert not logits.requires_grad
    torch.testing.assert_close(logits[40], video(batch)[0].detach(), atol=1e-5, rtol=1e-4)


def test_it_starts_from_a_weight_file_whatever_it_averages(toy, tmp_path):
    state = SpatialCnn2d(dim=32, size="small").state_dict()
    torch.save(state, tmp_path / "t.pt")
    changes = {"video": {"init": str(tmp_path / "t.pt")}}
    assert SpatialVideo(toy.SPATIAL).video_init == "scratch"
    for average in ("pixels", "features"):
        video = SpatialVideo({**toy.SPATIAL, **changes, "video_time_average": average})
        assert video.video_init.startswith("t.pt (sha256 ")
        assert all(torch.equal(value, state[key]) for key, value in video.encoder.state_dict().items())
