"""The reference evaluator and the mutations, which live beside the tests and are no tests themselves."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def official():
    return SimpleNamespace(**runpy.run_path(str(HERE / "reference.py")))


@pytest.fixture(scope="session")
def mutations():
    return SimpleNamespace(**runpy.run_path(str(HERE / "mutations.py")))
