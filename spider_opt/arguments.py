"""What the public functions are given, looked at before anything is done with it.

Each function here returns a value as the kind that is due, or raises a ``UsageError`` that says what was given and what
to give. What a value means (a benchmark's name, a method's text) is for those to say who know it.
"""

from __future__ import annotations

import errno
import inspect
import math
import operator
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import Any, TypeVar

from spider_opt.errors import UsageError
from spider_opt.types import Benchmark
from spider_opt.wording import argument

LAST_SEED = 2**31 - 1
"""What computes a model takes no larger one, and has other uses for negative ones."""
K = TypeVar("K")
_OPTIONS = {"timeout_s": "--timeout", "baseline": "--against"}


def text(value: object, name: str, *, blank: bool = False) -> str:
    """Return a text, which may be ``blank`` or not."""
    if not isinstance(value, str):
        raise wrong(value, name, "text")
    if not blank and not value.strip():
        raise UsageError(f"{called(name)} is empty: give some text")
    return value


def secret(value: object, name: str) -> str:
    """Return a text that no message shows."""
    if not isinstance(value, str):
        raise UsageError(f"{called(name)} must be text, and is of the kind {type(value).__name__}")
    return value


def path(value: object, name: str) -> Path:
    """Return a path, with ``~`` for the user's home folder."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise wrong(value, name, "a path: text, or a Path")
    named = str(os.fspath(value))
    if not named.strip():
        raise UsageError(f"{called(name)} is empty: name a file or a folder")
    if "\0" in named:
        raise UsageError(f"{called(name)} has a null character, as no file's name has")
    try:
        found = Path(named).expanduser()
        os.stat(found)
    except (FileNotFoundError, NotADirectoryError):
        pass  # what is not there may be made, or is missed by who reads it
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"{called(name)} is {shown(named)}, which is too long for a path: name a file") from None
        raise UsageError(f"{called(name)} is {shown(named)}, which cannot be opened: {error.strerror}") from None
    except RuntimeError:
        raise UsageError(f"{called(name)} is {shown(named)}, but there is no user of that name here") from None
    return found


def whole(value: object, name: str, *, least: int, most: int | None = None, said: str = "") -> int:
    """Return a whole number; that of another package's kind is one, too. ``said`` is its name in messages."""
    due = f"a whole number from {least} {'on' if most is None else f'to {most}'}"
    try:
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise wrong(value, name, due, said) from None
    if isinstance(value, bool) or found < least or (most is not None and found > most):
        raise wrong(value, name, due, said)
    return found


def seed(value: object) -> int:
    """Return a seed."""
    return whole(value, "seed", least=0, most=LAST_SEED)


def number(value: object, name: str, *, least: float = 0, above: bool = False) -> float:
    """Return a finite number that is ``least`` or more, or, where it must be, ``above`` that."""
    due = f"a number above {least:g}" if above else f"a number from {least:g} on"
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise wrong(value, name, due)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong(value, name, due) from None
    if not math.isfinite(found) or found < least or (above and found == least):
        raise wrong(value, name, due)
    return found


def yes_or_no(value: object, name: str) -> bool:
    """Return True or False; what merely counts as one of them may be a slip (``"no"``)."""
    if not isinstance(value, bool):
        raise wrong(value, name, "True or False")
    return value


def one_of(value: object, name: str, choices: Sequence[str]) -> str:
    """Return one of some texts."""
    if not isinstance(value, str) or value not in choices:
        raise wrong(value, name, " or ".join(map(repr, choices)))
    return value


def texts(value: object, name: str) -> list[str]:
    """Return texts of a list or whatever else gives them one by one; a text alone is none."""
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else None
    if items is None:
        raise wrong(value, name, "a list of texts")
    for item in items:
        if not isinstance(item, str):
            raise UsageError(f"{called(name)} has {shown(item)}, but must be a list of texts")
    return items


def mapping(value: object, name: str) -> dict[str, Any]:
    """Return a dictionary of texts to whatever there is."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{called(name)} must be a dictionary with text for its keys")
    return dict(value)


def function(value: object, name: str, takes: str = "") -> Callable[..., Any]:
    """Return what can be called, with what it ``takes`` ("label, total") where it says what it does."""
    due = f"a function of ({takes})" if takes else "a function"
    if not callable(value):
        raise wrong(value, name, due)
    if takes:
        try:
            inspect.signature(value).bind(*takes.split(", "))
        except TypeError:
            raise UsageError(f"{called(name)} takes other arguments, but must be {due}") from None
        except ValueError:  # it does not say what it takes
            pass
    return value


def instance(value: object, name: str, kind: type[K], due: str) -> K:
    """Return a thing of a kind; ``due`` says in words what to give."""
    if not isinstance(value, kind):
        raise wrong(value, name, due)
    return value


def benchmark(value: object) -> Benchmark:
    """Return a benchmark."""
    return instance(value, "benchmark", Benchmark, "a benchmark: load one, as in load('spider-mini')")


def wrong(value: object, name: str, due: str, said: str = "") -> UsageError:
    """Return the error that says what was given, and what is due."""
    return UsageError(f"{said or called(name)} is {shown(value)}, but must be {due}")


def gave(value: object, name: str, due: str) -> UsageError:
    """Return the error that says what a function that was given gave, and what is due of it."""
    return UsageError(f"{called(name)} gave {shown(value)}, but must give {due}")


def called(name: str) -> str:
    """Return what an argument is called, to whoever is spoken to."""
    return argument(name, option=_OPTIONS.get(name, ""))


def shown(value: object) -> str:
    """Return a value in a few words, or where it would take many, its kind.

    >>> shown("3"), shown([0]), shown(object())
    ("'3'", '[0]', 'an object of the kind object')
    """
    if value is None or isinstance(value, str | bytes | Number | list | tuple | dict | set):
        return reprlib.repr(value)
    if isinstance(value, os.PathLike):
        return repr(value)
    return f"an object of the kind {type(value).__name__}"
