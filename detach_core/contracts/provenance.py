"""Provenance of an artifact: package version, commit, data source, settings, seed and the artifacts it came from."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from detach_core import __version__

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")  # a commit, a version, a digest, a stage's name, a role


def canonical_json(value: Any) -> str:
    """`value` as JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_json(text: str) -> Any:
    """Value of the JSON `text`, its numbers finite as `canonical_json` writes them.

    Raises:
        ValueError: not JSON, a number that is none, or more levels than Python can follow.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("values nested too deeply") from None


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word}, which is no number")


def digest(value: Any) -> str:
    """The first 16 hex digits of the SHA-256 of `value`'s canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


_NOT_CODE = (":(exclude)README.md", ":(exclude)docs")


@lru_cache(maxsize=1)
def commit() -> str:
    """The commit of the checkout that this file is in, as `commit_of`."""
    return commit_of(Path(__file__).resolve().parents[2])


def commit_of(root: Path) -> str:
    """The checkout's commit, with `-dirty` when tracked files differ from it; `unknown` outside a checkout.

    README.md and docs may differ: no job reads them, and the workflow writes its own tables there.
    """
    git = ["git", "-C", str(root)]
    differences = ["status", "--porcelain", "--untracked-files=no", "--", ".", *_NOT_CODE]
    try:
        head, status = (
            subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], differences)
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("-dirty" if status else "")


@dataclass(frozen=True)
class Provenance:
    """Origin of an artifact. `inputs` maps each input artifact's role to its `artifact_id`."""

    stage: str
    source: str
    settings_digest: str
    seed: int | None
    inputs: dict[str, str]
    version: str
    commit: str

    @property
    def artifact_id(self) -> str:
        """A digest of all but version and commit: equal ids mean equal settings on equal inputs."""
        fields = asdict(self)
        del fields["version"], fields["commit"]
        return digest(fields)

    def to_json(self) -> str:
        """This provenance as canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """The provenance that `to_json` wrote.

        Raises:
            ValueError: `text` is no provenance.
        """
        return cls.from_fields(parse_json(text))

    @classmethod
    def from_fields(cls, fields: Any) -> Provenance:
        """The provenance with these fields.

        Raises:
            ValueError: a field is missing, unknown, of another type or no word.
        """
        if not isinstance(fields, dict) or fields.keys() != cls.__dataclass_fields__.keys():
            raise ValueError("other fields than a provenance has")
        inputs, seed = fields["inputs"], fields["seed"]
        texts = [fields[name] for name in ("stage", "source", "settings_digest", "version", "commit")]
        texts += [*inputs, *inputs.values()] if isinstance(inputs, dict) else [None]
        if not all(isinstance(text, str) and _WORD.fullmatch(text) for text in texts) or not (
            seed is None or type(seed) is int
        ):
            raise ValueError("fields of other types than a provenance has")
        return cls(**fields)


def make_provenance(
    *, stage: str, source: str, settings: Any, seed: int | None = None, inputs: Mapping[str, str] | None = None
) -> Provenance:
    """The provenance of an artifact that `stage` is about to write.

    Args:
        stage: the stage's (and rule's) name.
        source: `simulated`, `local` or `downloaded`.
        settings: the stage's resolved settings; only their digest is kept.
        seed: the run's seed, if the stage draws random numbers.
        inputs: role of each input artifact -> its `artifact_id`.
    """
    return Provenance(
        stage=stage,
        source=source,
        settings_digest=digest(settings),
        seed=seed,
        inputs=dict(inputs or {}),
        version=__version__,
        commit=commit(),
    )
