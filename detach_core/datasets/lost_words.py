"""Words that stand in a file for a value that was lost, in any case of letters."""

from __future__ import annotations

import re
from collections.abc import Iterable

# How the C libraries write NaN, with and without its sign and kind, and an empty cell.
_NAN = re.compile(r"|[+-]?nan(\([a-z0-9_]*\))?|[+-]?1\.#(qnan|snan|ind)\d*", re.ASCII | re.IGNORECASE)


class LostWords:
    """The configured words and every spelling of NaN; an empty value is lost too."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {word.strip().casefold() for word in words}

    def __contains__(self, text: str) -> bool:
        word = text.strip()
        return word.casefold() in self._words or _NAN.fullmatch(word) is not None
