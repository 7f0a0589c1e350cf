"""What stands in a class because somebody wrote it, and what its objects hold."""

from __future__ import annotations

import abc
import re
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from struct import calcsize
from types import BuiltinFunctionType, FunctionType, GetSetDescriptorType, MemberDescriptorType, SimpleNamespace
from typing import Any

from spider_opt.evaluation.installed_packages import is_installed

_HEAP_TYPE = 1 << 9
_PLACES = frozenset(
    ("__module__", "__qualname__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__",
     "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__signature__")
)  # fmt: skip
_MADE_FROM_FIELDS = re.compile(r"__pydantic_(?!fields__|decorators__|computed_fields__)|__attrs_(?!attrs__)")
_PLACE = calcsize("P")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_HELD: Mapping[type, Any] = {
    object: lambda value: None,
    dict: lambda value: dict(dict.items(value)),
    OrderedDict: lambda value: dict(OrderedDict.items(value)),
    defaultdict: lambda value: {"factory": value.default_factory, "items": dict(dict.items(value))},
    deque: lambda value: {"most": value.maxlen, "items": list(deque.__iter__(value))},
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytes(bytearray.__iter__(value)),
    int: int.__int__,
    float: float.__float__,
    complex: lambda value: complex(value.real, value.imag),
    PurePath: PurePath.__str__,
    SimpleNamespace: lambda value: dict(vars(value)),
}
_UNCHANGING = (Enum, tuple, frozenset, str, bytes, int, float, complex, PurePath)


def annotations_of(thing: type | FunctionType) -> Mapping[str, object]:
    """Return the annotations of a class or a function, as far as they can be known."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(thing, format=annotationlib.Format.FORWARDREF)
    found = vars(thing).get("__annotations__") if isinstance(thing, type) else thing.__annotations__
    return found if isinstance(found, Mapping) else {"": found} if found else {}


def written_in(kind: type) -> Iterator[tuple[str, object]]:
    """Yield what is in a class, but for its annotations and what Python, or a library, made of its fields."""
    held = vars(kind)
    members = held.get("_member_map_", {}) if issubclass(kind, Enum) else {}
    for name, value in dict(held).items():
        if name in _PLACES or name in members or _MADE_FROM_FIELDS.match(name) or _is_made(value):
            continue
        if isinstance(value, MemberDescriptorType | GetSetDescriptorType) and value.__objclass__ is kind:
            continue
        if name == "__dataclass_params__":
            yield name, repr(value)
        elif name == "__doc__" and isinstance(value, str) and "__dataclass_fields__" in held:
            yield name, _ADDRESS.sub("", value)  # Python writes defaults into it
        elif name == "_abc_impl":
            yield name, _registered(kind)
        elif name != "__slots__" or isinstance(value, str | tuple | list | dict):
            yield name, value


def put_into(kind: type) -> dict[str, object]:
    """Return the functions of modules of one's own that somebody has put into a class of a package, or above it."""
    found: dict[str, object] = {}
    for base in kind.__mro__:
        for name, value in dict(vars(base)).items() if base.__flags__ & _HEAP_TYPE else ():
            wrapped = value.__func__ if isinstance(value, staticmethod | classmethod) else value
            function = wrapped.fget if isinstance(wrapped, property) else wrapped
            module = str(function.__globals__.get("__name__", "")) if type(function) is FunctionType else ""
            if module in sys.modules and not is_installed(module):
                found.setdefault(name, value)
    return found


def _registered(kind: type) -> list[object]:
    """Return the classes that a class takes for its own since somebody has registered them."""
    found: list[Any] = [one() for one in abc._get_dump(kind)[0]]  # type: ignore[attr-defined]
    return sorted((one for one in found if one is not None), key=lambda one: (one.__module__, one.__qualname__))


def _is_made(value: object) -> bool:
    """Tell whether a function was made of a class's fields."""
    if not isinstance(value, FunctionType):
        return False
    code = value.__code__
    return code.co_qualname.startswith("__create_fn__.") or code.co_filename.startswith("<attrs generated")


def state_of(value: object, kind: type) -> dict[str, object]:
    """Return the attributes of an object; none of its own code is run for it."""
    found: dict[str, object] = {}
    for base in kind.__mro__:
        if issubclass(PurePath, base):  # what paths keep in places, they keep as a text, too
            continue
        compiled = _is_compiled(base)
        for name, place in vars(base).items():
            if isinstance(place, MemberDescriptorType) and base.__flags__ & _HEAP_TYPE and not compiled:
                try:
                    found[name] = place.__get__(value, kind)
                except AttributeError:
                    continue
            elif name == "__dict__" and isinstance(place, GetSetDescriptorType):
                found.update(place.__get__(value, kind))
    return found


def held_in(value: object, kind: type) -> tuple[object, bool] | None:
    """Return what an object holds beside its attributes, and whether it can change; None where that cannot be seen.

    Source: ``object.__reduce_ex__``, which takes the same base for the one that has a state of its own, and finds out
    by the same sizes whether there is more.
    """
    base: type
    for base in kind.__mro__:
        if base is PurePath or not base.__flags__ & _HEAP_TYPE or _is_compiled(base):
            break
    slots = sum(isinstance(one, MemberDescriptorType) for above in kind.__mro__ for one in vars(above).values())
    places = kind.__dictoffset__, kind.__weakrefoffset__
    known = slots + sum(place > 0 or (place < 0 < base.__itemsize__) for place in places)
    if kind.__basicsize__ // _PLACE > -(-base.__basicsize__ // _PLACE) + known:
        return None
    if base not in _HELD:  # one that is no larger than any object holds nothing
        return (None, True) if kind.__basicsize__ == object.__basicsize__ and not kind.__itemsize__ else None
    return _HELD[base](value), not issubclass(kind, _UNCHANGING)


def _is_compiled(kind: type) -> bool:
    new = vars(kind).get("__new__")
    return isinstance(new, BuiltinFunctionType) and new.__self__ is kind


def is_a_sign(value: object, kind: type) -> bool:
    """Tell whether an object holds nothing, such as ``dataclasses.MISSING``, and does not stand for another one."""
    stands = any(name in vars(base) for base in kind.__mro__[:-1] for name in ("__getattr__", "__getattribute__"))
    nothing = held_in(value, kind) == (None, True) and not state_of(value, kind).keys() - {"__module__"}
    return nothing and not stands
