"""What a package takes from others: the distributions that it requires and the packages that its files import."""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from spider_opt.package_files import SITES, digest_of, files_hash, listed, origin_of, place_of, record_of, time_of

_NOBODYS = frozenset(("", "spider_opt", "__main__", "__mp_main__")) | sys.stdlib_module_names
_MOST_PYTHON = 1 << 18  # bytes of Python that are looked through for what they import
_LONG_LIST = 20_000  # bytes of a list of files: of longer ones no file is looked at
_REQUIRES = re.compile(r"^Requires-Dist: *([\w.-]+)([^\n]*)", re.MULTILINE)


def needs_hash(site: Path, root: str) -> str:
    """Return a hash of all that the package in a place requires or imports, and so on; '' where that is nothing.

    What is required without an extra counts where it is installed, by its distribution's list of files, and is trusted
    to say itself what it requires. The files of the package itself, and those that no distribution has, are looked
    through for what they import, where they have little Python. Python and we are left out, and nothing is imported
    here. It is made anew when anything was installed since.
    """
    known = _sites(tuple(sys.path))
    sites = tuple(dict.fromkeys((site, *known)))
    kept = site in known or site.name in SITES or root in _NOBODYS
    look = _needs_hash if kept else _needs_hash.__wrapped__  # one's own may be edited as the process runs
    return look(site, root, tuple((one, time_of(one)) for one in sites))


@cache
def _sites(paths: tuple[str, ...]) -> tuple[Path, ...]:
    known = [sysconfig.get_path(place) for place in ("purelib", "platlib")]
    return tuple(Path(path) for path in paths if (Path(path).name in SITES or path in known) and os.path.isdir(path))


@cache
def _needs_hash(site: Path, root: str, installed: tuple[tuple[Path, int], ...]) -> str:
    infos = _infos([one for one, _ in installed])
    first = _whose(site, root)
    met = {first: site}
    for whose in (due := [first]):
        seen_through = whose is first or not _is_info(whose)
        for need, place in _needs(whose, infos, _python(whose, met[whose]) if seen_through else []):
            if need not in met:
                met[need] = place
                due.append(need)
    lines = sorted(line for whose in due[1:] for line in _lines(whose, met[whose]))
    return sha256("\n".join(lines).encode()).hexdigest()[:12] if lines else ""


def _infos(sites: list[Path]) -> dict[str, Path]:
    """Return the folder that says what a distribution is, by the distribution's name."""
    found: dict[str, Path] = {}
    for site in sites:
        for name in sorted(os.listdir(site)):
            if name.endswith(".dist-info"):
                found.setdefault(_normal(name.partition("-")[0]), site / name)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _whose(site: Path, root: str) -> Path:
    """Return the folder of a package's distribution; where none has it the package itself."""
    record = record_of(site, root)
    return record.parent if record else site / root


def _needs(whose: Path, infos: dict[str, Path], python: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield what a distribution requires or these files of Python import, each with the folder that it is in."""
    yield from ((infos[name], infos[name].parent) for name in _required(whose) if name in infos)
    for name in sorted(set().union(*(_imported(path) for path in python))):
        with suppress(OSError):
            if found := _found(name):
                yield _whose(*found), found[0]


def _python(whose: Path, site: Path) -> list[Path]:
    """Return the files of Python that a distribution or a package has; none of one that has much."""
    if _is_info(whose):
        names = [] if _is_large(whose) else [row.rsplit(",", 2)[0].strip('"') for row in _rows(whose)]
        files = [path for name in names if name.endswith(".py") and (path := site / name).is_file()]
    else:
        files = _below(whose)
    return files if sum(path.stat().st_size for path in files) <= _MOST_PYTHON else []


def _required(whose: Path) -> Iterator[str]:
    if not _is_info(whose):
        return
    with suppress(OSError):
        about = (whose / "METADATA").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
        for name, rest in _REQUIRES.findall(about):
            if "extra" not in rest.partition(";")[2] and _normal(name) != "spider-opt":
                yield _normal(name)


def _is_info(whose: Path) -> bool:
    return whose.name.endswith(".dist-info")


def _below(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py")) if package.is_dir() else [package]


def _is_large(info: Path) -> bool:
    return (info / "RECORD").stat().st_size > _LONG_LIST


def _rows(info: Path) -> list[str]:
    """Return the rows of a distribution's list, without the files that are made as it is installed."""
    text = (info / "RECORD").read_text(encoding="utf-8", errors="replace")
    about = ("..", "/", info.name)
    return [row for row in text.split("\n") if row and ".pyc," not in row and not row.startswith(about)]


def _imported(path: Path) -> set[str]:
    """Return the modules that a file imports from others, at once or as its functions run."""
    found: set[str] = set()
    with suppress(SyntaxError, ValueError, RecursionError):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                found.update({str(node.args[0].value)} if called in ("import_module", "__import__") else ())
    return {name for name in found if name.partition(".")[0] not in _NOBODYS}


def _found(name: str) -> tuple[Path, str] | None:
    """Return the place of a package; of one that shares its first name with others the first that has Python in it."""
    top, *rest = name.split(".")
    origin = origin_of(top)
    if origin in ("", "built-in", "frozen"):
        return None
    if os.path.isfile(origin):
        return place_of(top)
    at = Path(origin)
    for part in rest:
        at /= part
        if (at / "__init__.py").is_file():
            return at.parents[len(at.relative_to(origin).parts)], at.relative_to(Path(origin).parent).as_posix()
    return None


def _lines(whose: Path, site: Path) -> list[str]:
    """Return the files of a distribution or a package, each with its hash; of a large one as its list has them."""
    if not _is_info(whose):
        if site.name in SITES:
            root = whose.relative_to(site).as_posix()
            return [f"{root} {files_hash(site, root, time_of(site))}"]
        return [f"{path.relative_to(site).as_posix()} {digest_of(path)}" for path in _below(whose)]
    if not (whose / "RECORD").is_file():
        return [whose.name]
    if _is_large(whose):
        return [whose.name, *sorted(_rows(whose))]
    now = listed(site, whose / "RECORD")
    if now is None:  # the list has no hashes
        names = [row.rsplit(",", 2)[0].strip('"') for row in _rows(whose)]
        now = [f"{name} {digest_of(site / name)}" for name in sorted(names) if (site / name).is_file()]
    return [whose.name, *now]
