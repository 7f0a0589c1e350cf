"""What stands in a class because somebody wrote it, and where its objects keep what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType

from spider_opt.evaluation.plain_values import is_installed

_FIELDS = (MemberDescriptorType, GetSetDescriptorType)


def is_pythons_own(kind: type, name: str, value: object) -> bool:
    """Tell whether an attribute of a class was made by Python and not written by anybody."""
    of_fields = is_dataclass(kind) or hasattr(kind, "_fields") or issubclass(kind, Enum)
    if isinstance(value, FunctionType):
        made = value.__code__.co_filename.startswith("<string>") or is_installed(str(value.__globals__.get("__name__")))
        return (made and of_fields and name.startswith("_")) or name in ("__annotate__", "__annotate_func__")
    if isinstance(value, _FIELDS) or type(value).__name__ == "_tuplegetter" or name.startswith("_abc_"):
        return True
    return (name.startswith("_") and issubclass(kind, Enum)) or (_is_special(name) and name != "__doc__")


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def slots_of(kind: type) -> Iterator[str]:
    """Yield the attributes that a class's objects have places for."""
    slots = vars(kind).get("__slots__", ())
    for slot in (slots,) if isinstance(slots, str) else tuple(slots):
        if slot not in ("__dict__", "__weakref__"):
            yield f"_{kind.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
