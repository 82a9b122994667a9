"""Page docs/contracts.md, from the docstrings and dataclasses of the contracts.

./run python -m tools.make_contracts
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "contracts.md"
# In the order of the workflow.
ARTIFACTS = (
    ("raw", "simulate_home"),
    ("truth", "simulate_home"),
    ("download", "download"),
    ("recording", "ingest"),
    ("frames", "extract_frames"),
    ("flow", "flow"),
    ("windows", "pack"),
    ("split", "split"),
    ("checkpoint", "pretrain_spatial, pretrain"),
    ("history", "pretrain_spatial, pretrain"),
    ("assignments", "pretrain_spatial"),
    ("snapshots", "pretrain"),
    ("training_state", "pretrain_spatial, pretrain"),
    ("embeddings", "embed"),
    ("metrics", "probe"),
    ("negative_pairs", "negative_pairs"),
    ("activation_maps", "activation_maps"),
)
HEAD = """# Contracts

What each artifact of the workflow holds, written by `tools/make_contracts.py` from `detach_core/contracts`. Every one
carries its schema and its provenance: stage, source, settings' digest, seed, the inputs' ids, version, commit. A reader
refuses another schema, a missing field, another type or shape, and values that are not finite where none may be, and
names the rule to run again. Names and other texts that are shown have at most 200 characters, all of which are seen,
no blank at an end and none of `= + - @` first; commit, version, digests and ids are words of letters, digits and
`. _ + -`. Files are read without locks; one that the operating system refuses (permission, input/output error, too many
open files) is told as that, and no rule is blamed. Artifacts are written beside their place and renamed: a file is
whole or absent.
"""


def contracts_page() -> str:
    """The page."""
    return HEAD + "".join(_section(module, rule) for module, rule in ARTIFACTS)


def _section(module: str, rule: str) -> str:
    tree = ast.parse((ROOT / "detach_core" / "contracts" / f"{module}.py").read_text(encoding="utf-8"))
    title, _, rest = (ast.get_docstring(tree) or "").partition("\n")
    name, _, summary = title.partition(": ")
    lines = [f"\n## {name}\n", f"{summary[:1].upper()}{summary[1:]}"]
    lines += [f"\n{rest.strip()}"] if rest.strip() else []
    lines.append(f"\nSchema `{_schema(tree)}`, written by rule `{rule}`.")
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and _fields(node):
            lines.append(f"\n`{node.name}`: {inspect.cleandoc(ast.get_docstring(node) or '').splitlines()[0]}\n")
            lines += ["| field | type |", "|---|---|"]
            lines += [f"| `{field}` | `{kind}` |" for field, kind in _fields(node)]
    return "\n".join(lines) + "\n"


def _schema(tree: ast.Module) -> str:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SCHEMA":
            return str(ast.literal_eval(node.value))
    raise ValueError("a contract without SCHEMA")


def _fields(node: ast.ClassDef) -> list[tuple[str, str]]:
    """Names and types of a dataclass's fields; a bar would end the table's cell."""
    return [
        (item.target.id, ast.unparse(item.annotation).replace("|", "or"))
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


if __name__ == "__main__":
    PAGE.write_text(contracts_page(), encoding="utf-8")
