import pytest
import torch

from detach_core.methods.batch import MEAN_FRAME
from detach_core.methods.method import Embedding
from detach_core.training.monitoring import recall_at, retrieval


def test_recall_counts_rows_whose_own_column_is_near_the_top():
    similarity = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.5, 0.1], [0.3, 0.2, 0.1]])
    assert recall_at(similarity, (1, 2, 3)) == pytest.approx({"r1": 1 / 3, "r2": 2 / 3, "r3": 1.0})


def test_ties_count_against_the_row():
    assert recall_at(torch.zeros(4, 4), (1, 4)) == {"r1": 0.0, "r4": 1.0}


class Twin(torch.nn.Module):
    """Embeds sensor and video alike by the window's mean sensor value, or not at all."""

    video_modalities = frozenset({MEAN_FRAME})

    def __init__(self, has_video):
        super().__init__()
        self.has_video = has_video

    def embed_sensor(self, sensor):
        assert not self.training
        return Embedding(sensor.flatten(1))

    def embed_video(self, batch):
        return Embedding(batch.sensor.flatten(1)) if self.has_video else None


def test_equal_embeddings_are_all_found_and_the_mode_is_put_back(resident):
    method = Twin(True).train()
    found = retrieval(method, resident, "monitor")
    assert found["gallery"] == 48
    assert found["sensor_to_video"]["r1"] == 1.0
    assert method.training


def test_a_method_without_video_space_reports_nothing(resident):
    assert retrieval(Twin(False), resident, "monitor") == {}
