"""Recogniser of activities from sensors alone: of whole recordings, and of samples as they come.

Both are one computation, window by window, so that a stream in any pieces is named as the whole recording is, to the
last bit. Neither PyTorch nor anything of the video is loaded. A window begins at each whole multiple of the stride on
the clock of the samples, as in the workflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recognizer import GRAPH, RULE, SCHEMA, Description, Resampling, read_description
from detach_core.contracts.recording import Recording
from detach_core.contracts.rows import Rows
from detach_core.foundation.errors import ContractError, UserError
from detach_core.recognition.channels import map_channels
from detach_core.recognition.stream import Event, RecognizerStream
from detach_core.signals.resampling import EvenTicks

if TYPE_CHECKING:
    import pandas as pd

_SAMPLES_AT_ONCE = 1 << 14


class Recognizer:
    """A recogniser in memory.

    Attributes:
        description: content of `recognizer.json`.
        smoothing: whether the label of a window regards those before it.
    """

    def __init__(self, description: Description, graph: Path | str, *, smoothing: bool = False) -> None:
        """Args: graph: `recognizer.onnx`.

        Raises:
            ContractError: the graph is no ONNX file, or of another recogniser.
        """
        self.description, self.smoothing = description, smoothing
        self._session = _open_graph(Path(graph), description)
        self.threshold = description.thresholds["smoothed" if smoothing else "window"]

    @classmethod
    def load(cls, path: Path | str, *, smoothing: bool = False) -> Recognizer:
        """The recogniser in a folder `{dataset}/{split}/{variant}/seed{n}/recognizer`, or in that folder's parent.

        Raises:
            ContractError: a file is missing or not what its contract says.
        """
        inner = Path(path) / "recognizer"
        folder = inner if inner.is_dir() else Path(path)
        return cls(read_description(folder), folder / GRAPH, smoothing=smoothing)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """(C,) in the order of the weights."""
        return tuple(channel.name for channel in self.description.channels)

    @property
    def class_names(self) -> tuple[str, ...]:
        """(K,) the columns of `probabilities`."""
        return tuple(one.name for one in self.description.classes)

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, K) of windows (N, C, L) in native units without NaN, each by itself."""
        found = [self._session.run(None, {"sensor": window[None]})[0][0] for window in windows]
        return np.array(found, dtype=np.float64).reshape(len(found), len(self.description.classes))

    def stream(
        self,
        channel_names: Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
        *,
        resampling: Resampling | None = None,
    ) -> RecognizerStream:
        """A new stream of samples, the recogniser's own channels if no names are given.

        Args:
            channel_names: of the samples' columns, in any order; a name may end in its unit, as in `Wrist x [g]`.
            units: channel -> unit, where the names do not say them; a channel without any is in the recogniser's.
            resampling: `previous` for samples that are taken at changes only; None: as in training.

        Raises:
            UserError: a channel is missing, or a unit cannot be converted.
        """
        names = self.channel_names if channel_names is None else channel_names
        mapped = map_channels(self.description.channels, names, units)
        return RecognizerStream(self, mapped, len(names), resampling or self.description.resampling)

    def events(
        self,
        sensor: Recording | Rows,
        time_s: Rows | None = None,
        *,
        rate_hz: float | None = None,
        channel_names: Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """The events of `predict`, one by one, with memory for a few thousand samples."""
        if isinstance(sensor, Recording):
            given = dict(zip(sensor.channel_names, sensor.channel_units, strict=True))
            yield from self.events(
                sensor.sensor, sensor.time_s, channel_names=sensor.channel_names, units={**given, **(units or {})}
            )
            return
        stream = self.stream(channel_names, units)
        if time_s is None:
            rate_hz = self.description.rate_hz if rate_hz is None else rate_hz
            if not (np.isfinite(rate_hz) and rate_hz > 0):
                raise UserError(f"rate_hz: found {rate_hz}, expected a finite number above 0; give it in Hz")
            time_s = EvenTicks(0.0, len(sensor), rate_hz)
        if len(time_s) != len(sensor):
            raise UserError(
                f"time_s: found {len(time_s)} times for {len(sensor)} samples, expected one for each; give both alike"
            )
        for first in range(0, len(sensor), _SAMPLES_AT_ONCE):
            end = first + _SAMPLES_AT_ONCE
            yield from stream.push(np.asarray(sensor[first:end]), np.asarray(time_s[first:end]))
        yield from stream.finish()

    def predict(
        self,
        sensor: Recording | Rows,
        time_s: Rows | None = None,
        *,
        rate_hz: float | None = None,
        channel_names: Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Table of the windows of a recording: start, end (s), label, place, action, probability, known.

        Args:
            sensor: (T, C) samples, NaN for lost ones, or a recording, which says its own times, channels and units.
            time_s: (T,) when each was taken, not decreasing; even ticks from 0 on if None.
            rate_hz: of the even ticks; the recogniser's if None.
            channel_names: see `stream`.
            units: see `stream`.

        Raises:
            UserError: channels, units, shapes, times or rate do not fit.
        """
        given: dict[str, Any] = {"rate_hz": rate_hz, "channel_names": channel_names, "units": units}
        return table_of(self.events(sensor, time_s, **given))


def _open_graph(path: Path, description: Description) -> Any:
    """The graph as a session on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    remedy = f"run the rule {RULE} again"
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class but this
        found = str(error).partition("\n")[0][:200] if path.exists() else "nothing"
        raise ContractError(path, "file", expected="an ONNX file", found=found, remedy=remedy) from None
    said = session.get_modelmeta().custom_metadata_map
    for name, expected in (("schema", SCHEMA), ("artifact_id", description.provenance.artifact_id)):
        if said.get(name) != expected:
            raise ContractError(path, name, expected=expected, found=str(said.get(name))[:80], remedy=remedy)
    return session


def table_of(events: Iterator[Event] | Sequence[Event]) -> pd.DataFrame:
    """The events as a table."""
    import pandas as pd

    columns: dict[str, list[Any]] = {
        name: [] for name in ("start", "end", "label", "place", "action", "probability", "known")
    }
    for event in events:
        for values, value in zip(columns.values(), vars(event).values(), strict=True):
            values.append(value)
    kinds = {"start": "float64", "end": "float64", "probability": "float64", "known": "bool"}
    return pd.DataFrame(columns).astype({name: kinds.get(name, "str") for name in columns})
