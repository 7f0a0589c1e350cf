"""The public names: each says what it does, and stands on the page about them."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
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


def shown() -> list[object]:
    """What the page describes: of a module all classes that it defines."""
    found: list[object] = []
    for path in re.findall(r"^::: (\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        module, _, name = path.rpartition(".")
        thing = getattr(importlib.import_module(module), name)
        inside = vars(thing).values() if inspect.ismodule(thing) else ()
        found += [thing, *(each for each in inside if getattr(each, "__module__", None) == path)]
    return found


def test_every_public_name_stands_on_the_page() -> None:
    there = shown()
    assert [name for name in NAMES if getattr(spider_opt, name) not in there] == []
    assert [thing for thing in there if inspect.ismodule(thing)] == [spider_opt.review, spider_opt.errors]


def returned(function: Callable[..., object]) -> Iterator[type]:
    """Yield the classes of ours that stand in what a function says that it returns."""
    names = vars(sys.modules[function.__module__])
    for name in re.findall(r"\w+", str(inspect.signature(function).return_annotation)):
        kind = names.get(name)
        if inspect.isclass(kind) and kind.__module__.startswith("spider_opt.") and not issubclass(kind, Enum):
            yield kind


def test_what_public_functions_return_stands_on_the_page() -> None:
    """And what the methods of that return."""
    there = shown()
    for thing in there:
        inside = vars(thing).items() if inspect.isclass(thing) else ()
        for function in (thing, *(value for name, value in inside if not name.startswith("_"))):
            if inspect.isfunction(function):
                lacking = [kind.__name__ for kind in returned(function) if kind not in there]
                assert not lacking, f"{function.__qualname__} returns {lacking}"


def test_every_kind_of_error_says_when_it_is_raised() -> None:
    drawn = spider_opt.errors.__doc__ or ""
    for name, kind in vars(spider_opt.errors).items():
        if inspect.isclass(kind) and issubclass(kind, spider_opt.SpiderOptError):
            assert f" {name} " in drawn, f"{name} is not in the tree"
            assert vars(kind).get("__doc__"), f"{name} has no docstring of its own"
