"""Generator of docs/contracts.md from the docstrings and dataclasses of the contracts.

./run python -m tools.make_contracts
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "contracts.md"
# Schema without its version -> the rule that writes it; in the order of the workflow.
ARTIFACTS = {
    "raw": "simulate_home",
    "truth": "simulate_home",
    "download": "download",
    "sensor": "ingest",
    "frames": "extract_frames",
    "flow": "flow",
    "windows": "pack",
    "split": "split",
    "checkpoint": "pretrain_spatial, pretrain",
    "history": "pretrain_spatial, pretrain",
    "assignments": "pretrain_spatial",
    "snapshots": "pretrain",
    "training_state": "pretrain_spatial, pretrain",
    "embeddings": "embed",
    "metrics": "probe",
    "classifier": "probe",
    "recognizer": "recognizer",
    "negative_pairs": "negative_pairs",
    "activation_maps": "activation_maps",
    "predictions": "lists",
    "metrics_list": "lists",
    "classes": "lists",
    "embeddings_index": "lists",
    "results_table": "table",
    "data_table": "table",
    "claims": "claims",
    "significance": "significance",
    "retrieval": "retrieval",
    "figure": "figure",
}
HEAD = """# Contracts

Content of each artifact of the workflow, written by `tools/make_contracts.py` from `detach_core/contracts`. Every one
carries its schema and its provenance: stage, source, settings' digest, seed, the inputs' ids, version, commit. A reader
refuses another schema, a missing field, another type or shape, and values that are not finite where none may be, and
names the rule to run again. Names and other texts that are shown have at most 200 characters, all of them visible,
no blank at an end and none of `= + - @` first; commit, version, digests and ids are words of letters, digits and
`. _ + -`. Files are read without locks; one that the operating system refuses (permission, input/output error, too many
open files) is reported as such, without a rule to rerun. Artifacts are written to a temporary file and renamed, so a
file is complete or absent.

The lists that are written as Parquet are for readers outside of the workflow. Their schema and provenance (source,
splits, protocols, seeds, commits, version) are the `attrs` of what `pandas.read_parquet` gives.
"""


@dataclass
class Artifact:
    """One artifact: its schema, its description and the dataclasses that hold it."""

    schema: str
    description: str
    classes: list[ast.ClassDef]

    @property
    def name(self) -> str:
        """The schema without its prefix and version."""
        return self.schema.removeprefix("detach.").partition("/")[0]


def artifacts() -> dict[str, Artifact]:
    """Name -> the artifact, of all that `detach_core/contracts` has."""
    found = [one for path in sorted((ROOT / "detach_core" / "contracts").glob("*.py")) for one in _artifacts_of(path)]
    return {artifact.name: artifact for artifact in found}


def _artifacts_of(path: Path) -> list[Artifact]:
    """The artifacts of a module: each begins with its `SCHEMA`, whose docstring, or the module's, describes it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[Artifact] = []
    waiting: list[ast.ClassDef] = []
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("SCHEMA"):
            own = following.value if isinstance(following, ast.Expr) else None
            text = own.value if isinstance(own, ast.Constant) else ast.get_docstring(tree)
            found.append(Artifact(ast.literal_eval(node.value), inspect.cleandoc(str(text)), waiting))
            waiting = []
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_") and _fields(node):
            (found[-1].classes if found else waiting).append(node)
    return found


def contracts_page() -> str:
    """The page."""
    known = artifacts()
    return HEAD + "".join(_section(known[name], rule) for name, rule in ARTIFACTS.items())


def _section(artifact: Artifact, rule: str) -> str:
    title, _, rest = artifact.description.partition("\n")
    name, _, summary = title.partition(": ")
    lines = [f"\n## {name}\n", f"{summary[:1].upper()}{summary[1:]}"]
    lines += [f"\n{rest.strip()}"] if rest.strip() else []
    lines.append(f"\nSchema `{artifact.schema}`, written by rule `{rule}`.")
    for node in artifact.classes:
        lines.append(f"\n`{node.name}`: {inspect.cleandoc(ast.get_docstring(node) or '').splitlines()[0]}\n")
        lines += ["| field | type |", "|---|---|"]
        lines += [f"| `{field}` | `{kind}` |" for field, kind in _fields(node)]
    return "\n".join(lines) + "\n"


def _fields(node: ast.ClassDef) -> list[tuple[str, str]]:
    """Names and types of a dataclass's fields; a bar would end the table's cell."""
    return [
        (item.target.id, ast.unparse(item.annotation).replace("|", "or"))
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


if __name__ == "__main__":
    PAGE.write_text(contracts_page(), encoding="utf-8")
