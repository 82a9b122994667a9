"""The network of a recogniser: from native sensor windows to probabilities, in PyTorch and as an ONNX graph.

Which tensors the sensors need is read from the traced graph, so that it holds for any method, own ones too: whatever
the graph does not use, the video's networks first of all, stays behind.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.contracts.checkpoint import Checkpoint, header_value, read_tensors, write_tensors
from detach_core.contracts.provenance import Provenance
from detach_core.contracts.recognizer import GRAPH, RULE, SCHEMA, WEIGHTS, read_description
from detach_core.evaluation.logistic import standardise
from detach_core.evaluation.probes import Probe
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import InputShape
from detach_core.methods.method import AnyMethod
from detach_core.methods.registry import METHODS, build_method
from detach_core.settings.base import from_plain
from detach_core.training.embedding import rebuild
from detach_core.training.session import normalisation_from_dict

ENCODER, PROBE, INPUT = "encoder.", "probe.", "input."

PROBE_TENSORS = ("mean", "std", "coefficients", "intercept")

_LOGGERS = ("onnxscript", "onnx_ir", "torch.onnx", "torch.export")


def normal_form(sensor: Tensor, mean: Tensor, std: Tensor, form: str) -> Tensor:
    """Windows (N, C, L) in native units in the normal form of `signals.normalization.apply_form`, float32.

    Args:
        sensor: float32, finite.
        mean: (C,) float64 of the pretraining windows.
        std: (C,) float64, 0 for a constant channel, which becomes 0.
        form: `centred` or `z`.
    """
    values = sensor.double()
    if form == "centred":
        length = values.shape[2]
        ordered = torch.sort(values, dim=2).values
        # The median of an even number of values is the mean of the middle two.
        rest = (ordered[..., (length - 1) // 2] + ordered[..., length // 2]) / 2
        deviation = values - rest[..., None]
    else:
        deviation = values - mean[:, None]
    active = (std > 0.0)[:, None]
    return torch.where(active, deviation / torch.where(active, std[:, None], 1.0), 0.0).float()


class RecognizerNetwork(nn.Module):
    """(1, C, L) float32 in native units -> probabilities (1, K) float64.

    A single window each: what one is named then depends on no other, to the last bit.
    """

    mean: Tensor
    std: Tensor
    temperature: Tensor

    def __init__(
        self,
        encoder: AnyMethod,
        statistics: tuple[Tensor, Tensor],
        probe: Mapping[str, Tensor],
        *,
        feature: str,
        temperature: float,
    ) -> None:
        """Args: statistics: mean and std (C,) of the channels; probe: its tensors; feature: what it reads."""
        super().__init__()
        self.encoder, self.form, self.part = encoder, encoder.settings.input.form, part_of(feature)
        self.register_buffer("mean", statistics[0].double())
        self.register_buffer("std", statistics[1].double())
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float64))
        for name in PROBE_TENSORS:
            self.register_buffer(f"probe_{name}", probe[name].double())

    def feature(self, sensor: Tensor) -> Tensor:
        """The feature (N, D) that the probe reads."""
        found: Tensor = getattr(
            self.encoder.embed_sensor(normal_form(sensor, self.mean, self.std, self.form)), self.part
        )
        return found

    def forward(self, sensor: Tensor) -> Tensor:
        """Probabilities of the classes."""
        probe: dict[str, Any] = {name: getattr(self, f"probe_{name}") for name in PROBE_TENSORS}
        values = standardise(self.feature(sensor).double(), probe["mean"], probe["std"])
        logits = values @ probe["coefficients"] + probe["intercept"]
        return torch.softmax(logits / self.temperature, dim=-1)


def part_of(feature: str) -> str:
    """The attribute of an embedding with a feature's name in `embeddings.h5`."""
    return {"sensor": "whole"}.get(feature, feature.removeprefix("sensor_"))


def recognizer_network(checkpoint: Checkpoint, probe: Probe, *, feature: str, temperature: float) -> RecognizerNetwork:
    """The network of a checkpoint's sensor encoder and a classifier of its `feature`."""
    normalisation = normalisation_from_dict(checkpoint.normalisation)
    statistics = torch.from_numpy(normalisation.mean), torch.from_numpy(normalisation.std)
    tensors = {name: getattr(probe, name) for name in PROBE_TENSORS}
    network = RecognizerNetwork(rebuild(checkpoint), statistics, tensors, feature=feature, temperature=temperature)
    return network.requires_grad_(False).eval()


@dataclass(frozen=True)
class Traced:
    """A network as a graph on one window, and the encoder's tensors that it uses, by their names in the method."""

    program: torch.export.ExportedProgram
    encoder_names: tuple[str, ...]


@torch.no_grad()
def trace(network: RecognizerNetwork) -> Traced:
    """The graph of the network, in operations that ONNX has."""
    shape = network.encoder.shape
    window = torch.zeros(1, shape.channels, shape.length)
    with _quiet(), _plain_attention():
        program = torch.export.export(network, (window,), strict=False).run_decompositions(_decompositions())
    return Traced(program, _used_tensors(program))


def _used_tensors(program: torch.export.ExportedProgram) -> tuple[str, ...]:
    """Names of the encoder's parameters and buffers that something in the graph reads."""
    signature = program.graph_signature
    places = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    used = {places[node.name] for node in program.graph.nodes if node.name in places and node.users}
    kept = program.state_dict.keys()
    return tuple(sorted(name.removeprefix(ENCODER) for name in used & kept if name.startswith(ENCODER)))


def _decompositions() -> Any:
    """Torch's own, and two that its ONNX exporter lacks for the shapes and operations here."""
    table = torch.export.default_decompositions()
    table[torch.ops.aten.scaled_dot_product_attention.default] = attention_without_mask
    table[torch.ops.aten.median.dim] = _median
    return table


def attention_without_mask(
    query: Tensor, key: Tensor, value: Tensor, *unused: Any, scale: float | None = None, **more: Any
) -> Tensor:
    """Scaled dot-product attention as matrix products.

    Raises:
        UserError: a mask, dropout or groups are asked for.
    """
    if any(one not in (None, False, 0.0) for one in (*unused, *more.values())):
        raise UserError(
            "the method's sensor encoder has attention with a mask, dropout or groups, expected plain attention; a"
            " recogniser cannot be made of it"
        )
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    return torch.softmax((query @ key.transpose(-2, -1)) * factor, dim=-1) @ value


def _median(values: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """As torch has it: of an even number of values the lower of the middle two."""
    ordered, place = torch.sort(values, dim=dim)
    middle = (values.shape[dim] - 1) // 2
    chosen, index = ordered.narrow(dim, middle, 1), place.narrow(dim, middle, 1)
    return (chosen, index) if keepdim else (chosen.squeeze(dim), index.squeeze(dim))


def write_graph(folder: Path | str, traced: Traced, *, artifact_id: str) -> None:
    """Write `recognizer.onnx`: input `sensor` (1, C, L), output `probabilities` (1, K); equal networks, equal bytes."""
    import onnx

    with _quiet():
        program = torch.onnx.export(
            traced.program, dynamo=True, verbose=False, input_names=["sensor"], output_names=["probabilities"]
        )
        if program is None:
            raise RuntimeError("torch.onnx.export gave no program")
        model = program.model_proto
    # Traces of the stack hold this machine's paths.
    for node in [*model.graph.node, *(node for function in model.functions for node in function.node)]:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.metadata_props[:], model.graph.metadata_props[:]
    onnx.helper.set_model_props(model, {"schema": SCHEMA, "artifact_id": artifact_id})
    (Path(folder) / GRAPH).write_bytes(model.SerializeToString(deterministic=True))


def write_weights(
    folder: Path | str,
    network: RecognizerNetwork,
    traced: Traced,
    checkpoint: Checkpoint,
    *,
    provenance: Provenance,
) -> None:
    """Write `recognizer.safetensors`: the encoder's used tensors, the probe's, and the statistics of the input."""
    own = {name.removeprefix("probe_"): value for name, value in network.named_buffers() if name.startswith("probe_")}
    tensors = {f"{ENCODER}{name}": checkpoint.tensors[name] for name in traced.encoder_names}
    tensors |= {f"{PROBE}{name}": own[name] for name in PROBE_TENSORS}
    tensors |= {f"{INPUT}{name}": getattr(network, name) for name in ("mean", "std")}
    header = {"schema": SCHEMA, **{name: getattr(checkpoint, name) for name in ("method", "settings", "shape")}}
    write_tensors(Path(folder) / WEIGHTS, tensors, {**header, "provenance": provenance.to_json()})


def load_network(folder: Path | str) -> RecognizerNetwork:
    """The network in the folder of a recogniser, in PyTorch.

    The method's networks are built as for any checkpoint; those that the sensors do not need keep random weights and
    are never run.

    Raises:
        ContractError: a file is not what its contract says.
    """
    path, description = Path(folder) / WEIGHTS, read_description(folder)
    fields = {"method": str, "settings": dict, "shape": dict}
    tensors, header = read_tensors(path, schema=SCHEMA, fields=(*fields, "provenance"), rule=RULE)
    name, settings, shape = (header_value(path, header, field, kind, rule=RULE) for field, kind in fields.items())
    method = build_method(name, settings=from_plain(METHODS.settings(name), settings), shape=InputShape(**shape))
    method.load_state_dict(_starting_with(tensors, ENCODER), strict=False)
    network = RecognizerNetwork(
        method,
        (tensors[f"{INPUT}mean"], tensors[f"{INPUT}std"]),
        _starting_with(tensors, PROBE),
        feature=description.feature,
        temperature=description.calibration.temperature,
    )
    return network.requires_grad_(False).eval()


def _starting_with(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Transformer layers in their single operations: the fused one has no ONNX form."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks on their own inner workings."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
