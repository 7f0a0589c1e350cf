"""What comes with Python or with a package, and what such a package is now: its files, and its settings."""

from __future__ import annotations

import base64
import dis
import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

_OURS = __name__.partition(".")[0]
_SITES = ("site-packages", "dist-packages")
_HEAP_TYPE = 1 << 9  # a class that was made as the program runs
_NOT_RUN = (".pyc", ".pyi", ".h", ".hpp", ".cuh")
_LARGE = 1 << 20
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
    origin, pythons = _origin(module), top in sys.stdlib_module_names
    if not origin or origin in ("built-in", "frozen"):
        return bool(origin) or pythons
    path = Path(origin)
    if any(part in _SITES for part in path.parts):
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
    """Return what an installed module is now: a hash of its package's files, and its settings where any was changed.

    What came with Python has none, and nothing is imported.

    Raises:
        OSError: there are no files, or they cannot be read.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return ""
    changed = [f"{name}={value!r}" for one in dict.fromkeys((top, module)) for name, value in _settings(one)]
    site, root = _root(module)
    return " ".join((_files(site, root, os.stat(site).st_mtime_ns), *changed))


def _origin(module: str) -> str:
    """Return the file of a module, or of its top package where it is not loaded; '' where there is none."""
    top = module.partition(".")[0]
    found = sys.modules.get(module) or sys.modules.get(top)
    held = vars(found) if isinstance(found, ModuleType) else {}
    try:
        spec = held.get("__spec__") or (None if held.get("__file__") else importlib.util.find_spec(top))
    except (ImportError, ValueError, AttributeError):
        return ""
    locations = getattr(spec, "submodule_search_locations", None) or ()
    return str(getattr(spec, "origin", None) or held.get("__file__") or next(iter(locations), ""))


def _root(module: str) -> tuple[Path, str]:
    """Return the folder that packages are in, and where in it the module's package is."""
    if not _origin(module):
        raise FileNotFoundError(module)
    path = Path(_origin(module))
    sites = [folder for folder in path.parents if folder.name in _SITES]
    if not sites:  # ours, or in a folder of packages that has another name
        top = Path(_origin(module.partition(".")[0]))
        at = top.parent if top.name == "__init__.py" else top
        return at.parent, at.name
    parts = path.relative_to(sites[0]).parts
    for n in range(1, len(parts)):  # packages of several distributions may share their first names
        if (sites[0].joinpath(*parts[:n]) / "__init__.py").exists():
            return sites[0], "/".join(parts[:n])
    return sites[0], "/".join(parts)


@cache
def _files(site: Path, root: str, installed_at: int) -> str:
    """Return a hash of a package: of its distribution's list of files, and of what is not as the list says.

    Where no list says what is in them, of the files. It is made anew when anything was installed since.
    """
    at, record = site / root, _record(site, f"{root}/__init__.py" if (site / root).is_dir() else root)
    lines = _listed(site, record) if record else None
    if lines is None:
        paths = sorted(path for path in at.rglob("*") if path.is_file()) if at.is_dir() else [at]
        lines = [
            f"{path.relative_to(site).as_posix()} "
            f"{_digest(path) if path.suffix == '.py' or (size := path.stat().st_size) < _LARGE else size}"
            for path in paths
            if path.suffix not in _NOT_RUN
        ]
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


def _record(site: Path, listed: str) -> Path | None:
    """Return the list of files that a file is in; those of distributions that are called like it are seen first."""
    name, wanted = listed.partition("/")[0].removesuffix(".py").lower(), f"{listed},".encode()
    infos = [info for info in os.listdir(site) if info.endswith(".dist-info")]
    for info in sorted(infos, key=lambda info: (info.partition("-")[0].lower() != name, info)):
        record = site / info / "RECORD"
        try:
            text = record.read_bytes()
        except OSError:
            continue
        if text.startswith(wanted) or b"\n" + wanted in text:
            return record
    return None


def _listed(site: Path, record: Path) -> list[str] | None:
    """Return the files that a list has, with their hashes; None where it has not that of each.

    A file that has another size now, or was written after the list, is read.
    """
    written, lines = record.stat().st_mtime_ns, []
    for row in record.read_text(encoding="utf-8").splitlines():
        name, digest, size = f",,{row}".rsplit(",", 2)
        name = name.lstrip(",").strip('"')
        if not name or name.endswith(_NOT_RUN) or name.startswith(("..", "/", record.parent.name)):
            continue
        if not digest:
            return None
        try:
            now = os.stat(f"{site}/{name}")
            if str(now.st_size) != size or now.st_mtime_ns > written:
                digest = _digest(site / name)
        except OSError:
            digest = "not there"
        lines.append(f"{name} {digest}")
    return sorted(lines)


def _digest(path: Path) -> str:
    """Return the hash of a file as lists of files have it."""
    return "sha256=" + base64.urlsafe_b64encode(sha256(path.read_bytes()).digest()).decode().rstrip("=")


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
