"""Generator of docs/paper_map.md from the docstrings of the code.

./run python -m tools.make_paper_map
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "paper_map.md"
MATH = ("methods/detach", "encoders")
NOTE = "Note (differs from paper): "
HEAD = """# From the paper to the code

Written by `tools/make_paper_map.py` from the docstrings: each equation has one public function. The paper is
arXiv 2512.20409; sections are those of `config.yaml`.

| equation | function | what it gives |
|--:|---|---|
"""
REST = """
| in the paper | here |
|---|---|
| Sec. 3.1, Stage 1 | rule `pretrain_spatial`, `detach_core/methods/detach/stage1.py`, section `spatial` |
| Sec. 3.2, Stage 2 | rule `pretrain`, `detach_core/methods/detach/stage2.py`, section `methods.detach` |
| Sec. 4, windows and flow | rules `extract_frames`, `flow`, `pack` |
| Sec. 4, splits | rule `split`, section `splits` |
| Sec. 4, linear probe | rules `embed`, `probe`, section `probe` |
| Table 1 | rule `table`, `results/table1.csv` |
| Tables 2 to 6 | rule `table`, `results/table2.csv` to `table6.csv`, sections `variants` and `halves` |
| Table 7 | rule `table`, `results/table7.csv` |
| Figs. 4 to 6 | rules `negative_pairs`, `figure`, `results/figures/figure4.pdf` to `figure6.pdf` |
| Figs. 7 and 9 | rule `figure`, `results/figures/figure7.pdf`, `figure9.pdf` |
| Fig. 8 | rules `activation_maps`, `figure`, `results/figures/figure8.pdf` |
| Fig. 10 | rule `figure`, `results/figures/figure10.pdf` |
"""


def paper_map_page() -> str:
    """The page."""
    found = equations()
    rows = [f"| {number} | `{place}` | {line} |" for number in sorted(found) for place, line in found[number]]
    notes = [f"- `{place}`: {text}" for place, text in departures()]
    text = HEAD + "\n".join(rows) + "\n" + REST
    return text + ("\n## Where the code differs from the paper\n\n" + "\n".join(notes) + "\n" if notes else "")


def equations() -> dict[int, list[tuple[str, str]]]:
    """Equation number -> the public functions and classes whose docstring's first line names it, with that line."""
    found: dict[int, list[tuple[str, str]]] = {}
    for folder in MATH:
        for path in sorted((ROOT / "detach_core" / folder).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    line = (ast.get_docstring(node) or "").split("\n")[0]
                    place = f"{path.relative_to(ROOT)}: {node.name}"
                    for number in numbers_of(line):
                        found.setdefault(number, []).append((place, line.replace("|", "\\|")))
    return found


def numbers_of(line: str) -> list[int]:
    """The equation numbers in `Eq. 7`, `Eqs. 12-13`, `Eqs. 5 and 6`."""
    numbers: list[int] = []
    for listed in re.findall(r"Eqs?\. ([\d, and-]*\d)", line):
        for part in re.split(r", | and ", listed):
            first, _, last = part.partition("-")
            numbers += range(int(first), int(last or first) + 1)
    return numbers


def departures() -> Iterator[tuple[str, str]]:
    """Every marked departure from the paper: place and description."""
    for path in sorted((ROOT / "detach_core").rglob("*.py")):
        for name, node in documented(ast.parse(path.read_text(encoding="utf-8"))):
            for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
                if paragraph.startswith(NOTE):
                    yield f"{path.relative_to(ROOT)}{name}", " ".join(paragraph.removeprefix(NOTE).split())


Documented = ast.Module | ast.FunctionDef | ast.ClassDef


def documented(node: Documented, name: str = "") -> Iterator[tuple[str, Documented]]:
    """`node` and all inside it that may have a docstring, each with its name; a constructor speaks for its class."""
    yield name, node
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.ClassDef):
            own = "" if item.name == "__init__" else f".{item.name}" if name else f": {item.name}"
            yield from documented(item, name + own)


if __name__ == "__main__":
    PAGE.write_text(paper_map_page(), encoding="utf-8")
