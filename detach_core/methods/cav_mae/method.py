"""CAV-MAE, as a substitute for EVI-MAE: a masked autoencoder of both modalities with a contrast between them.

Source: Gong et al., Contrastive Audio-Visual Masked Autoencoder; official code src/models/cav_mae.py. Log spectrograms
of the sensors take the place of the sound's, as in EVI-MAE (src/dataloader.py, src/models/evi_mae.py): the channels are
the colours of one picture of bands x time, as a limb's three axes are there.

Note (differs from the official codes): networks and positions are built for the windows at hand and start from scratch,
without ImageNet's weights; the optimiser is that of all methods here, with a warm-up and a cosine instead of steps;
patches of the spectrogram are not normalised one by one, since the level tells a movement from rest; no body graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from detach_core.encoders.patches import (
    JointEncoder,
    LogSpectrogram,
    PatchDecoder,
    PatchEncoder,
    PatchGrid,
    draw_mask,
    position_table,
    take,
)
from detach_core.encoders.sensor_baselines import resample
from detach_core.foundation.errors import UserError
from detach_core.losses import one_way_info_nce
from detach_core.methods.batch import (
    FRAME,
    FRAMES,
    SENSOR,
    InputShape,
    WindowBatch,
    WindowsAccess,
    all_sensors,
    refuse_weights,
    required,
)
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
    wanted, weight = _wanted(prediction, target, real, normalise=normalise, flat_variance=flat_variance)
    error = ((prediction - wanted).square() * weight).sum(dim=-1)
    return error.sum() / (weight.sum(dim=-1) > 0).sum().clamp(min=1)


def explained_variance(
    prediction: Tensor, target: Tensor, real: Tensor, *, normalise: bool, flat_variance: float
) -> float | None:
    """Share of the targets' variance that predictions explain: 1 - squared error / squared distance from the mean.

    It is at most 1, and 0 for a prediction of the mean alone; None where no target varies. Patches and numbers count as
    in `masked_reconstruction`, whose arguments and errors these are.
    """
    wanted, weight = _wanted(prediction, target, real, normalise=normalise, flat_variance=flat_variance)
    mean = (wanted * weight).sum() / weight.sum().clamp(min=EPS)
    variance = ((wanted - mean).square() * weight).sum()
    error = ((prediction - wanted).square() * weight).sum()
    return 1.0 - float(error / variance) if float(variance) > 0 else None


def _wanted(
    prediction: Tensor, target: Tensor, real: Tensor, *, normalise: bool, flat_variance: float
) -> tuple[Tensor, Tensor]:
    """Targets (..., P), and the weight of each number in its patch's mean; 0 of what does not count."""
    if prediction.shape != target.shape or real.shape != target.shape or real.dtype != torch.bool or not target.ndim:
        raise ValueError(
            "expected predictions, targets and a boolean mask of one shape (..., P), got "
            f"{tuple(prediction.shape)}, {tuple(target.shape)} and {tuple(real.shape)} {real.dtype}"
        )
    if not flat_variance >= 0:
        raise ValueError(f"flat_variance must be at least 0, got {flat_variance}")
    number = real.sum(dim=-1, keepdim=True)
    wanted, counted = target.detach(), number > 0
    if normalise:
        mean = (wanted * real).sum(dim=-1, keepdim=True) / number.clamp(min=1)
        centred = (wanted - mean) * real
        variance = centred.square().sum(dim=-1, keepdim=True) / (number - 1).clamp(min=1)
        wanted, counted = centred * (variance + EPS).rsqrt(), counted & (variance > flat_variance)
    return wanted, (real & counted).to(target.dtype) / number.clamp(min=1)


JOINT, VIDEO = "joint", "video"


# Brings pixels to about mean 0 and deviation 1.
GREY, CONTRAST = 0.5, 0.25


# A frame's patch whose deviation is below so many of the augmentation's noise holds nothing else; where there is no
# augmentation, one whose deviation is below `ROUNDING`.
NOISE_DEVIATIONS = 2.0

ROUNDING = 1e-3


# Windows on which the reconstruction is monitored, the same with the same masks after each epoch.
MONITORED = 64

MONITOR_SEED = 0


class CavMae(Method[CavMaeSettings]):
    """Separate layers of each modality, a joint layer over both, and a decoder of the hidden patches."""

    settings_type = CavMaeSettings
    probed = "sensor: mean token of the joint layer"
    video_init = "scratch"

    def __init__(self, settings: CavMaeSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        refuse_weights(settings.video, "CAV-MAE")
        _refuse_frames(settings, shape)
        # A lone random frame is cut from the stream as such; of several, all are decoded and some taken.
        self.modalities = frozenset({SENSOR, FRAME if settings.frames == 1 else FRAMES})
        self.spectrogram = self._spectrogram(settings, shape)
        self.grids = self._grids()
        self._build_networks()
        for name, grid in self.grids.items():
            self.register_buffer(f"real_{name}", grid.real(), persistent=False)
        self._normalised = {SENSOR: settings.normalise_sensor_patches, VIDEO: settings.normalise_patches}
        noise = settings.augmentation.video.noise / CONTRAST if settings.augmentation.enabled else 0.0
        self._flat_variance = {SENSOR: ROUNDING**2, VIDEO: max(NOISE_DEVIATIONS * noise, ROUNDING) ** 2}
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
        """The same of the window's middle frame."""
        return Embedding(self.joint(self.video(*self._middle_frame(batch)), VIDEO).mean(dim=1))

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """Reconstruction of both modalities' hidden patches, and the contrast of what is seen of them."""
        settings, frames = self.settings, self._frames(batch)
        tokens, hidden = self._hide(batch, self._video_patches(frames, self._draw_frames(frames)), self._draws)
        alone = {name: self.joint(seen, name).mean(dim=1) for name, seen in tokens.items()}
        contrast = one_way_info_nce(alone[VIDEO], alone[SENSOR], settings.temperature)
        return {
            **{f"{name}_reconstruction": masked_reconstruction(**patches) for name, patches in hidden.items()},
            "contrastive": settings.contrast_weight * contrast,
        }

    def chance_losses(self) -> dict[str, float]:
        """Ln B by the term's weight."""
        return {"contrastive": float(self.settings.contrast_weight) * math.log(self.batch_size)}

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Noise and levels of each channel, which the spectrogram is relative to."""
        del num_steps
        augmentation = self.settings.augmentation
        jitter = augmentation.sensor.jitter if augmentation.enabled else 0.0
        self.spectrogram.fit(resample(all_sensors(windows), self.settings.length), noise=max(jitter, ROUNDING))
        self._windows = windows
        return {}

    @torch.no_grad()
    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Share of the variance of hidden patches that is reconstructed, in windows that are not trained on."""
        del epoch
        if not self._windows.num_windows("monitor"):
            return {}
        draws = torch.Generator().manual_seed(MONITOR_SEED)
        found: dict[str, Any] = {}
        for batch in self._windows.batches("monitor", modalities=self.modalities, limit=MONITORED):
            hidden = self._hide(batch, self._middle_frame(batch), draws)[1]
            found = {name: explained_variance(**patches) for name, patches in hidden.items()}
        return {"explained_variance": found.get(SENSOR), "explained_variance_video": found.get(VIDEO)}

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

    def _hide(
        self, batch: WindowBatch, video: tuple[Tensor, Tensor], draws: torch.Generator
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tokens of each modality's visible patches, and the arguments of `masked_reconstruction` for the hidden."""
        sensor = self._sensor_patches(required(batch.sensor))
        everywhere = torch.arange(sensor.shape[1], device=sensor.device).expand(len(sensor), -1)
        tokens, visible, hidden, target = {}, {}, {}, {}
        for name, (values, place) in {SENSOR: (sensor, everywhere), VIDEO: video}.items():
            batch_size, count = values.shape[:2]
            mask = draw_mask(batch_size, count, self.settings.masked, generator=draws, device=values.device)
            visible[name], hidden[name] = place.gather(1, mask.visible), place.gather(1, mask.hidden)
            # Cut before they are encoded, so that nothing of a hidden patch can reach a token.
            tokens[name] = getattr(self, name)(take(values, mask.visible), visible[name])
            target[name] = take(values, mask.hidden)
        both = self.joint(torch.cat([tokens[SENSOR], tokens[VIDEO]], dim=1), JOINT)
        predicted = self.decoder(both, visible=visible, hidden=hidden)
        return tokens, {
            name: {
                "prediction": predicted[name],
                "target": target[name],
                "real": getattr(self, f"real_{name}")[hidden[name] % grid.num_patches],
                "normalise": self._normalised[name],
                "flat_variance": self._flat_variance[name],
            }
            for name, grid in self.grids.items()
        }

    def _sensor_patches(self, sensor: Tensor) -> Tensor:
        return self.grids[SENSOR].cut(self.spectrogram(resample(sensor, self.settings.length)))

    def _frames(self, batch: WindowBatch) -> Tensor:
        """The candidate frames, (B, 3, F, H, W)."""
        return required(batch.frame)[:, :, None] if self.settings.frames == 1 else required(batch.frames)

    def _middle_frame(self, batch: WindowBatch) -> tuple[Tensor, Tensor]:
        """Patches of the window's middle frame and their places, as `_video_patches`."""
        frames = self._frames(batch)
        chosen = torch.full((len(frames), 1), frames.shape[2] // 2, device=frames.device)
        return self._video_patches(frames, chosen)

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

    def _grids(self) -> dict[str, PatchGrid]:
        """Patches of the spectrogram and of a frame."""
        settings, shape, picture = self.settings, self.shape, self.spectrogram
        side = settings.patch_px
        return {
            SENSOR: PatchGrid(
                shape.channels, picture.bands, picture.frames, settings.patch_bands, settings.patch_frames
            ),
            VIDEO: PatchGrid(3, shape.height, shape.width, side, side),
        }

    def _build_networks(self) -> None:
        """Creation of the networks, in an order on which their initial weights depend."""
        settings, places = self.settings, self._positions(self.settings.width)
        size = {name: grid.patch_size for name, grid in self.grids.items()}
        stack = {"heads": settings.heads, "layers": settings.separate_layers}
        self.sensor = PatchEncoder(patch_size=size[SENSOR], position=places[SENSOR], **stack)
        self.video = PatchEncoder(patch_size=size[VIDEO], position=places[VIDEO], **stack)
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
            patch_sizes=size,
        )
        self.row_networks = [self.sensor, self.video, self.joint, self.decoder]

    @staticmethod
    def _spectrogram(settings: CavMaeSettings, shape: InputShape) -> LogSpectrogram:
        samples, hop = settings.transform_samples, settings.hop_samples
        return LogSpectrogram(channels=shape.channels, length=settings.length, samples=samples, hop=hop)

    def _positions(self, width: int) -> dict[str, Tensor]:
        """Position tables of both modalities, (places, width)."""
        table = {name: position_table(grid.shape, width) for name, grid in self.grids.items()}
        if self.settings.frames > 1:
            time = position_table([self.shape.frames], width)
            table[VIDEO] = (time[:, None] + table[VIDEO]).flatten(0, 1)
        return table


def _refuse_frames(settings: CavMaeSettings, shape: InputShape) -> None:
    """Check that a window has the frames of a step.

    Raises:
        UserError: it has fewer.
    """
    seen = len(range(0, shape.frames, settings.input.frames_every))
    if settings.frames > seen:
        raise UserError(
            f"frames: found {settings.frames}, expected at most the {seen} frames that CAV-MAE reads of a window; lower"
            " `frames` or `input.frames_every`"
        )
