import torch

from detach_core.encoders.sensor.cnn_gru_attention import CnnGruAttention


def test_the_paper_size_attends_at_width_512():
    encoder = CnnGruAttention(channels=34, length=60, dim=256, size="paper")
    assert encoder.query_key_value.in_features == 512
    assert encoder.projection.in_features == 512
    assert encoder.recurrence.bidirectional


def test_attention_is_the_scaled_dot_product_written_out():
    encoder = CnnGruAttention(channels=3, length=20, dim=4, size="small").eval()
    window = torch.randn(1, 3, 20)
    with torch.no_grad():
        steps, _ = encoder.recurrence(encoder.normalisation(encoder.convolutions(window)).transpose(1, 2))
        query, key, value = encoder.query_key_value(steps[0]).chunk(3, dim=-1)
        share = (query @ key.T / query.shape[1] ** 0.5).softmax(dim=-1)
        expected = encoder.projection((share @ value).mean(dim=0))
        assert torch.allclose(encoder(window)[0], expected, atol=1e-5)
