"""Values and code as text that is equal only where they are: in every process, whatever the order of a set."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path, PurePath
from re import Pattern
from types import BuiltinFunctionType, CodeType, EllipsisType, GenericAlias, ModuleType, NoneType, UnionType
from uuid import UUID

_BY_REPR = (
    NoneType, bool, int, float, complex, str, bytes, EllipsisType, range, slice, datetime, date, time, timedelta,
    Decimal, Fraction, UUID, GenericAlias, UnionType,
)  # fmt: skip


class Unseen(Exception):
    """A value is none that has a text."""


def plain(value: object) -> str:
    """Return the text of a value that cannot change.

    Raises:
        Unseen: it can, or it cannot be looked into.

    >>> plain((1, True, "a")), plain(frozenset("ba"))
    ("tuple(int 1, bool True, str 'a')", "frozenset(str 'a', str 'b')")
    """
    kind = type(value)
    if kind in _BY_REPR or kind.__module__ == "typing":
        return f"{kind.__name__} {value!r}"
    if isinstance(value, CodeType):
        return code_text(value)
    if kind is tuple:
        return f"tuple({', '.join(map(plain, value))})"  # type: ignore[call-overload]
    if kind is frozenset:
        return f"frozenset({', '.join(sorted(map(plain, value)))})"  # type: ignore[call-overload]
    if isinstance(value, PurePath):
        return f"{kind.__name__} {value}"
    if isinstance(value, Pattern):
        return f"Pattern {value.pattern!r} {value.flags}"
    if isinstance(value, Enum) and not is_installed(kind.__module__):
        return f"{kind.__qualname__}.{value.name} {plain(value.value)}"
    if isinstance(value, type | BuiltinFunctionType | Enum) and is_installed(kind.__module__):
        return _installed(value)
    raise Unseen


def code_text(code: CodeType) -> str:
    """Return all that running code depends on, but for where it stands and what it is called."""
    layout = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return f"code({layout} {names} {code.co_code.hex()} {code.co_exceptiontable.hex()} {plain(code.co_consts)})"


def _installed(value: type | BuiltinFunctionType | Enum) -> str:
    """Return the text of a class or function of an installed package."""
    if isinstance(value, BuiltinFunctionType):
        at = value.__self__
        if not (at is None or isinstance(at, ModuleType | type)):
            raise Unseen
    elif isinstance(value, Enum):
        return f"{_installed(type(value))}.{value.name}"
    module = str(value.__module__)
    if not is_installed(module):
        raise Unseen
    return f"{module}.{value.__qualname__} {version_of(module)}"


@cache
def is_installed(module: str) -> bool:
    """Tell whether a module comes with Python or a package, rather than being of one's own project."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == __name__.partition(".")[0]:
        return True
    if top in ("", "__main__", "__mp_main__"):
        return False
    found = sys.modules.get(top)
    try:
        spec = getattr(found, "__spec__", None) or importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    origin = spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), None))
    if not origin or origin in ("built-in", "frozen"):
        return bool(origin)
    return any(part in ("site-packages", "dist-packages") for part in Path(origin).parts) or any(
        Path(origin).is_relative_to(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")
    )


def version_of(module: str) -> str:
    """Return the version of an installed module, where it tells one; nothing is imported for it."""
    found = sys.modules.get(module.partition(".")[0])
    version = vars(found).get("__version__") if found else None
    return version if isinstance(version, str) else ""
