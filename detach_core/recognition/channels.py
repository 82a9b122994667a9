"""Channels of given samples in the order and the units of a recogniser; what cannot be is refused in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recognizer import Channel
from detach_core.foundation.errors import UserError, one_line
from detach_core.foundation.files import name_some

# Unit -> (quantity, factor, offset): the value in the quantity's own unit is factor * value + offset. Symbols are as
# they are written, since mW is not MW; words in small letters stand for any case.
UNITS: dict[str, tuple[str, float, float]] = {
    **dict.fromkeys(("m/s^2", "m/s2", "m s^-2", "m/s²", "m s⁻²"), ("acceleration", 1.0, 0.0)),
    "g": ("acceleration", 9.80665, 0.0),
    **dict.fromkeys(("mg", "milli g"), ("acceleration", 9.80665e-3, 0.0)),
    **dict.fromkeys(("W", "watt"), ("power", 1.0, 0.0)),
    "kW": ("power", 1e3, 0.0),
    "mW": ("power", 1e-3, 0.0),
    **dict.fromkeys(("K", "kelvin"), ("temperature", 1.0, 0.0)),
    **dict.fromkeys(("°C", "degC", "celsius"), ("temperature", 1.0, 273.15)),
    **dict.fromkeys(("°F", "degF", "fahrenheit"), ("temperature", 5.0 / 9.0, 273.15 - 32.0 * 5.0 / 9.0)),
    **dict.fromkeys(("lx", "lux"), ("illuminance", 1.0, 0.0)),
    "klx": ("illuminance", 1e3, 0.0),
    **dict.fromkeys(("%", "percent"), ("share", 1e-2, 0.0)),
    "share": ("share", 1.0, 0.0),
    **dict.fromkeys(("V", "volt"), ("voltage", 1.0, 0.0)),
    "mV": ("voltage", 1e-3, 0.0),
    **dict.fromkeys(("state", "logical", "on/off", "open/closed", "binary"), ("state", 1.0, 0.0)),
}

# Of a home of one's own, values that span decades are stored so (detach_core/datasets/folder/settings.py).
_LOGARITHM = re.compile(r"log\(1 \+ (?P<unit>.+)\)")

_WITH_UNIT = re.compile(r"(?P<name>.*\S)\s*(?:\[(?P<square>[^\[\]]+)\]|\((?P<round>[^()]+)\))")


def conversion(given: str, wanted: str) -> tuple[float, float] | None:
    """Factor and offset from one unit to another, written alike or of one quantity; None where there is no way."""
    if given.strip() == wanted.strip():
        return 1.0, 0.0
    one, other = (UNITS.get(unit.strip()) or UNITS.get(unit.strip().casefold()) for unit in (given, wanted))
    if one is None or other is None or one[0] != other[0]:
        return None
    return one[1] / other[1], (one[2] - other[2]) / other[1]


def split_unit(column: str, known: Sequence[str]) -> tuple[str, str | None]:
    """The channel and the unit that a column's name says, as in `Wrist x [g]`; a known name is taken as it is."""
    found = None if column in known else _WITH_UNIT.fullmatch(column)
    return (column, None) if found is None else (found["name"], found["square"] or found["round"])


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """Where each channel of the recogniser stands in given samples (n, given), and how its unit is converted.

    Attributes:
        column: (C,).
        factor: (C,).
        offset: (C,).
        is_log: (C,) whether a converted value x becomes sign(x) log(1 + |x|).
        ignored: names of the given columns that the recogniser does not know.
    """

    column: NDArray[np.int64]
    factor: NDArray[np.float64]
    offset: NDArray[np.float64]
    is_log: NDArray[np.bool_]
    ignored: tuple[str, ...]

    def apply(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C) in the recogniser's order and units."""
        values = samples[:, self.column]
        if not (np.all(self.factor == 1.0) and np.all(self.offset == 0.0)):
            values = values.astype(np.float64) * self.factor + self.offset
        if self.is_log.any():
            values = np.where(self.is_log, np.copysign(np.log1p(np.abs(values)), values), values)
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(values, dtype=np.float32)


def map_channels(
    channels: Sequence[Channel], names: Sequence[str], units: Mapping[str, str] | None = None
) -> ChannelMap:
    """The map from columns of these names, in any order; others beside them are ignored.

    Args:
        channels: of the recogniser.
        names: of the given columns, each with its unit in brackets if it says one.
        units: channel -> unit, where the names do not say them; a channel without any is in the recogniser's, or, where
            that is a logarithm, in the unit inside it.

    Raises:
        UserError: a channel is missing or named twice, or its unit cannot be converted.
    """
    known = [channel.name for channel in channels]
    parted = [split_unit(name, known) for name in names]
    given = [name for name, _ in parted]
    missing = [name for name in known if name not in given]
    if missing:
        raise UserError(
            one_line(
                f"channels: found no {name_some(missing, 4)} among {name_some(given)}, expected the recogniser's"
                f" {len(known)} channels by name, in any order; name the columns so, or add them"
            )
        )
    column, factor, offset, is_log = [], [], [], []
    for channel in channels:
        places = [place for place, name in enumerate(given) if name == channel.name]
        if len(places) > 1:
            raise UserError(one_line(f"channels: found {channel.name} {len(places)} times, expected once; drop one"))
        inner = _LOGARITHM.fullmatch(channel.unit)
        plain = channel.unit if inner is None else inner["unit"]
        unit = parted[places[0]][1] or (units or {}).get(channel.name, plain)
        found = conversion(unit, plain) or conversion(unit, channel.unit)
        if found is None:
            raise UserError(
                one_line(
                    f"channels: {channel.name}: found the unit {unit!r}, expected {plain!r} or one of the same"
                    " quantity; convert the values before"
                )
            )
        column.append(places[0])
        factor.append(found[0])
        offset.append(found[1])
        is_log.append(inner is not None and unit.strip() != channel.unit)
    ignored = tuple(name for name in given if name not in known)
    return ChannelMap(np.array(column), np.array(factor), np.array(offset), np.array(is_log), ignored)
