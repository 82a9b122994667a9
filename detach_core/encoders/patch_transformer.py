"""Pre-norm Transformers over patches, with layers that two modalities share but for their LayerNorms (CAV-MAE)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

FEED_FORWARD = 4
# Deviation of learned tokens at the start.
TOKEN_SCALE = 0.02


class TransformerLayer(nn.Module):
    """Attention and a feed-forward network, each behind a LayerNorm of its own for every kind of input."""

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
    """The layers of one modality alone: patches, their places and a token of the modality -> (B, K, width)."""

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
    """Layers for tokens of any modality, alone or together; each kind of input has LayerNorms of its own."""

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
    """Uniform weights by fan-in and fan-out, no bias: as masked autoencoders start."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
