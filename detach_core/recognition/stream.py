"""Stream of samples, and the events of the windows that they complete.

A window begins at each whole multiple of the stride on the clock of the samples, as in the workflow. It is cut and
named by itself, so that no event depends on the pieces in which the samples come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recognizer import Description, Resampling, Threshold
from detach_core.foundation.errors import UserError
from detach_core.recognition.channels import ChannelMap
from detach_core.recognition.smoothing import filter_step
from detach_core.signals.resampling import EvenTicks, EvenValues
from detach_core.windows.packing import fill_missing, first_rows, window_starts

UNKNOWN = "unknown"

_EARLY_S = 1e-6  # far above the rounding of seconds since 1970 in float64, far below a sample
_SLOWEST = 0.5  # times the rate of the weights: each sample is then used twice
_MOST_KEPT = 1 << 14  # samples that may wait to be dropped
_HELD_S = 86_400.0  # a state that no sensor has confirmed for a day is no longer known


@dataclass(frozen=True)
class Event:
    """A window's activity on the clock of the samples.

    Attributes:
        start_s: the window's start.
        end_s: its end, exclusive.
        label: the most probable class.
        place: where it happens, "" for a class without a place.
        action: what is done, "" for a class without an action.
        probability: calibrated, of the label.
        known: whether it lies above the threshold.
    """

    start_s: float
    end_s: float
    label: str
    place: str
    action: str
    probability: float
    known: bool

    @property
    def shown(self) -> str:
        """The label, or `unknown`."""
        return self.label if self.known else UNKNOWN


class Namer(Protocol):
    """What names windows: a recogniser."""

    description: Description
    smoothing: bool
    threshold: Threshold

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, K) of windows (N, C, L) in native units without NaN."""


class RecognizerStream:
    """Samples as they come, and the windows that they complete.

    Memory holds the samples of a window and those of one push.

    Attributes:
        channels: how given columns become the recogniser's channels.
    """

    def __init__(self, recognizer: Namer, channels: ChannelMap, width: int, resampling: Resampling) -> None:
        """Args: width: columns of the samples."""
        self.channels, self._recognizer, self._width = channels, recognizer, width
        self._form, self._resampling = recognizer.description, resampling
        self._time_s = np.empty(0)
        self._values = np.empty((0, len(recognizer.description.channels)), dtype=np.float32)
        self._origin_s = math.nan  # of the even clock: the first sample
        self._until_s = -math.inf  # before which no sample will come any more
        self._next = 0  # number of the next window: it begins at so many strides
        self._last: int | None = None  # number of the last window that was named
        self._belief: NDArray[np.float64] | None = None
        # Further from a sample nothing is known.
        self._reach_s = _HELD_S if resampling == "previous" else 1.0 / recognizer.description.rate_hz + _EARLY_S
        self._rate_is_checked = resampling == "previous"

    @property
    def until_s(self) -> float:
        """Time before which no sample may come any more."""
        return self._until_s

    def push(self, samples: NDArray[Any] | Sequence[Any], time_s: NDArray[Any] | Sequence[Any]) -> list[Event]:
        """The events of the windows that these samples complete.

        A window is complete once a sample behind its end has come, or `advance` has said that none will come in it.

        Args:
            samples: (n, given channels), NaN for lost ones.
            time_s: (n,) when each was taken, none before the last one given.

        Raises:
            UserError: shape, values or times do not fit; the samples of this push are then not taken.
        """
        times, values = self._checked(np.asarray(samples), np.asarray(time_s))
        if not len(times):
            return []
        if math.isnan(self._origin_s):
            self._begin(float(times[0]))
        self._time_s = np.concatenate([self._time_s, times])
        self._values = np.concatenate([self._values, values])
        self._until_s = float(times[-1])
        return self._complete(self._until_s)

    def advance(self, time_s: float) -> list[Event]:
        """The events of the windows that are complete if no sample from before `time_s` is to come any more.

        States that have not changed are sent by nothing, so that a live clock must say that time has passed.
        """
        if math.isnan(self._origin_s) or time_s <= self._until_s:
            return []
        self._until_s = time_s
        return self._complete(time_s)

    def finish(self) -> list[Event]:
        """The events of the windows that end with the last sample; nothing may be pushed any more."""
        if math.isnan(self._origin_s):
            return []
        count = math.floor((self._until_s - self._origin_s) * self._form.rate_hz + 1e-6) + 1
        return self._complete(self._origin_s + count / self._form.rate_hz - 2 * _EARLY_S)

    def _checked(self, samples: NDArray[Any], time_s: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        if samples.ndim != 2 or samples.shape[1] != self._width or time_s.shape != samples.shape[:1]:
            raise UserError(
                f"samples: found arrays of shape {samples.shape} and {time_s.shape}, expected (n, {self._width}) and"
                " (n,), a column a channel and a time a row; transpose or cut them"
            )
        if samples.size and not (np.issubdtype(samples.dtype, np.number) and np.isrealobj(samples)):
            raise UserError(f"samples: found values of type {samples.dtype}, expected real numbers; convert them")
        times = time_s.astype(np.float64)
        behind = np.diff(times, prepend=self._until_s) < 0
        if not np.isfinite(times).all() or behind.any():
            row = int(np.flatnonzero(behind | ~np.isfinite(times))[0])
            raise UserError(
                f"time_s[{row}]: found {times[row]} behind {times[row - 1] if row else self._until_s}, expected finite"
                " seconds that do not decrease; sort the samples"
            )
        values = self.channels.apply(samples)
        if np.isinf(values).any():
            row, column = np.argwhere(np.isinf(values))[0].tolist()
            raise UserError(
                f"samples[{row}] ({self._form.channels[column].name}): found infinity, expected a finite number in"
                " float32, or NaN for a lost sample; correct it"
            )
        return times, values

    def _begin(self, first_s: float) -> None:
        self._origin_s = first_s
        stride_s, length_s = self._form.stride_s, self._form.window_s
        starts = window_starts(
            begin_s=first_s, end_s=first_s + 2 * stride_s + length_s, length_s=length_s, stride_s=stride_s
        )
        self._next = round(float(starts[0]) / stride_s)

    def _complete(self, until_s: float) -> list[Event]:
        """The events of the windows whose last tick lies before `until_s`."""
        events = []
        while self._end_s(self._next) + _EARLY_S < until_s:
            event = self._event(self._next)
            if event is not None:
                events.append(event)
            self._next = max(self._next + 1, self._first_behind_gap())
            self._forget()
        return events

    def _row(self, window: int) -> int:
        """The tick at which a window begins."""
        start_s = np.array([window * self._form.stride_s])
        return int(first_rows(start_s, origin_s=self._origin_s, rate_hz=self._form.rate_hz)[0])

    def _end_s(self, window: int) -> float:
        """The last tick of a window."""
        return self._origin_s + (self._row(window) + self._form.length - 1) / self._form.rate_hz

    def _event(self, window: int) -> Event | None:
        """The event of a window, or None where all of its channels lack too many samples."""
        row = self._row(window)
        if not self._rate_is_checked:
            self._check_rate(self._end_s(window))
        values = self._read(row, row + self._form.length)
        lost = np.isnan(values).mean(axis=0)
        if (lost > self._form.max_nan_share).all() or (lost == 1.0).all():
            return None
        filled = fill_missing(values.T[None], max_nan_share=self._form.max_nan_share)
        return self._named(window, self._recognizer.probabilities(filled)[0])

    def _read(self, first: int, end: int) -> NDArray[np.float32]:
        """(L, C) the ticks [first, end) of the even clock."""
        even = EvenValues(
            self._time_s,
            self._values,
            EvenTicks(self._origin_s, end, self._form.rate_hz),
            nearest=self._resampling == "nearest",
            early_s=_EARLY_S,
            max_gap_s=self._reach_s,
            longest_step_s=0.0,
        )
        return even.read(first, end).astype(np.float32, copy=False)

    def _named(self, window: int, probability: NDArray[np.float64]) -> Event:
        form, recognizer = self._form, self._recognizer
        if recognizer.smoothing:
            steps = 1 if self._last is None else window - self._last
            self._belief = filter_step(self._belief, probability, form.smoothing, steps=steps)
            probability = self._belief
        self._last = window
        best = int(probability.argmax())
        activity, start_s = form.classes[best], window * form.stride_s
        return Event(
            start_s=start_s,
            end_s=start_s + form.window_s,
            label=activity.name,
            place=activity.place,
            action=activity.action,
            probability=float(probability[best]),
            known=bool(probability[best] > recognizer.threshold.probability),
        )

    def _check_rate(self, until_s: float) -> None:
        """Refuse samples that come too seldom, once a window of them is there."""
        steps = np.diff(self._time_s[self._time_s <= until_s + _EARLY_S])
        self._rate_is_checked = True
        typical_s = float(np.median(steps)) if len(steps) else math.inf
        if typical_s * self._form.rate_hz * _SLOWEST > 1.0 + 1e-3:
            raise UserError(
                f"time_s: found about {1.0 / typical_s:.3g} samples a second, expected at least"
                f" {_SLOWEST * self._form.rate_hz:g} for a recogniser of {self._form.rate_hz:g} Hz; record faster"
            )

    def _first_behind_gap(self) -> int:
        """The first window that is not altogether in the gap between the samples about the next window."""
        start_s = self._next * self._form.stride_s
        after = int(np.searchsorted(self._time_s, start_s))
        if not 0 < after < len(self._time_s) or start_s - self._time_s[after - 1] <= 2.0 * self._reach_s:
            return self._next
        behind_s = float(self._time_s[after]) - self._form.window_s - 2.0 / self._form.rate_hz
        return math.floor(behind_s / self._form.stride_s)

    def _forget(self) -> None:
        """Drop the samples that no window needs any more, in some thousand at a time."""
        begin_s = self._origin_s + self._row(self._next) / self._form.rate_hz
        unused = int(np.searchsorted(self._time_s, begin_s, side="right")) - 2
        if unused > min(_MOST_KEPT, len(self._time_s) // 2):
            self._time_s, self._values = self._time_s[unused:].copy(), self._values[unused:].copy()
