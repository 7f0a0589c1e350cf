"""Values and code as text that is equal only where they are: in every process, whatever the order of a set."""

from __future__ import annotations

import copyreg
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from hashlib import sha256
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from re import Pattern
from types import BuiltinFunctionType, CodeType, EllipsisType, ModuleType, NoneType, NotImplementedType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from spider_opt.evaluation.installed_packages import is_a_packages, is_installed, version_of

_BY_REPR = (
    NoneType, bool, float, complex, str, bytes, EllipsisType, NotImplementedType, range, date, timedelta, Decimal,
    Fraction, UUID, timezone,
)  # fmt: skip
_PATHS = (PosixPath, PurePosixPath, WindowsPath, PureWindowsPath)


class Unseen(Exception):
    """A value is none that has a text."""


def plain(value: Any) -> str:
    """Return the text of a value that cannot change.

    Raises:
        Unseen: it can, or there is more to it, which is walked.

    >>> plain((1, True, "a")), plain(frozenset("ba"))
    ("tuple(int 1, bool True, str 'a')", "frozenset(str 'a', str 'b')")
    """
    kind = type(value)
    if type(kind) is not type:  # such a class may say that it equals any
        return _of_package(value, kind)
    if kind in _BY_REPR:
        return f"{kind.__name__} {value!r}"
    if kind is int:  # Python writes no long ones in tens
        return f"int {value if value.bit_length() < 64 else hex(value)}"
    if kind in (datetime, time) and (value.tzinfo is None or type(value.tzinfo) in (timezone, ZoneInfo)):
        return f"{kind.__name__} {value!r}"
    if kind is CodeType:
        return code_text(value)
    if kind in (tuple, frozenset):
        texts = map(plain, value)
        return f"{kind.__name__}({', '.join(texts if kind is tuple else sorted(texts))})"
    if kind is slice:
        return f"slice({plain((value.start, value.stop, value.step))})"
    if kind in _PATHS:
        return f"{kind.__name__} {value}"
    if kind is Pattern:
        return f"Pattern {value.pattern!r} {value.flags}"
    if issubclass(kind, type) and is_a_packages(value):
        return f"{value.__module__}.{value.__qualname__} {version_of(value.__module__)}"
    return _of_package(value, kind)


def code_text(code: CodeType) -> str:
    """Return all that running code depends on, but for where it stands."""
    layout = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_qualname, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return f"code({layout} {names} {code.co_code.hex()} {code.co_exceptiontable.hex()} {plain(code.co_consts)})"


def order(value: Any) -> str:
    """Return what a member of a set is sorted by.

    Raises:
        Unseen: there is nothing that is the same in each process.
    """
    if issubclass(type(value), Enum):
        return f"{type(value).__module__}.{type(value).__qualname__}.{value.name}"
    return plain(value)


def _of_package(value: Any, kind: type) -> str:
    """Return the text of a function or a constant that an installed package has under a name."""
    if kind is BuiltinFunctionType:
        at = value.__self__
        if (at is None or isinstance(at, ModuleType | type)) and is_installed(str(value.__module__)):
            return f"{value.__module__}.{value.__qualname__} {version_of(value.__module__)}"
        raise Unseen
    if not is_a_packages(kind):
        raise Unseen
    if issubclass(kind, Enum):
        return f"{plain(kind)}.{value.name if isinstance(value.name, str) else plain(value.value)}"
    if kind.__module__.partition(".")[0] == "numpy" and (text := _of_numpy(value)):
        return text
    if kind.__module__ in ("builtins", "collections") or not (name := _is_one_of_a_kind(value, kind)):
        raise Unseen
    return f"{plain(kind)} {name}"


def _is_one_of_a_kind(value: Any, kind: type) -> str:
    """Return the name under which a module has a value, where it is stored as that name; else ''."""
    reduce: Any = copyreg.dispatch_table.get(kind) or kind.__reduce__
    name = reduce(value) if reduce is not object.__reduce__ else None
    if not isinstance(name, str):
        return ""
    for module in (str(getattr(value, "__module__", "")), kind.__module__):
        if is_installed(module) and vars(sys.modules[module]).get(name) is value:
            return name
    return ""


def _of_numpy(value: Any) -> str:
    numpy: Any = sys.modules["numpy"]
    if isinstance(value, numpy.dtype):
        return f"dtype {value.str} {value.descr if value.names else ''}"
    if not isinstance(value, numpy.ndarray | numpy.generic):
        return ""
    if value.dtype.hasobject or (isinstance(value, numpy.ndarray) and type(value) is not numpy.ndarray):
        raise Unseen
    digest = sha256(numpy.ascontiguousarray(value).reshape(-1).view(numpy.uint8)).hexdigest()
    return f"{type(value).__name__} {_of_numpy(value.dtype)} {value.shape} {digest}"
