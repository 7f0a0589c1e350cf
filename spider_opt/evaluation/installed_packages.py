"""What comes with Python or with a package, and what such a package is now: its files, and its settings."""

from __future__ import annotations

import dis
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from spider_opt.package_files import SITES, files_hash, origin_of, place_of, time_of
from spider_opt.package_needs import needs_hash

_OURS = __name__.partition(".")[0]
_HEAP_TYPE = 1 << 9  # a class that was made as the program runs
_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_ELSEWHERE = frozenset(("globals", "exec", "eval", "setattr", "vars"))


@cache
def is_installed(module: str) -> bool:
    """Tell whether a module comes with Python or a package, rather than being of one's own project."""
    top = module.partition(".")[0]
    if top == _OURS:
        return True
    if top in ("", "__main__", "__mp_main__"):
        return False
    origin, pythons = origin_of(module), top in sys.stdlib_module_names
    if not origin or origin in ("built-in", "frozen"):
        return bool(origin) or pythons
    path = Path(origin)
    if any(part in SITES for part in path.parts):
        return True
    places = ("stdlib", "platstdlib") if pythons else ("purelib", "platlib")
    return any(path.is_relative_to(sysconfig.get_path(place)) for place in places)


def is_a_packages(kind: type) -> bool:
    """Tell whether a class is one that an installed module has, and not one that its code made as it ran."""
    if not is_installed(str(kind.__module__)):
        return False
    return not kind.__flags__ & _HEAP_TYPE or is_found(kind)


def is_found(thing: type | FunctionType) -> bool:
    """Tell whether something stands in its module under its name."""
    at: object = sys.modules.get(thing.__module__)
    for name in thing.__qualname__.split("."):
        at = vars(at).get(name) if isinstance(at, ModuleType | type) else None
    at = at.__func__ if isinstance(at, staticmethod | classmethod) else at
    return at is thing


def version_of(module: str) -> str:
    """Return what an installed module is now: its package's files, what that needs, and settings that were changed.

    The files, and those of the packages that it requires or imports, count as hashes. What came with Python has none,
    and nothing is imported.

    Raises:
        OSError: there are no files, or they cannot be read.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return ""
    changed = [f"{name}={value!r}" for one in dict.fromkeys((top, module)) for name, value in _settings(one)]
    site, root = place_of(module)
    own, needs = files_hash(site, root, time_of(site)), needs_hash(site, root)
    return " ".join((own, *([f"needs {needs}"] if needs else []), *changed))


def _settings(module: str) -> Iterator[tuple[str, object]]:
    """Yield the public variables of a module that somebody has given another value since it was loaded.

    Texts, numbers and the like; what is secret is never part of what a function is.
    """
    found = sys.modules.get(module)
    if not isinstance(found, ModuleType):
        return
    first, bound = _loaded_with(module)
    for name, value in sorted(dict(vars(found)).items()):
        if name.startswith("_") or type(value) not in (str, int, float, bool, type(None)) or _SECRET.search(name):
            continue
        if (type(value), value) != (type(first[name]), first[name]) if name in first else name not in bound:
            yield name, value


class _All(frozenset[str]):
    """Names of which none is missing."""

    def __contains__(self, name: object) -> bool:
        return True


@cache
def _loaded_with(module: str) -> tuple[Mapping[str, object], frozenset[str]]:
    """Return the constants that a module's code gives its variables, and the names of all that it gives anything."""
    try:
        code = sys.modules[module].__spec__.loader.get_code(module)  # type: ignore[union-attr]
        steps = list(dis.get_instructions(code))
    except Exception:  # it is no Python, or is loaded in ways of its own
        return {}, _All()
    first: dict[str, object] = {}
    bound = frozenset(str(step.argval) for step in steps if step.opname in ("STORE_NAME", "STORE_GLOBAL"))
    twice = set()
    for before, step in zip([steps[0], *steps], steps, strict=False):
        if step.opname == "STORE_NAME":
            twice.update({step.argval} & first.keys())
            first[step.argval] = before.argval if before.opname == "LOAD_CONST" and not step.is_jump_target else ...
    first = {name: value for name, value in first.items() if value is not ... and name not in twice}
    stars = any("STAR" in step.opname or (step.argval == 2 and "INTRINSIC" in step.opname) for step in steps)
    return first, _All() if stars or _ELSEWHERE & _names_in(code) else bound


def _names_in(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names_in(one) for one in code.co_consts if isinstance(one, CodeType)))
