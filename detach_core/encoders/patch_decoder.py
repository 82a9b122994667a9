"""From the visible tokens of several modalities to the patches that were hidden (CAV-MAE)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from detach_core.encoders.patch_transformer import TOKEN_SCALE, TransformerLayer


class PatchDecoder(nn.Module):
    """A small Transformer over the encoded visible tokens and a learned token at each hidden place.

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
