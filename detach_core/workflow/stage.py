"""Stages of the workflow: path patterns of their files, and the arguments of a job.

The adapter between a job and its stage is part of every stage's code digest, so nothing of the package is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from itertools import product
from string import Formatter
from typing import Any

# An object with the wildcards of a job as its attributes.
Wildcards = Any
Value = Callable[[Wildcards], Any] | str | Sequence[str]
Files = Callable[[Wildcards], str | list[str]] | str | Sequence[str]


@dataclass(frozen=True)
class Stage:
    """A stage of the workflow. Names that end in `_path` or `_paths`, settings and wildcards are its arguments.

    Attributes:
        name: of stage, rule and log.
        folder: pattern of the folder of its log and benchmark.
        inputs: name -> pattern, paths, or a function of the wildcards; other names are files that it depends on.
        outputs: name -> pattern; an empty list for what the configuration does not ask for.
        params: name -> a further argument, or a function of the wildcards that gives it.
        triggers: name -> value, or a function of the wildcards; a job reruns when it changes.
        wildcards: name of an argument -> the wildcard that it is.
    """

    name: str
    folder: str
    inputs: Mapping[str, Files]
    outputs: Mapping[str, str | Sequence[str]]
    params: Mapping[str, Value] = field(default_factory=dict)
    triggers: Mapping[str, Value] = field(default_factory=dict)
    wildcards: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """Pattern of the log."""
        return f"{self.folder}/{self.name}.log"

    @property
    def benchmark(self) -> str:
        """Pattern of the benchmark file."""
        return f"{self.folder}/{self.name}.benchmark.tsv"

    @property
    def argument_names(self) -> list[str]:
        """The names of the stage's arguments."""
        files = [name for name in (*self.inputs, *self.outputs) if name.endswith(("_path", "_paths"))]
        return [*files, *self.params, *self.wildcards, "log_path"]

    def arguments(self, **wildcards: Any) -> dict[str, Any]:
        """The arguments of the stage's job with these wildcards."""
        job = _Job(**wildcards)
        named = {**self.inputs, **self.outputs, **self.params, "log_path": self.log}
        values = {name: job.value_of(name, named[name]) for name in named if name in self.argument_names}
        return values | {name: wildcards[wildcard] for name, wildcard in self.wildcards.items()}


class _Job:
    """A job's wildcards as attributes, as in Snakemake."""

    def __init__(self, **wildcards: Any) -> None:
        vars(self).update(wildcards)

    def value_of(self, name: str, value: Value) -> Any:
        """An argument in full: `_path` a path or None, `_paths` a list of paths, else what the value gives."""
        found = value(self) if callable(value) else value
        if not name.endswith(("_path", "_paths")):
            return found
        paths = [filled(path, vars(self)) for path in ([found] if isinstance(found, str) else found)]
        return paths if name.endswith("_paths") else next(iter(paths), None)


def filled(pattern: str, wildcards: Mapping[str, Any]) -> str:
    """`pattern` with those of its wildcards that are given; others stay."""
    names = {name for _, name, _, _ in Formatter().parse(pattern) if name}
    return pattern.format(**{name: wildcards.get(name, f"{{{name}}}") for name in names})


def expanded(pattern: str, **values: Iterable[Any]) -> list[str]:
    """`pattern` with every combination of the values of its wildcards, each path once; the last varies fastest."""
    names = [name for name in values if f"{{{name}}}" in pattern]
    chosen = product(*(values[name] for name in names))
    return list(dict.fromkeys(filled(pattern, dict(zip(names, one, strict=True))) for one in chosen))


def run_stage(job: Any) -> None:
    """Run the stage of the job's rule, which has the same name.

    Args:
        job: the object `snakemake` of a script.
    """
    stage = getattr(import_module(f"detach_core.stages.{job.rule}"), job.rule)
    stage(**job_arguments(job, signature(stage).parameters))


def job_arguments(job: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments `names` of a job's stage, each under the name that the rule gives it.

    `_path` is one path, or None where the rule has none; `_paths` is a list; `paths` are all named inputs; `name` is
    the wildcard that is named like the rule.
    """
    values = {**dict(job.wildcards.items()), **dict(job.params.items()), "log_path": job.log[0]}
    values |= {**dict(job.input.items()), **dict(job.output.items())}
    values |= {"paths": dict(job.input.items()), "name": values.get(job.rule)}
    return {name: _argument(name, values[name]) for name in names}


def _argument(name: str, value: Any) -> Any:
    if name == "seed":
        return int(value)
    if name.endswith("_paths") or name == "recordings":
        return list(value)
    return (value or None) if name.endswith("_path") else value
