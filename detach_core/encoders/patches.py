"""Masked autoencoding of patches: spectrograms, grids, positions, masks, encoders and the decoder (CAV-MAE)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention


class LogSpectrogram(nn.Module):
    """Log spectrogram of every channel, at mean 0 and deviation 1 over its bands: (B, C, L) -> (B, C, bands, frames).

    Source: EVI-MAE (src/dataloader.py, _imu2fbank): a window's mean is taken out; Hann's window; logarithm of the
    power; all bands but the highest.

    Note (differs from the official code): the logarithm is of 1 + power / floor, since below the power of a channel at
    rest there is nothing but noise, and that of a switch at rest is 0; the lowest band keeps the sign of its real
    number, since opening and closing differ by it; each band has a mean and each channel a deviation of its own, not
    the whole data set.
    """

    window: Tensor
    floor: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, *, channels: int, length: int, samples: int, hop: int) -> None:
        """Args: channels, length: of a window; samples: of a transform; hop: samples from one transform to the next.

        Raises:
            ValueError: transforms of fewer than two samples, longer than a window, or further apart than they are long.
        """
        super().__init__()
        if not (2 <= samples <= length and 1 <= hop <= samples):
            raise ValueError(
                f"expected transforms of 2 to {length} samples, at most as far apart, got {samples} and hop {hop}"
            )
        self.bands, self.frames, self.hop = samples // 2, length // hop, hop
        shape = (channels, self.bands, 1)
        self.register_buffer("window", torch.hann_window(samples), persistent=False)
        self.register_buffer("floor", torch.ones(shape))
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("deviation", torch.ones(channels, 1, 1))

    @torch.no_grad()
    def fit(self, sensor: Tensor, *, noise: float) -> None:
        """Floor, mean and deviation from windows (N, C, L).

        A channel's floor is the mean power of the half of the windows in which it has least, and that of white noise of
        deviation `noise`, above 0.
        """
        parts = torch.split(sensor, FITTED_AT_ONCE)
        # In one order in memory, by which the last bits of the mean differ.
        power = torch.cat([self._transform(part).contiguous().abs().square().mean(dim=-1) for part in parts])
        total = power.sum(dim=2, keepdim=True)
        quiet = total <= total.median(dim=0).values
        floor = FLOOR * ((power * quiet).sum(dim=0) / quiet.sum(dim=0) + noise**2)
        self.floor.copy_(floor[..., None])
        level = torch.cat([self._level(self._transform(part)) for part in parts])
        variance, mean = torch.var_mean(level, dim=(0, 3), correction=0)
        deviation = variance.mean(dim=1, keepdim=True).sqrt()
        self.mean.copy_(mean[..., None])
        self.deviation.copy_(torch.where(deviation > 0, deviation, 1.0)[..., None])

    def forward(self, sensor: Tensor) -> Tensor:
        """Spectrogram (B, C, bands, frames) of windows (B, C, L)."""
        return (self._level(self._transform(sensor)) - self.mean) / self.deviation

    def _transform(self, sensor: Tensor) -> Tensor:
        """Short-time Fourier transform (B, C, bands, frames), complex; white noise keeps its variance."""
        centred = sensor - sensor.mean(dim=-1, keepdim=True)
        waves, samples = centred.flatten(0, 1), len(self.window)
        found = torch.stft(waves, samples, self.hop, window=self.window, return_complex=True)
        found = found[:, : self.bands, : self.frames] / self.window.square().sum().sqrt()
        return found.reshape(*sensor.shape[:2], self.bands, self.frames)

    def _level(self, transformed: Tensor) -> Tensor:
        """Logarithm of the power above the floor, with the lowest band's sign."""
        level = (transformed.abs().square() / self.floor).log1p()
        lowest = level[:, :, :1] * transformed.real[:, :, :1].sign()
        return torch.cat([lowest, level[:, :, 1:]], dim=2)


# Powers of noise in the floor: four are seldom exceeded by noise alone, whose power in a band is exponential.
FLOOR = 4.0


# Windows transformed at once where all are looked at. Their levels lie in memory together, in half the space of their
# transforms, whose temporaries would take several times that.
FITTED_AT_ONCE = 256


@dataclass(frozen=True)
class PatchGrid:
    """Grid of patches (patch_height, patch_width) of pictures (B, colours, height, width).

    Raises:
        ValueError: for a size below 1.
    """

    colours: int
    height: int
    width: int
    patch_height: int
    patch_width: int

    def __post_init__(self) -> None:
        """Refuse a grid without patches."""
        if min(self.colours, self.height, self.width, self.patch_height, self.patch_width) < 1:
            raise ValueError(f"all sizes of a grid must be at least 1, got {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return -(-self.height // self.patch_height), -(-self.width // self.patch_width)

    @property
    def num_patches(self) -> int:
        """Patches of a picture."""
        return self.shape[0] * self.shape[1]

    @property
    def patch_size(self) -> int:
        """Number of values in a patch."""
        return self.colours * self.patch_height * self.patch_width

    def cut(self, pictures: Tensor) -> Tensor:
        """Patches (B, num_patches, patch_size), row by row of the grid; each is colour by colour, line by line.

        Raises:
            ValueError: for pictures of another size.
        """
        if pictures.ndim != 4 or pictures.shape[1:] != (self.colours, self.height, self.width):
            expected = f"(B, {self.colours}, {self.height}, {self.width})"
            raise ValueError(f"expected pictures {expected}, got {tuple(pictures.shape)}")
        rows, columns = self.shape
        below, right = rows * self.patch_height - self.height, columns * self.patch_width - self.width
        whole = pad(pictures, (0, right, 0, below)) if below or right else pictures
        cells = whole.reshape(len(pictures), self.colours, rows, self.patch_height, columns, self.patch_width)
        return cells.permute(0, 2, 4, 1, 3, 5).reshape(len(pictures), self.num_patches, self.patch_size)

    def real(self) -> Tensor:
        """Mask of values that belong to the picture and not to the padding: (num_patches, patch_size)."""
        return self.cut(torch.ones(1, self.colours, self.height, self.width))[0] > 0


LONGEST = 10_000.0


def position_table(grid: Sequence[int], width: int) -> Tensor:
    """Position of each cell of `grid`, (cells, width) float32, the last axis of the grid running fastest.

    Each axis has an equal part of the columns: sines, then cosines, of wavelengths from 2 pi to nearly 10000 * 2 pi
    cells.

    Args:
        grid: cells along each axis, e.g. (rows, columns).
        width: columns, a multiple of twice the number of axes.

    Raises:
        ValueError: for an empty grid or a width that cannot be shared out.
    """
    if not grid or min(grid) < 1:
        raise ValueError(f"a grid needs at least one cell along each axis, got {tuple(grid)}")
    if width < 1 or width % (2 * len(grid)):
        raise ValueError(f"width must be a multiple of {2 * len(grid)} for {len(grid)} axes, got {width}")
    half = width // len(grid) // 2
    rate = LONGEST ** -(torch.arange(half, dtype=torch.float64) / half)
    axes = torch.meshgrid(*(torch.arange(cells, dtype=torch.float64) for cells in grid), indexing="ij")
    angles = [place.reshape(-1, 1) * rate for place in axes]
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1).float()


@dataclass(frozen=True)
class PatchMask:
    """Indices of each window's patches in random order: `visible` (B, V) and `hidden` (B, N - V), int64."""

    visible: Tensor
    hidden: Tensor


def num_visible(num_patches: int, masked: float) -> int:
    """Number of `num_patches` that stay visible when the share `masked` is hidden: rounded down, at least one.

    Raises:
        ValueError: for no patches or a share outside [0, 1).
    """
    if num_patches < 1 or not 0.0 <= masked < 1.0:
        raise ValueError(f"masked must be within [0, 1) of at least one patch, got {masked} of {num_patches}")
    # 10 * (1 - 0.9) is a little less than 1 in floating point.
    return max(1, int(num_patches * (1.0 - masked) + 1e-6))


def draw_mask(
    batch: int, num_patches: int, masked: float, *, generator: torch.Generator, device: torch.device
) -> PatchMask:
    """A mask for each of `batch` windows, drawn from a CPU generator, on `device`.

    Raises:
        ValueError: as `num_visible`.
    """
    count = num_visible(num_patches, masked)
    order = torch.rand(batch, num_patches, generator=generator).argsort(dim=1).to(device)
    return PatchMask(order[:, :count], order[:, count:])


def take(tokens: Tensor, index: Tensor) -> Tensor:
    """Rows `index` (B, K) of each window's `tokens` (B, N, D): (B, K, D)."""
    return tokens.gather(1, index[:, :, None].expand(-1, -1, tokens.shape[2]))


FEED_FORWARD = 4


# Deviation of learned tokens at the start.
TOKEN_SCALE = 0.02


class TransformerLayer(nn.Module):
    """Attention and a feed-forward network, each after a LayerNorm that is separate for every kind of input."""

    def __init__(self, *, width: int, heads: int, kinds: Sequence[str]) -> None:
        """Args: width: of a token; heads: of the attention; kinds: names of the sets of LayerNorms.

        Raises:
            ValueError: where the heads do not divide the width.
        """
        super().__init__()
        if width % heads:
            raise ValueError(f"heads must divide the width of a token, got {heads} heads and width {width}")
        self.heads = heads
        self.attention_norm = nn.ModuleDict({kind: nn.LayerNorm(width) for kind in kinds})
        self.feed_forward_norm = nn.ModuleDict({kind: nn.LayerNorm(width) for kind in kinds})
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, FEED_FORWARD * width), nn.GELU(), nn.Linear(FEED_FORWARD * width, width)
        )
        self.apply(_initialise)

    def forward(self, tokens: Tensor, kind: str, *, last: int | None = None) -> Tensor:
        """Tokens (B, N, width) of a `kind` after the layer; with `last` only so many from the end, (B, last, width)."""
        batch, count, width = tokens.shape
        parts = self.query_key_value(self.attention_norm[kind](tokens))
        query, key, value = parts.view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if last is not None:
            query, tokens = query[:, :, count - last :], tokens[:, count - last :]
        attended = scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, -1, width)
        tokens = tokens + self.projection(attended)
        after: Tensor = tokens + self.feed_forward(self.feed_forward_norm[kind](tokens))
        return after


class PatchEncoder(nn.Module):
    """The layers of one modality alone: patches, their positions and a token of the modality -> (B, K, width)."""

    position: Tensor

    def __init__(self, *, patch_size: int, position: Tensor, heads: int, layers: int) -> None:
        """Args: patch_size: numbers in a patch; position: (N, width) of all places; heads, layers: of the Transformer.

        Raises:
            ValueError: where the heads do not divide the width.
        """
        super().__init__()
        width = position.shape[1]
        # Rebuilt from the size of the windows and never learned, so it is no part of a checkpoint.
        self.register_buffer("position", position, persistent=False)
        self.patch = nn.Linear(patch_size, width)
        self.modality = nn.Parameter(TOKEN_SCALE * torch.randn(width))
        self.layers = nn.ModuleList(TransformerLayer(width=width, heads=heads, kinds=["own"]) for _ in range(layers))
        _initialise(self.patch)

    def forward(self, patches: Tensor, place: Tensor) -> Tensor:
        """Tokens (B, K, width) of patches (B, K, patch_size) at rows `place` (B, K) or (K,) of the position table."""
        tokens: Tensor = self.patch(patches) + self.position[place] + self.modality
        for layer in self.layers:
            tokens = layer(tokens, "own")
        return tokens


class JointEncoder(nn.Module):
    """Layers for tokens of any modality, alone or together, with separate LayerNorms for each kind of input."""

    def __init__(self, *, width: int, heads: int, layers: int, kinds: Sequence[str]) -> None:
        """Args: width: of a token; heads, layers: of the Transformer; kinds: names of the sets of LayerNorms.

        Raises:
            ValueError: where the heads do not divide the width.
        """
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(width=width, heads=heads, kinds=kinds) for _ in range(layers))
        self.norm = nn.ModuleDict({kind: nn.LayerNorm(width) for kind in kinds})

    def forward(self, tokens: Tensor, kind: str) -> Tensor:
        """Tokens (B, N, width) after all layers and the last norm of their kind."""
        for layer in self.layers:
            tokens = layer(tokens, kind)
        normed: Tensor = self.norm[kind](tokens)
        return normed


def _initialise(module: nn.Module) -> None:
    """Initialisation of masked autoencoders: uniform weights by fan-in and fan-out, zero bias."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class PatchDecoder(nn.Module):
    """A small Transformer over the encoded visible tokens and a learned token at each hidden position.

    Note (differs from the official code): tokens are not put back into the order of the picture. Their places are in
    their positions, and nothing else in a Transformer depends on the order. The last layer asks for hidden places only,
    because the loss looks at no others.
    """

    def __init__(
        self,
        *,
        encoder_width: int,
        heads: int,
        layers: int,
        positions: Mapping[str, Tensor],
        patch_sizes: Mapping[str, int],
    ) -> None:
        """Args: encoder_width: of the encoded tokens; heads, layers: of the decoder.

        positions: (N, width) of each modality's places; patch_sizes: numbers in a patch of each modality.

        Raises:
            ValueError: where the heads do not divide the width.
        """
        super().__init__()
        width = next(iter(positions.values())).shape[1]
        self.modalities = tuple(positions)
        for name, position in positions.items():
            self.register_buffer(f"position_{name}", position, persistent=False)
        self.narrow = nn.Linear(encoder_width, width)
        self.hidden = nn.Parameter(TOKEN_SCALE * torch.randn(width))
        self.modality = nn.ParameterDict(
            {name: nn.Parameter(TOKEN_SCALE * torch.randn(width)) for name in self.modalities}
        )
        self.layers = nn.ModuleList(TransformerLayer(width=width, heads=heads, kinds=["all"]) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.patch = nn.ModuleDict({name: nn.Linear(width, patch_sizes[name]) for name in self.modalities})

    def forward(
        self, tokens: Tensor, *, visible: Mapping[str, Tensor], hidden: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Predicted patches (B, M, patch_size) at each modality's hidden places.

        Args:
            tokens: (B, V, encoder_width), the modalities one after another as in `positions`.
            visible: (B, V of the modality) places of `tokens`.
            hidden: (B, M of the modality) places to predict.
        """
        known = self.narrow(tokens) + self._places(visible)
        asked = self.hidden + self._places(hidden)
        count = asked.shape[1]
        mixed = torch.cat([known, asked], dim=1)
        for layer in self.layers[:-1]:
            mixed = layer(mixed, "all")
        found = self.norm(self.layers[-1](mixed, "all", last=count))
        split = found.split([hidden[name].shape[1] for name in self.modalities], dim=1)
        return {name: self.patch[name](part) for name, part in zip(self.modalities, split, strict=True)}

    def _places(self, places: Mapping[str, Tensor]) -> Tensor:
        parts = [getattr(self, f"position_{name}")[places[name]] + self.modality[name] for name in self.modalities]
        return torch.cat(parts, dim=1)
