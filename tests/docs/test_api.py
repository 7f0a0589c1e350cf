"""The public names: each says what it does, and stands on the page about them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import spider_opt

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
NAMES = sorted(set(spider_opt.__all__) - {"__version__"})


def documented(name: str) -> Iterator[tuple[str, object]]:
    """Yield what needs a docstring: the name itself, and what a class lets be called or read."""
    thing = getattr(spider_opt, name)
    yield name, thing
    if inspect.isclass(thing):
        for attribute, value in vars(thing).items():
            called = inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod)
            if called and not attribute.startswith("_") and not inspect.ismemberdescriptor(value):
                yield f"{name}.{attribute}", value


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_a_docstring(name: str) -> None:
    for part, thing in documented(name):
        said = getattr(thing, "__doc__", None) or ""
        assert said.strip(), f"{part} has no docstring"
        assert not said.startswith(f"{name}("), f"{part} has no docstring but the one that dataclass makes"


def test_every_public_name_stands_on_the_page() -> None:
    """Under the path of its definition where a module has its name."""
    shown = []
    for path in re.findall(r"^::: (\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        module, _, name = path.rpartition(".")
        shown.append(getattr(importlib.import_module(module), name))
    assert [name for name in NAMES if getattr(spider_opt, name) not in shown] == []
    assert not [thing for thing in shown if inspect.ismodule(thing)]
