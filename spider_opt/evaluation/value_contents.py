"""What is in values of Python's own, and of a few packages, that hold others: containers, wrappers, types, fields."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from functools import cached_property, partial, partialmethod
from operator import attrgetter, itemgetter, methodcaller
from types import (
    BuiltinMethodType,
    ClassMethodDescriptorType,
    GenericAlias,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    SimpleNamespace,
    UnionType,
    WrapperDescriptorType,
)
from typing import Any, get_origin

from spider_opt.evaluation.class_contents import state_of
from spider_opt.evaluation.installed_packages import is_a_packages, is_installed
from spider_opt.evaluation.plain_values import Unseen, order

HOLDERS = frozenset((OrderedDict, defaultdict, deque, Counter, SimpleNamespace))
"""Classes of Python's own whose objects are walked as those of one's own classes are."""

_DESCRIPTORS = (
    MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType, GetSetDescriptorType, MemberDescriptorType,
)  # fmt: skip
_GETTERS = (itemgetter, attrgetter, methodcaller)
_TYPING = ("typing", "typing_extensions", "annotationlib")
_WHOLE = frozenset(
    ("dataclasses.Field", "dataclasses._FIELD_BASE", "dataclasses.InitVar", "pydantic.fields.FieldInfo",
     "pydantic.fields.ModelPrivateAttr", "attr._make.Attribute", "attr._make.Factory", "attr._make.Converter",
     "enum.nonmember", "enum.member", "string.Template", "argparse.Namespace", "threading.Condition",
     "threading.Semaphore", "threading.BoundedSemaphore", "threading.Event")
)  # fmt: skip
_OF_ONE_PROCESS = frozenset(("cls_ref", "_cache"))


def members(value: Any, kind: type) -> list[object] | None:
    """Return what is in a container of Python's own, in order; None where it is none."""
    if type(kind) is not type:
        return None
    if kind in (list, tuple):
        return list(value)
    if kind in (dict, MappingProxyType):
        return [thing for item in value.items() for thing in item]
    if kind in (set, frozenset):
        found = {order(one): one for one in value}
        if len(found) < len(value):
            raise Unseen
        return [found[key] for key in sorted(found)]
    return [bytes(value)] if kind is bytearray else None


def inside(value: Any, kind: type) -> Mapping[str, object] | None:
    """Return what a wrapper of Python's own holds, a type that is made of others, or a field; None where it is none."""
    if issubclass(kind, MethodType | BuiltinMethodType | MethodWrapperType):
        return _method(value)
    if issubclass(kind, _DESCRIPTORS):
        return {"of": value.__objclass__, "name": value.__name__}
    for wrapper, parts in _WRAPPERS.items():
        if issubclass(kind, wrapper):
            return {name: getattr(value, name) for name in parts} | state_of(value, kind)
    if kind.__qualname__ == "_lru_cache_wrapper":
        return {**value.cache_parameters(), **vars(value)}
    if kind.__qualname__ == "_tuplegetter" or kind in _GETTERS:
        return {"is": value.__reduce__()[1:]}
    if kind.__module__ in _TYPING or issubclass(kind, GenericAlias | UnionType):
        return _type(value)
    return _attributes(value, kind)


_WRAPPERS: Mapping[type, tuple[str, ...]] = {
    partial: ("func", "args", "keywords"),
    partialmethod: (),
    property: ("fget", "fset", "fdel", "__doc__"),
    cached_property: (),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
}


def _method(value: Any) -> Mapping[str, object]:
    owner, name = value.__self__, value.__name__
    module = type(owner).__module__
    if is_a_packages(type(owner)) and vars(sys.modules[module]).get(name) == value:  # random.choice and the like
        return {"module": sys.modules[module], "name": name}
    if isinstance(value, BuiltinMethodType) and type(owner) is type(sys):  # a compiled module of one's own
        raise Unseen
    function: Callable[..., object] | None = getattr(value, "__func__", None)
    return {"self": owner, "name": name, "function": function}


def _type(value: Any) -> Mapping[str, object]:
    if (origin := get_origin(value)) is not None:
        return {"origin": origin, "args": value.__args__, "more": getattr(value, "__metadata__", ())}
    names = ("__name__", "__bound__", "__constraints__", "__default__", "__supertype__", "__value__", "__forward_arg__")
    return {name: getattr(value, name) for name in names if hasattr(value, name)} or {"is": repr(value)}


def _attributes(value: object, kind: type) -> Mapping[str, object] | None:
    """Return what is in an object of a library that holds nothing but its attributes, as what says how a field is."""
    if not is_a_packages(kind):
        return None
    params = vars(kind).get("__dataclass_params__")
    pydantics = kind.__module__.startswith(("pydantic.", "annotated_types")) and params is not None
    if (
        not pydantics
        and not getattr(params, "frozen", False)
        and f"{kind.__module__}.{kind.__qualname__}" not in _WHOLE
    ):
        return None
    held = state_of(value, kind)
    return {name: held[name] for name in sorted(held) if name not in _OF_ONE_PROCESS}


def is_loose(module: str) -> bool:
    """Tell whether an installed module is no part of Python, so that its variables may be anybody's settings."""
    return is_installed(module) and module.partition(".")[0] not in sys.stdlib_module_names
