"""CAV-MAE, as a substitute for EVI-MAE: a masked autoencoder of both modalities with a contrast between them.

Source: Gong et al., Contrastive Audio-Visual Masked Autoencoder; official code src/models/cav_mae.py. The sensor window
takes the place of the spectrogram: a picture of channels x time, cut into patches.

Note (differs from the official code): networks and positions are built for the windows at hand and start from scratch,
without ImageNet's weights; the optimiser is that of all methods here, with a warm-up and a cosine instead of steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from detach_core.encoders.patches import (
    JointEncoder,
    PatchDecoder,
    PatchEncoder,
    PatchGrid,
    draw_mask,
    position_table,
    take,
)
from detach_core.encoders.sensor_baselines import resample
from detach_core.losses import one_way_info_nce
from detach_core.methods.batch import FRAME, FRAMES, SENSOR, InputShape, WindowBatch, refuse_weights, required
from detach_core.methods.cav_mae.settings import CavMaeSettings
from detach_core.methods.method import ActivationStatistics, Embedding, Method

# Under the root, as in the official code.
EPS = 1e-6


def masked_reconstruction(
    prediction: Tensor, target: Tensor, real: Tensor, *, normalise: bool, flat_variance: float
) -> Tensor:
    """Mean over hidden patches of each patch's mean squared error. Range [0, inf); 0 if no patch is left.

    Source: CAV-MAE (src/models/cav_mae.py:353-418), which has it from MAE. With `normalise` a patch is reconstructed at
    mean 0 and (unbiased) variance 1.

    Note (differs from the official code): what fills patches up at an edge counts neither for a patch's error nor for
    its mean and variance, and normalised patches that are flat are left out: a switch that does not move has no
    variance, and dividing by its root would make a target of rounding errors.

    Args:
        prediction: (..., P) of hidden patches only.
        target: (..., P), their true values; gets no gradient.
        real: (..., P) bool, False for filling.
        normalise: whether targets are normalised patch by patch.
        flat_variance: at most this variance is flat; at least 0.

    Raises:
        ValueError: on shapes that do not fit or a negative `flat_variance`.
    """
    if prediction.shape != target.shape or real.shape != target.shape or real.dtype != torch.bool or not target.ndim:
        raise ValueError(
            "expected predictions, targets and a boolean mask of one shape (..., P), got "
            f"{tuple(prediction.shape)}, {tuple(target.shape)} and {tuple(real.shape)} {real.dtype}"
        )
    if not flat_variance >= 0:
        raise ValueError(f"flat_variance must be at least 0, got {flat_variance}")
    number = real.sum(dim=-1, keepdim=True)
    wanted, counted = target.detach(), number[..., 0] > 0
    if normalise:
        mean = (wanted * real).sum(dim=-1, keepdim=True) / number.clamp(min=1)
        centred = (wanted - mean) * real
        variance = centred.square().sum(dim=-1, keepdim=True) / (number - 1).clamp(min=1)
        wanted, counted = centred * (variance + EPS).rsqrt(), counted & (variance[..., 0] > flat_variance)
    error = ((prediction - wanted) * real).square().sum(dim=-1) / number[..., 0].clamp(min=1)
    return torch.where(counted, error, 0.0).sum() / counted.sum().clamp(min=1)


JOINT, VIDEO = "joint", "video"


# Rows that the sensor picture is cut into where it has enough channels.
SENSOR_ROWS = 8


# Brings pixels to about mean 0 and deviation 1.
GREY, CONTRAST = 0.5, 0.25


# A patch whose deviation is below so many of the augmentation's noise holds nothing else; where there is no
# augmentation, one whose deviation is below `ROUNDING`.
NOISE_DEVIATIONS = 2.0

ROUNDING = 1e-3


class CavMae(Method[CavMaeSettings]):
    """Separate layers of each modality, a joint layer over both, and a decoder of the hidden patches."""

    settings_type = CavMaeSettings
    probed = "sensor: mean token of the joint layer"
    video_init = "scratch"

    def __init__(self, settings: CavMaeSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        refuse_weights(settings.video, "CAV-MAE")
        seen = len(range(0, shape.frames, settings.input.frames_every))
        if settings.frames > seen:
            raise ValueError(f"frames must be at most the window's {seen}, got {settings.frames}")
        # A lone random frame is cut from the stream as such; of several, all are decoded and some taken.
        self.modalities = frozenset({SENSOR, FRAME if settings.frames == 1 else FRAMES})
        side, length = settings.patch_px, settings.length
        rows = -(-shape.channels // SENSOR_ROWS)
        self.grids = {
            SENSOR: PatchGrid(1, shape.channels, length, rows, settings.patch_samples),
            VIDEO: PatchGrid(3, shape.height, shape.width, side, side),
        }
        stack = {"heads": settings.heads, "layers": settings.separate_layers}
        places = self._positions(settings.width)
        self.sensor = PatchEncoder(patch_size=self.grids[SENSOR].patch_size, position=places[SENSOR], **stack)
        self.video = PatchEncoder(patch_size=self.grids[VIDEO].patch_size, position=places[VIDEO], **stack)
        self.joint = JointEncoder(
            width=settings.width,
            heads=settings.heads,
            layers=settings.joint_layers,
            kinds=[JOINT, SENSOR, VIDEO],
        )
        self.decoder = PatchDecoder(
            encoder_width=settings.width,
            heads=settings.heads,
            layers=settings.decoder_layers,
            positions=self._positions(settings.decoder_width),
            patch_sizes={name: grid.patch_size for name, grid in self.grids.items()},
        )
        self.row_networks = [self.sensor, self.video, self.joint, self.decoder]
        for name, grid in self.grids.items():
            self.register_buffer(f"real_{name}", grid.real(), persistent=False)
        self.num_epochs, self.batch_size = settings.epochs, settings.batch_size
        # A stream of its own for masks and frames, started by the global one, which the run's seed sets.
        self._draws = torch.Generator().manual_seed(int(torch.randint(2**62, (1,))))

    @property
    def embedding_dim(self) -> int:
        """Width of a token."""
        return int(self.settings.width)

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """Mean token after the sensor's layers and the joint layer with the sensor's norms, without masking."""
        patches = self._sensor_patches(sensor)
        place = torch.arange(patches.shape[1], device=patches.device).expand(len(patches), -1)
        return Embedding(self.joint(self.sensor(patches, place), SENSOR).mean(dim=1))

    def embed_video(self, batch: WindowBatch) -> Embedding:
        """Mean token of the window's middle frame, likewise."""
        frames = self._frames(batch)
        chosen = torch.full((len(frames), 1), frames.shape[2] // 2, device=frames.device)
        return Embedding(self.joint(self.video(*self._video_patches(frames, chosen)), VIDEO).mean(dim=1))

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """Reconstruction of both modalities' hidden patches, and the contrast of their visible ones."""
        settings, sensor = self.settings, self._sensor_patches(required(batch.sensor))
        place = torch.arange(sensor.shape[1], device=sensor.device).expand(len(sensor), -1)
        frames = self._frames(batch)
        patches = {SENSOR: (sensor, place), VIDEO: self._video_patches(frames, self._draw_frames(frames))}
        seen, visible, hidden, target = {}, {}, {}, {}
        for name, (values, place) in patches.items():
            batch_size, count = values.shape[:2]
            mask = draw_mask(batch_size, count, settings.masked, generator=self._draws, device=values.device)
            visible[name], hidden[name] = place.gather(1, mask.visible), place.gather(1, mask.hidden)
            # Cut before they are encoded, so that nothing of a hidden patch can reach a token.
            seen[name] = getattr(self, name)(take(values, mask.visible), visible[name])
            target[name] = take(values, mask.hidden)
        both = self.joint(torch.cat([seen[SENSOR], seen[VIDEO]], dim=1), JOINT)
        predicted = self.decoder(both, visible=visible, hidden=hidden)
        alone = {name: self.joint(tokens, name).mean(dim=1) for name, tokens in seen.items()}
        contrast = one_way_info_nce(alone[VIDEO], alone[SENSOR], settings.temperature)
        return {
            **{f"{name}_reconstruction": self._error(name, predicted, target, hidden) for name in self.grids},
            "contrastive": settings.contrast_weight * contrast,
        }

    def chance_losses(self) -> dict[str, float]:
        """Ln B by the term's weight."""
        return {"contrastive": float(self.settings.contrast_weight) * math.log(self.batch_size)}

    def training_state(self) -> dict[str, Any]:
        """State of the random generator of masks and frames."""
        return {"draws": self._draws.get_state()}

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Restoration of that generator's state."""
        self._draws.set_state(state["draws"])

    def learning_rate_factor(self, share: float) -> float:
        """A linear rise over the warm-up, then half a cosine down to 0."""
        warmup = float(self.settings.warmup)
        if share < warmup:
            return share / warmup
        return 0.5 + 0.5 * math.cos(math.pi * (share - warmup) / (1.0 - warmup)) if warmup < 1.0 else 1.0

    def _error(
        self, name: str, predicted: Mapping[str, Tensor], target: Mapping[str, Tensor], hidden: Mapping[str, Tensor]
    ) -> Tensor:
        """Reconstruction loss of a modality."""
        real = getattr(self, f"real_{name}")[hidden[name] % self.grids[name].num_patches]
        return masked_reconstruction(
            predicted[name],
            target[name],
            real,
            normalise=self.settings.normalise_patches,
            flat_variance=self._flat_variance(name),
        )

    def _flat_variance(self, name: str) -> float:
        """Largest variance of a constant patch: rounding, or the noise that augmentation adds."""
        augmentation = self.settings.augmentation
        noise = {SENSOR: augmentation.sensor.jitter, VIDEO: augmentation.video.noise / CONTRAST}[name]
        return float(max(NOISE_DEVIATIONS * noise if augmentation.enabled else 0.0, ROUNDING) ** 2)

    def _sensor_patches(self, sensor: Tensor) -> Tensor:
        return self.grids[SENSOR].cut(resample(sensor, self.settings.length)[:, None])

    def _frames(self, batch: WindowBatch) -> Tensor:
        """The candidate frames, (B, 3, F, H, W)."""
        return required(batch.frame)[:, :, None] if self.settings.frames == 1 else required(batch.frames)

    def _draw_frames(self, frames: Tensor) -> Tensor:
        """Different random frames of each window, (B, k)."""
        order = torch.rand(len(frames), frames.shape[2], generator=self._draws).argsort(dim=1)
        return order[:, : self.settings.frames].to(frames.device)

    def _video_patches(self, frames: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, k N, P) of the `chosen` (B, k) frames, and their places (B, k N)."""
        window = torch.arange(len(frames), device=frames.device)[:, None]
        pictures = (frames[window, :, chosen] - GREY) / CONTRAST
        grid = self.grids[VIDEO]
        patches = grid.cut(pictures.flatten(0, 1)).view(len(frames), -1, grid.patch_size)
        # A lone frame has no place in time, as in the official code; of several frames each has its own.
        first = chosen * grid.num_patches if self.settings.frames > 1 else torch.zeros_like(chosen)
        place = first[:, :, None] + torch.arange(grid.num_patches, device=frames.device)
        return patches, place.flatten(1)

    def _positions(self, width: int) -> dict[str, Tensor]:
        """Position tables of both modalities, (places, width)."""
        table = {name: position_table(grid.shape, width) for name, grid in self.grids.items()}
        if self.settings.frames > 1:
            time = position_table([self.shape.frames], width)
            table[VIDEO] = (time[:, None] + table[VIDEO]).flatten(0, 1)
        return table
