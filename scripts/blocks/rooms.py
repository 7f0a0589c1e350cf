"""The map of the package: what each folder is for, and who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "spider_opt"


def order() -> tuple[tuple[str, ...], ...]:
    """Return the floors from the bottom up; '' is the package itself."""
    floors: tuple[tuple[str, ...], ...] = _of_the_test("ORDER")
    return floors


def layers() -> str:
    """Return the floors, lowest first, and who imports whom on one of them."""
    floors = [[f"`{name or '__init__'}`" for name in floor if name != "__main__"] for floor in order()]
    beside = [f"`{here}` imports `{name}`" for here, names in _of_the_test("SIDEWAYS").items() for name in names]
    return " →\n".join(", ".join(names) for names in floors) + f"\n\nOn one floor: {', '.join(beside)}.\n"


def _of_the_test(name: str) -> Any:
    """Return a constant of ``tests/test_layers.py``."""
    for node in ast.parse((ROOT / "tests" / "test_layers.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(f"tests/test_layers.py has no {name}")


def rooms() -> str:
    """Return a table of the folders, and of the files beside them, lowest first: the first line of their docstrings."""
    lines = ["| where | what it is |", "|---|---|"]
    for name in (name for floor in order() for name in floor if name not in ("", "__main__")):
        folder = PACKAGE / name
        path = folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{name}.py"
        said = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
        where = f"`{name}/`" if folder.is_dir() else f"`{name}.py`"
        lines.append(f"| {where} | {' '.join(said.split()).replace('``', '`').rstrip('.')} |")
    return "\n".join(lines) + "\n"
