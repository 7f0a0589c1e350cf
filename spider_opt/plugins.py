"""What is found by its name: our own by a table, that of installed packages by their entry points."""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from spider_opt.errors import SpiderOptError


@dataclass(frozen=True, slots=True)
class Names:
    """One kind of things with names.

    ``table`` maps ours to ``module:attribute``, ``group`` is the entry-point group of the others'. ``kind`` ends with
    the word that one of them is called by ("method step"); ``see`` is the command that lists them, and ``error`` what
    is raised for a name that does not do. Where ``ours_stay`` no package can claim one of our names, and none is looked
    for: that takes longer than to score a hundred answers.
    """

    kind: str
    table: Mapping[str, str]
    group: str
    see: str
    error: type[SpiderOptError]
    ours_stay: bool = False

    def import_paths(self) -> Mapping[str, tuple[str, ...]]:
        """Return where each name is imported from (``module:attribute``); several where packages claim the same."""
        places = {name: [place] for name, place in self.table.items()}
        for name, place in installed(self.group):
            places.setdefault(name, []).append(place)
        return {name: tuple(dict.fromkeys(values)) for name, values in places.items()}

    def load(
        self, name: str, check: Callable[[Any], object] | None = None, also: Iterable[str] = ()
    ) -> tuple[str, Any]:
        """Return the place of a name and what is there; ``check`` may raise what it likes where that is none.

        A package that is broken harms nobody who does not ask for its names. ``also`` are names that may have been
        meant and are found elsewhere.

        Raises:
            SpiderOptError: of the kind ``error``: there is no such name, two packages claim it, or it cannot be loaded.
        """
        ours = self.ours_stay and name in self.table
        places, noun = {name: (self.table[name],)} if ours else self.import_paths(), self.kind.rpartition(" ")[2]
        if name not in places:
            raise self.error(f"no {self.kind} {name!r}{meant(name, [*places, *also])}; see: {self.see}")
        if len(places[name]) > 1:
            claimed = " and ".join(places[name])
            raise self.error(f"two packages claim the {noun} {name!r} ({claimed}): uninstall the one not wanted")
        [place] = places[name]
        module, _, attribute = place.partition(":")
        try:
            found = getattr(import_module(module), attribute)
            if check is not None:
                check(found)
        except Exception as error:  # whatever an installed package does wrong when it is imported
            raise self.error(f"{noun} {name!r} ({place}) cannot be loaded: {error!r}") from error
        return place, found


@cache
def installed(group: str) -> tuple[tuple[str, str], ...]:
    """Return the (name, place) of the entry points in a group, as they were at the first call."""
    from importlib.metadata import entry_points

    return tuple((point.name, point.value) for point in entry_points(group=group))


def package_of(thing: object) -> str:
    """Return the top package that a class, a function, a module or an instance comes from; '' for ours.

    >>> package_of(Names), package_of(get_close_matches)
    ('', 'difflib')
    """
    module = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", "")
    name = str(module or "").partition(".")[0]
    return "" if name in ("spider_opt", "builtins") else name


def code_in(package: str) -> str:
    """Return a hash of a package's files, prompts and other data too; '' where there are none, as in a notebook.

    Of an installed one these are the files that its distribution lists, and all Python; else what is in its folder.
    What it requires or imports from other packages counts with it.
    """
    module = sys.modules.get(package)
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    file = getattr(module, "__file__", None)
    files: dict[str, Path] = {}
    for folder in folders:
        listed = _listed(folder.parent, f"{folder.name}/__init__.py")
        files |= _named([*folder.rglob("*.py"), *listed] if listed else folder.rglob("*"), folder)
    if file and not folders:
        files = _named([Path(file), *_listed(Path(file).parent, Path(file).name)], Path(file).parent)
    hashed = hashlib.sha256()
    for name, path in sorted(files.items()):
        hashed.update(f"{name}\0".encode())
        with path.open("rb") as content:
            while block := content.read(1 << 20):
                hashed.update(block)
    if not files:
        return ""
    from spider_opt.package_files import place_of
    from spider_opt.package_needs import needs_hash

    hashed.update(needs_hash(*place_of(package)).encode())
    return hashed.hexdigest()[:10]


def _named(paths: Iterable[Path], folder: Path) -> dict[str, Path]:
    """Return the files among paths by their names in a folder, or beside it; none that Python or a tool has left."""
    found = {}
    for path in paths:
        name = path.relative_to(folder if path.is_relative_to(folder) else folder.parent)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
        if not hidden and name.suffix not in (".pyc", ".pyo") and path.is_file():
            found[name.as_posix()] = path
    return found


@cache
def _listed(site: Path, wanted: str) -> tuple[Path, ...]:
    """Return the files of the distribution that has a file, in a folder of installed packages; none where none has."""
    name = wanted.partition("/")[0].removesuffix(".py").lower()
    records = site.glob("*.dist-info/RECORD")
    for record in sorted(records, key=lambda path: (path.parent.name.partition("-")[0].lower() != name, path)):
        with suppress(OSError, UnicodeDecodeError):
            text = record.read_text(encoding="utf-8")
            if f"\n{wanted}," in f"\n{text}":
                rows = [Path(row[0]) for row in csv.reader(text.splitlines()) if row]
                about = (record.parent.name, "..", "/")
                return tuple(site / row for row in rows if row.parts and row.parts[0] not in about)
    return ()


def meant(name: str, known: Iterable[str]) -> str:
    """Return words to put behind a wrong name: the one that was meant, or all that there are.

    >>> meant("zero-shto", ["cot", "zero-shot"]), meant("x", ["cot", "zero-shot"])
    (" (did you mean 'zero-shot'?)", ' (there are: cot, zero-shot)')
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (there are: {', '.join(names)})"
