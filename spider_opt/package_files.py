"""Where a package is, and what its files are: by the list that its distribution has of them, or by reading them."""

from __future__ import annotations

import base64
import importlib.util
import os
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

SITES = ("site-packages", "dist-packages")
NOT_RUN = (".pyc", ".pyi", ".h", ".hpp", ".cuh")
_LARGE = 1 << 20


def time_of(site: Path) -> int:
    """Return when something was last put into a folder of packages, or taken out of it."""
    return os.stat(site).st_mtime_ns


def origin_of(module: str) -> str:
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


def place_of(module: str) -> tuple[Path, str]:
    """Return the folder that packages are in, and where in it the module's package is."""
    if not origin_of(module):
        raise FileNotFoundError(module)
    path = Path(origin_of(module))
    sites = [folder for folder in path.parents if folder.name in SITES]
    if not sites:  # ours, or in a folder of packages that has another name
        top = Path(origin_of(module.partition(".")[0]))
        at = top.parent if top.name == "__init__.py" else top
        return at.parent, at.name
    parts = path.relative_to(sites[0]).parts
    for n in range(1, len(parts)):  # packages of several distributions may share their first names
        if (sites[0].joinpath(*parts[:n]) / "__init__.py").exists():
            return sites[0], "/".join(parts[:n])
    return sites[0], "/".join(parts)


@cache
def files_hash(site: Path, root: str, installed_at: int) -> str:
    """Return a hash of a package: of its distribution's list of files, and of what is not as the list says.

    Where no list says what is in them, of the files. It is made anew when anything was installed since.
    """
    at, record = site / root, record_of(site, root)
    lines = listed(site, record) if record else None
    if lines is None:
        paths = sorted(path for path in at.rglob("*") if path.is_file()) if at.is_dir() else [at]
        lines = [
            f"{path.relative_to(site).as_posix()} "
            f"{digest_of(path) if path.suffix == '.py' or (size := path.stat().st_size) < _LARGE else size}"
            for path in paths
            if path.suffix not in NOT_RUN
        ]
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


def record_of(site: Path, root: str) -> Path | None:
    """Return the list of files that a package is in; those of distributions that are called like it are seen first."""
    file = f"{root}/__init__.py" if (site / root).is_dir() else root
    name, wanted = root.partition("/")[0].removesuffix(".py").lower(), f"{file},".encode()
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


def listed(site: Path, record: Path) -> list[str] | None:
    """Return the files that a list has, with their hashes; None where it has not that of each.

    A file that has another size now, or was written after the list, is read.
    """
    written, lines = record.stat().st_mtime_ns, []
    for row in record.read_text(encoding="utf-8").splitlines():
        name, digest, size = f",,{row}".rsplit(",", 2)
        name = name.lstrip(",").strip('"')
        if not name or name.endswith(NOT_RUN) or name.startswith(("..", "/", record.parent.name)):
            continue
        if not digest:
            return None
        try:
            now = os.stat(f"{site}/{name}")
            if str(now.st_size) != size or now.st_mtime_ns > written:
                digest = digest_of(site / name)
        except OSError:
            digest = "not there"
        lines.append(f"{name} {digest}")
    return sorted(lines)


def digest_of(path: Path) -> str:
    """Return the hash of a file as lists of files have it."""
    return "sha256=" + base64.urlsafe_b64encode(sha256(path.read_bytes()).digest()).decode().rstrip("=")
