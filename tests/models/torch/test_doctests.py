"""Doctests of the modules that import torch.

Pytest does not collect them: it would import torch for tests that have no use for it, and with torch in the process
scoring starts its own ones anew instead of forking them.
"""

from __future__ import annotations

import doctest
import importlib
import re
import tomllib
from pathlib import Path

import pytest

NEEDS = ("torch",)
ROOT = Path(__file__).resolve().parents[3]
HEAVY = re.compile(r"^(?:import|from) (?:torch|transformers|peft|xllamacpp|inspect_ai)\b", re.MULTILINE)
FILES = [
    path.relative_to(ROOT) for path in sorted((ROOT / "spider_opt").rglob("*.py")) if HEAVY.search(path.read_text())
]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_doctests(file: Path) -> None:
    done = doctest.testmod(importlib.import_module(".".join(file.with_suffix("").parts)))
    assert done.failed == 0
    assert done.attempted == (ROOT / file).read_text().count(">>> ")


def test_these_and_no_others_are_left_out() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"].split()
    assert {f"--ignore={file.as_posix()}" for file in FILES} == {one for one in options if one.startswith("--ignore")}
