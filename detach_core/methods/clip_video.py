"""The video trunk of all baselines: E_vs's networks looking at every frame of a window, trained end to end.

With `video.init` it starts from a weight file as DETACH's Stage 1 does: the same file, the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from detach_core.contracts.errors import UserError
from detach_core.encoders.video.start import SCRATCH, build_trunk
from detach_core.methods.batch import FRAMES, WindowBatch
from detach_core.methods.networks import required


class ClipVideo(nn.Module):
    """Feature (B, 2 d) of a window's frames: as wide as DETACH's two halves together.

    The frames' maps are averaged before the branches, so one feature stands for the clip. `video_init` says where the
    network started, as the tables print it: `scratch`, or the name and digest of a weight file.
    """

    modality = FRAMES

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Args: settings: a method's, with the sections `encoders` and `video`."""
        super().__init__()
        encoders = settings["encoders"]
        self.dim = 2 * int(encoders["dim"])
        self.encoder, self.video_init = build_trunk(
            settings["video"], dim=self.dim, size=encoders["size"], time_average="features"
        )

    def forward(self, batch: WindowBatch) -> Tensor:
        """Feature (B, 2 d)."""
        feature: Tensor = self.encoder(required(batch.frames).transpose(1, 2))
        return feature


def refuse_weights(settings: Mapping[str, Any], method: str) -> None:
    """Check that nobody expects `method`, whose video network is its own and not the trunk, to start from a file.

    Raises:
        UserError: `video.init` names one.
    """
    init = settings["video"]["init"]
    if init != SCRATCH:
        raise UserError(
            f"video.init: {method} has a video network of its own that the weights of {init} do not fit; set `scratch`"
            f" for it in its variant's section `video`, or leave it out of the table's rows"
        )
