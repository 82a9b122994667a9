"""The video trunk of all baselines: E_vs's networks looking at every frame of a window, trained end to end.

With `video.init` it starts from a weight file as DETACH's Stage 1 does: the same file, the same rules.
"""

from __future__ import annotations

from torch import Tensor, nn

from detach_core.encoders.video_weights import build_trunk
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import FRAMES, WindowBatch, required
from detach_core.settings.shared import SCRATCH, EncoderSettings, VideoStartSettings


class VideoTrunk(nn.Module):
    """Feature (B, 2 d) of a window's frames: as wide as DETACH's two halves together.

    The frames' maps are averaged before the branches, so one feature stands for the clip. `video_init` says where the
    network started, as the tables print it: `scratch`, or the name and digest of a weight file.
    """

    modality = FRAMES

    def __init__(self, encoders: EncoderSettings, start: VideoStartSettings) -> None:
        super().__init__()
        self.dim = 2 * encoders.dim
        self.encoder, self.video_init = build_trunk(start, dim=self.dim, size=encoders.size, time_average="features")

    def forward(self, batch: WindowBatch) -> Tensor:
        """Feature (B, 2 d)."""
        feature: Tensor = self.encoder(required(batch.frames).transpose(1, 2))
        return feature


def refuse_weights(start: VideoStartSettings, method: str) -> None:
    """Check that nobody expects `method`, whose video network is its own and not the trunk, to start from a file.

    Raises:
        UserError: `video.init` names one.
    """
    if start.init != SCRATCH:
        raise UserError(
            f"video.init: {method} has a video network of its own that the weights of {start.init} do not fit; set"
            f" `scratch` for it in its variant's section `video`, or leave it out of the table's rows"
        )
