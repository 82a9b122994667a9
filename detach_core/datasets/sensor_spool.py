"""Sensor values on their way from a native file: as float32 in a nameless file, whatever the recording's length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.rows import RowFile, Spool
from detach_core.datasets.sensor_checks import check_sizes
from detach_core.foundation.errors import BadInputError


class SensorSpool:
    """The values of one recording's channels, added piece by piece.

    A value that float32 cannot hold is refused only when the rows are asked for: readers first have the rest of the
    file and its times to blame.
    """

    def __init__(self, path: Path, folder: Path | None, *, channels: Sequence[str], first_line: int) -> None:
        self._path, self._channels, self._line = path, channels, first_line
        self._spool = Spool(folder, (len(channels),), "float32")
        self._refusal: BadInputError | None = None

    def append(self, values: NDArray[np.float64]) -> None:
        """Add the next samples (n, C)."""
        if self._refusal is not None:
            return
        try:
            check_sizes(self._path, values, first_line=self._line, channels=self._channels)
        except BadInputError as error:
            self._refusal = error
            return
        self._spool.append(values.astype(np.float32))
        self._line += len(values)

    def rows(self) -> RowFile:
        """All samples (T, C) f32.

        Raises:
            BadInputError: a value is too large; names line and channel.
        """
        if self._refusal is not None:
            raise self._refusal
        return self._spool.rows()
