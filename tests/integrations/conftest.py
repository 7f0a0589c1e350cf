"""A package that continuous integration installs must be there: a missing one is a failure there, and no skip."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def needs() -> Callable[[str], None]:
    """Skips where a package of an extra is not installed, but where all tests are asked for."""

    def check(package: str) -> None:
        if importlib.util.find_spec(package) is None:
            assert not os.environ.get("SPIDER_OPT_ALL_TESTS"), f"{package} is missing: scripts/setup installs it"
            pytest.skip(f"{package} is not installed")

    return check
