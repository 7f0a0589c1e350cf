"""A method's text to a generator: ``"retry:k=2+zero-shot:rows=3"``.

::

    method = step ("+" step)*      step = name [":" key "=" value ("," key "=" value)*]

Order in the text does not matter: a step's stage fixes where it stands. A method without a DRAFT step
drafts with zero-shot.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal, get_args, get_origin

from spider_opt.errors import MethodError
from spider_opt.steps import ENTRY_POINTS, STEPS
from spider_opt.types import Generator, Prediction, Stage, Step, Task, Tools

DEFAULT_DRAFT = "zero-shot"


@dataclass(frozen=True, slots=True)
class Method:
    """Steps from outer to inner under their one canonical label."""

    label: str
    steps: tuple[Step, ...]

    def build(self, tools: Tools) -> Generator:
        """Wrap the steps around each other, innermost first."""
        generator: Generator = _nothing
        for step in reversed(self.steps):
            generator = step.wrap(generator, tools)
        return generator


def parse_method(text: str) -> Method:
    """Read a method's text.

    Raises:
        MethodError: a name, option or value that does not exist, a step given twice, two drafts.

    >>> parse_method(" zero-shot:rows=3,schema=ddl ").label
    'zero-shot:rows=3'
    """
    named: dict[str, Step] = {}
    for part in text.split("+"):
        name, _, options = part.strip().partition(":")
        if name in named:
            raise MethodError(f"step {name!r} stands twice in method {text!r}")
        named[name] = _make(name, options)
    drafts = [name for name, step in named.items() if step.stage is Stage.DRAFT]
    if len(drafts) > 1:
        raise MethodError(f"steps {' and '.join(map(repr, drafts))} both draft the query: take one of them")
    ordered = sorted(named.items(), key=lambda item: (item[1].stage, item[0]))
    label = "+".join(name + _spelled(step) for name, step in ordered)
    steps = tuple(step for _, step in ordered)
    return Method(label, steps if drafts else (*steps, _make(DEFAULT_DRAFT, "")))


@cache
def step_types() -> Mapping[str, type[Any]]:
    """Return all steps by name: the project's own and those of installed packages.

    Raises:
        MethodError: a package's step cannot be loaded, or takes a name of ours.
    """
    found: dict[str, type[Any]] = {}
    for name, place in STEPS.items():
        module, _, attribute = place.partition(":")
        found[name] = getattr(import_module(module), attribute)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in STEPS:
            raise MethodError(f"package step {point.value!r} takes the name {point.name!r}, which is taken")
        try:
            found[point.name] = point.load()
        except Exception as error:
            raise MethodError(f"step {point.name!r} ({point.value}) cannot be loaded: {error}") from error
    return found


def _nothing(task: Task) -> Prediction:
    raise AssertionError("a DRAFT step is the innermost")


def _make(name: str, options: str) -> Step:
    kind = step_types().get(name)
    if kind is None:
        raise MethodError(f"no method step {name!r}{_meant(name, step_types())}; see: spider-opt methods")
    types_by_field = typing.get_type_hints(kind)
    allowed = {f.name: types_by_field[f.name] for f in fields(kind)}
    values: dict[str, object] = {}
    for option in filter(None, (o.strip() for o in options.split(","))):
        key, equals, value = (piece.strip() for piece in option.partition("="))
        if not equals:
            raise MethodError(f"option {option!r} of step {name!r} has no value: write {option}=VALUE")
        if key not in allowed:
            raise MethodError(f"step {name!r} has no option {key!r}{_meant(key, allowed)}")
        if key in values:
            raise MethodError(f"option {key!r} of step {name!r} is given twice")
        values[key] = _read(f"option {key!r} of step {name!r}", value, allowed[key])
    try:
        step: Step = kind(**values)
    except ValueError as error:
        raise MethodError(f"step {name!r}: {error}") from error
    return step


def _read(what: str, text: str, kind: Any) -> object:
    """Turn an option's text into its field's type."""
    if get_origin(kind) in (typing.Union, types.UnionType):
        if text == "none" and type(None) in get_args(kind):
            return None
        [kind] = [k for k in get_args(kind) if k is not type(None)]
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise MethodError(f"{what} is {text!r}, but can be {', '.join(get_args(kind))}")
        return text
    if kind is bool:
        known = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
        if text.lower() not in known:
            raise MethodError(f"{what} is {text!r}, but can be yes or no")
        return known[text.lower()]
    try:
        return kind(text)
    except ValueError:
        raise MethodError(f"{what} is {text!r}, but takes {_noun(kind)}") from None


def _noun(kind: type) -> str:
    return {int: "a whole number", float: "a number"}.get(kind, kind.__name__)


def _spelled(step: Step) -> str:
    """Write the options that differ from their default, in declared order."""
    changed = [
        f"{f.name}={_written(getattr(step, f.name))}"
        for f in fields(step)  # type: ignore[arg-type]
        if getattr(step, f.name) != f.default
    ]
    return ":" + ",".join(changed) if changed else ""


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _meant(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (there are: {', '.join(sorted(known))})"
