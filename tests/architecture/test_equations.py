import ast
import re

MATH = ("losses", "negatives", "clustering", "encoders")


def functions_of_equations(root):
    """Equation number -> the public functions and classes whose docstring's first line names it."""
    found = {}
    for folder in MATH:
        for path in sorted((root / "detach_core" / folder).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                    continue
                first_line = (ast.get_docstring(node) or "").split("\n")[0]
                for number in named_equations(first_line):
                    found.setdefault(number, []).append(f"{path.stem}.{node.name}")
    return found


def named_equations(line):
    """The numbers in `Eq. 7`, `Eqs. 12-13`, `Eqs. 5 and 6`."""
    numbers = []
    for listed in re.findall(r"Eqs?\. ([\d, and-]*\d)", line):
        for part in re.split(r", | and ", listed):
            first, _, last = part.partition("-")
            numbers += range(int(first), int(last or first) + 1)
    return numbers


def test_every_equation_is_named_by_exactly_one_public_function(root):
    found = functions_of_equations(root)
    assert {number: names for number, names in found.items() if len(names) > 1} == {}
    assert sorted(found) == list(range(1, 14))


def test_equation_numbers_are_read():
    assert named_equations("Eqs. 12-13: the loss") == [12, 13]
    assert named_equations("the mean (Eq. 7)") == [7]
    assert named_equations("Eqs. 5 and 6: joined") == [5, 6]
