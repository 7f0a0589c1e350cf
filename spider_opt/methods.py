"""A method's text to a generator: ``"retry:k=2+zero-shot:rows=3"``.

::

    method = step ("+" step)*      step = name [":" key "=" value ("," key "=" value)*]

Order in the text does not matter: a step's stage and rank fix where it stands. A method without a DRAFT step
drafts with zero-shot, and a step that needs another brings it along. An alias stands for several steps.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, cast, get_args, get_origin

from spider_opt.errors import MethodError, UsageError
from spider_opt.models.adapters import find_adapter
from spider_opt.models.catalog import AUTO
from spider_opt.models.fitting import fitting_adapters, own_adapter, shipped_for
from spider_opt.plugins import Names, meant
from spider_opt.steps import ALIASES, ENTRY_POINTS, STEPS
from spider_opt.types import ChatModel, Generator, ModelInfo, Prediction, Stage, Step, Task, Tools

DEFAULT_DRAFT = "zero-shot"
_NAMES = Names("method step", STEPS, ENTRY_POINTS, "spider-opt methods", MethodError)
_ALSO_BOOL = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_NOUNS: Mapping[Any, str] = {int: "a whole number", float: "a number", str: "any text"}


@dataclass(frozen=True, slots=True)
class Method:
    """Steps from outer to inner under their one canonical label.

    ``spelled_out`` is the label with every option, also those at their default: what the label stood for,
    after a default has changed. ``text`` is what it was read from.
    """

    label: str
    spelled_out: str
    steps: tuple[Step, ...]
    text: str = field(default="", repr=False, compare=False)

    @property
    def adapters(self) -> tuple[str, ...]:
        """The LoRA adapters that its steps want on the embedded model, by name; by default the default one's."""
        named = [step.adapter for step in self.steps if hasattr(step, "adapter")]
        return tuple(own_adapter() if adapter == AUTO else adapter for adapter in named)

    def for_model(self, model: ChatModel | str | None = None, base_url: str | None = None) -> Method:
        """Return the method as it is asked of a model: with the adapter that comes with the package for that one.

        That is what a step is asked with that names none; the label does not say it, named or not. None is the model
        that a named adapter is for, else the default one; one that is elsewhere is asked in the default one's form.

        Raises:
            UsageError: a step names no adapter, and none comes for that model; or there is none of a name.
            WeightsError: an adapter's files are broken.
        """
        named = [step.adapter for step in self.steps if hasattr(step, "adapter")]
        if not named:
            return self
        if model is not None and not isinstance(model, str):
            model = model.info.name if model.info.sha256 else ""
        elif base_url is not None:
            model = ""
        elif model is None and AUTO not in named:
            model = find_adapter(named[0]).base
        return _read_method(self.text, own_adapter(model) if AUTO in named else shipped_for(model))

    def check_model(self, info: ModelInfo) -> None:
        """Make sure that a model opened elsewhere has the adapters that the steps want.

        One whose weights are not known, at an endpoint, may be the tuned one.

        Raises:
            UsageError: it is an embedded one without them, or with others.
            WeightsError: an adapter's files are broken.
        """
        if not self.adapters or not info.sha256:
            return
        _, wanted = fitting_adapters(self.adapters, info.name)
        if info.adapter != "+".join(adapter.sha256 for adapter in wanted):
            named = ", ".join(map(repr, self.adapters))
            raise UsageError(
                f"{self.label!r} wants {info.name} with its adapter: open it by model(adapters=[{named}]), "
                f"or give the name {info.name!r} in its place"
            )

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

    >>> method = parse_method(" zero-shot:rows=3,schema=ddl ")
    >>> method.label
    'zero-shot:rows=3'
    >>> method.spelled_out
    'zero-shot:schema=ddl,keys=yes,rows=3,values=3,form=chat,rules=no'
    """
    return _read_method(text)


def _read_method(text: str, own: str = "") -> Method:
    """Read a method's text; ``own`` is the adapter that stands for auto, which the label then leaves out."""
    named: dict[str, Step] = {}
    alias_of: dict[str, str] = {}
    for part in text.split("+"):
        name, _, options = (piece.strip() for piece in part.partition(":"))
        if name in ALIASES and options:
            raise MethodError(f"{name!r} takes no options: write out what it stands for, {ALIASES[name]}")
        for inside in ALIASES.get(name, part).split("+"):
            step, _, options = (piece.strip() for piece in inside.partition(":"))
            if step in named:
                why = f" ({name!r} stands for {ALIASES[name]})" if name in ALIASES else ""
                raise MethodError(f"step {step!r} stands twice in method {text!r}{why}")
            named[step] = _with_adapter(_make(step, options), own, AUTO)
            if name in ALIASES:
                alias_of[step] = name
    drafts = [name for name, step in named.items() if step.stage is Stage.DRAFT]
    if len(drafts) > 1:
        raise MethodError(f"steps {' and '.join(map(repr, drafts))} both draft the query: take one of them")
    brought = _brought(named)
    whole = {name: _make(name, "") for name in brought if name not in named} | named
    ordered = sorted(whole.items(), key=lambda item: (item[1].stage, getattr(item[1], "rank", 0), item[0]))
    # One method has one label, so what goes without saying is not said.
    said = [
        (name, step) for name, step in ordered if name in alias_of or name not in brought or step != _make(name, "")
    ] or ordered
    asked = [(name, _with_adapter(step, AUTO, own)) for name, step in ordered]
    spoken = (alias_of.get(name, name + _spelled(step)) for name, step in said)
    return Method(
        label="+".join(dict.fromkeys(spoken)),
        spelled_out="+".join(name + _spelled(step, defaults=True) for name, step in asked),
        steps=tuple(step for _, step in asked),
        text=text,
    )


def _with_adapter(step: Step, now: str, then: str) -> Step:
    """Return a step with the adapter ``then`` where it has ``now``, if auto is what it has where nothing is said."""
    has = next((f for f in fields(step) if f.name == "adapter"), None)  # type: ignore[arg-type]
    if not now or not then or has is None or has.default != AUTO or getattr(step, "adapter", "") != now:
        return step
    changed: Step = replace(step, adapter=then)  # type: ignore[type-var]
    return changed


def _brought(named: Mapping[str, Step]) -> set[str]:
    """Return the steps that a method has, or would have, without their being named."""
    brought = set()
    if all(name == DEFAULT_DRAFT for name, step in named.items() if step.stage is Stage.DRAFT):
        brought.add(DEFAULT_DRAFT)
    for step in named.values():
        needs: tuple[str, ...] = getattr(step, "needs", ())
        if needs and not any(name in named for name in needs[1:]):
            brought.add(needs[0])
    return brought


def step_names() -> Mapping[str, tuple[str, ...]]:
    """Return where each step is imported from (``module:Class``) by name: our own, then those of installed packages."""
    return _NAMES.import_paths()


@cache
def step_type(name: str) -> type[Any]:
    """Load a step by name. A package whose step is broken harms nobody who does not ask for it.

    Raises:
        MethodError: there is no such step, two packages claim the name, or the step cannot be loaded or is none.
    """
    place, kind = _NAMES.load(name, check=option_types, also=ALIASES)
    if not isinstance(getattr(kind, "stage", None), Stage) or not callable(getattr(kind, "wrap", None)):
        raise MethodError(f"step {name!r} ({place}) is no step: it needs a stage and a method wrap")
    return cast(type[Any], kind)


def option_types(kind: type[Any]) -> Mapping[str, Any]:
    """Return the options of a step with their types, in declared order.

    Raises:
        TypeError: ``kind`` is no dataclass, or an option's type is none that can be written in a method's text.
    """
    hints = typing.get_type_hints(kind)
    options = {f.name: hints[f.name] for f in fields(kind) if f.init}
    for key, hint in options.items():
        if any(k not in (bool, int, float, str, type(None)) and get_origin(k) is not Literal for k in _parts(hint)):
            raise TypeError(f"option {key!r} has a type that cannot be written in a method's text: {hint}")
    return options


def written(value: object) -> str:
    """Return an option's value as it stands in a method's text.

    >>> written(True), written(None), written(0)
    ('yes', 'none', '0')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _nothing(task: Task) -> Prediction:
    raise AssertionError("a DRAFT step is the innermost")


def _make(name: str, options: str) -> Step:
    kind = step_type(name)
    allowed = option_types(kind)
    values: dict[str, object] = {}
    for option in filter(None, (o.strip() for o in options.split(","))):
        key, equals, value = (piece.strip() for piece in option.partition("="))
        if key not in allowed:
            raise MethodError(f"step {name!r} has no option {key!r}{meant(key, allowed)}")
        if not equals:
            raise MethodError(f"option {option!r} of step {name!r} has no value: write {option}=VALUE")
        if key in values:
            raise MethodError(f"option {key!r} of step {name!r} is given twice")
        values[key] = _read(f"option {key!r} of step {name!r}", value, allowed[key])
    for f in fields(kind):
        if f.init and f.name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise MethodError(f"step {name!r} needs its option {f.name!r}: write {name}:{f.name}=VALUE")
    try:
        step: Step = kind(**values)
    except ValueError as error:
        raise MethodError(f"step {name!r}: {error}") from error
    return step


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


def _read(what: str, text: str, kind: Any) -> object:
    """Turn an option's text into its field's type; of several the first that takes it."""
    known: dict[str, object] = {}
    for part in _parts(kind):
        if part is type(None):
            known["none"] = None
        elif get_origin(part) is Literal:
            known |= {written(choice): choice for choice in get_args(part)}
        elif part is bool:
            known |= {"yes": True, "no": False}
    if text in known:
        return known[text]
    if bool in _parts(kind) and text.lower() in _ALSO_BOOL:
        return _ALSO_BOOL[text.lower()]
    for part in _parts(kind):
        if part in (int, float, str):
            try:
                value = part(text)
            except ValueError:
                continue
            if value == value and value not in (math.inf, -math.inf):
                return value
    takes = [_NOUNS[part] for part in _parts(kind) if part in _NOUNS]
    raise MethodError(f"{what} is {text!r}, but takes {' or '.join([*takes, *known])}")


def _spelled(step: Step, defaults: bool = False) -> str:
    """Write the options that differ from their default, or all, in declared order."""
    shown = [
        f"{f.name}={written(getattr(step, f.name))}"
        for f in fields(step)  # type: ignore[arg-type]
        if defaults or getattr(step, f.name) != f.default
    ]
    return ":" + ",".join(shown) if shown else ""
