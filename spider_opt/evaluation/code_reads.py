"""What compiled code reads from outside of itself, by name."""

from __future__ import annotations

import dis
import inspect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from operator import attrgetter
from runpy import run_module, run_path
from types import CodeType, FunctionType

_GLOBAL = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"))
_ATTRIBUTE = frozenset(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"))
_CHANGES = frozenset(("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"))
_VARIABLE = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", *_GLOBAL)
_CALLS = frozenset(("PRECALL", "CALL", "CALL_KW", "CALL_FUNCTION_EX"))
_FINDS_BY_NAME = frozenset(("eval", "exec", "globals", "__import__"))
_FINDS_ANYTHING = frozenset(
    ("import_module", "run_module", "run_path", "__globals__", "f_globals", "f_locals", "__subclasses__")
)
_ASKS_BY_NAME = frozenset(("vars", "dir", "__dict__", "getmembers", "getattr_static", "attrgetter", "__getattribute__"))
ANY = "*"
FINDERS = (eval, exec, globals, __import__, import_module, run_module, run_path)
"""Functions that find what nobody can know before, whatever they are called."""
ASKERS = (getattr, vars, dir, inspect.getmembers, inspect.getattr_static, attrgetter)
"""Functions that may ask an object for any name."""


@dataclass(slots=True)
class Reads:
    """The names that code and the code in it use.

    ``changed`` are the variables outside of it that it changes, ``names`` all that may be a name, such as a text, and
    ``behind`` the names that stand behind each with a dot, ANY where it is handed on. ``imports`` has what is imported
    as it runs, and which names from there. ``finds`` are names that find what nobody can know before, ``any_name``
    tells that it asks objects for names that it puts together.
    """

    variables: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    behind: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    imports: list[tuple[str, Iterable[str] | None]] = field(default_factory=list)
    finds: set[str] = field(default_factory=set)
    any_name: bool = False


def reads(code: CodeType, outside: Mapping[str, object]) -> Reads:
    """Return what code reads; ``outside`` are the variables of its module."""
    found = Reads()
    _read(code, outside, found)
    return found


def _read(code: CodeType, outside: Mapping[str, object], found: Reads) -> None:
    steps = list(dis.get_instructions(code))
    found.names.update(code.co_names)
    for i, (step, after) in enumerate(pairwise([*steps, steps[-1]])):
        name = str(step.argval)
        if step.opname.startswith(_VARIABLE) or step.opname in _ATTRIBUTE:
            last = str(step.argval[-1] if isinstance(step.argval, tuple) else step.argval)
            found.behind[last].add(str(after.argval) if after.opname in _ATTRIBUTE else ANY)
        if step.opname in _GLOBAL:
            found.variables.add(name)
            function = outside.get(name)
            own = type(function) is FunctionType and function.__module__ == outside.get("__name__")
            if (name in _FINDS_BY_NAME and name not in outside) or (name in _FINDS_ANYTHING and not own):
                found.finds.add(name)
            if (name in _ASKS_BY_NAME and not own) or (name == "getattr" and not _is_said(steps[i + 1 :])):
                found.any_name = True
        elif step.opname in _ATTRIBUTE:
            if name in _FINDS_ANYTHING or (name == "modules" and steps[i - 1].argval == "sys"):
                found.finds.add(name)
            found.any_name |= name in _ASKS_BY_NAME
        elif step.opname in _CHANGES:
            found.changed.add(name)
        elif step.opname == "IMPORT_NAME":  # below it lie how far up it looks, and the names that are wanted
            wanted = steps[i - 1].argval
            found.imports.append(("." * int(steps[i - 2].argval) + name, wanted))
            called = name.rpartition(".")[2]
            if wanted is None and after.opname.startswith("STORE_"):
                found.behind[called] = found.behind[str(after.argval)]
            else:
                found.behind[called].update(wanted or (ANY,))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _read(constant, outside, found)
        else:
            texts = constant if isinstance(constant, tuple) else (constant,)
            found.names.update(text for text in texts if isinstance(text, str) and text.isidentifier())


def _is_said(steps: Sequence[dis.Instruction]) -> bool:
    """Tell whether the steps behind ``getattr`` call it with a name that stands in the code."""
    depth, second, behind = 0, None, False
    for step in steps:
        if step.opname in _CALLS and step.arg == depth:
            return second is not None and second.opname == "LOAD_CONST" and not behind
        if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            return False
        before = depth
        depth += dis.stack_effect(step.opcode, step.arg if step.opcode >= dis.HAVE_ARGUMENT else None)
        if depth < 2:
            second, behind = None, False
        elif before == 1:
            second = step if depth == 2 else None
        else:  # what may make the name of what was there, and is no mere default
            behind |= not step.opname.startswith("LOAD_") and not (step.opname.startswith("BUILD_") and step.arg == 0)
    return False
