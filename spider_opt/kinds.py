"""Whether what a file says is of the kind that it must be: JSON can say anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

Kind = type | tuple[type, ...]
NUMBER: Kind = (int, float)


def check_kinds(entry: Mapping[str, object], kinds: Mapping[str, Kind], *, signed: Iterable[str] = ()) -> None:
    """Make sure that each value of an entry that ``kinds`` names is of its kind; True is no number.

    Numbers are finite, and only the ``signed`` ones may be negative.

    Raises:
        TypeError, ValueError: names the value.

    >>> check_kinds({"n": 3, "more": "x"}, {"n": int})
    """
    for name, kind in kinds.items():
        if name not in entry:
            continue
        value = entry[name]
        allowed = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise TypeError(f"its {name} is {value!r}")
        if isinstance(value, int | float) and (not math.isfinite(value) or (value < 0 and name not in signed)):
            raise ValueError(f"its {name} is {value!r}")


def check_all(name: str, values: object, kind: Kind) -> None:
    """Make sure that what is in a list, or an object, is of a kind.

    Raises:
        TypeError, ValueError: names the value.
    """
    inside = values.values() if isinstance(values, Mapping) else values
    if isinstance(inside, str) or not isinstance(inside, Iterable):
        raise TypeError(f"its {name} is {values!r}")
    for value in inside:
        check_kinds({name: value}, {name: kind})
