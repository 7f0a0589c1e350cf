"""What a benchmark is called: known questions by what they are, one's own by ``benchmark.json`` or the folder's name.

Whatever is laid out as Spider is can be loaded as Spider is; only Spider's questions are called Spider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt.benchmarks.questions import Entry, normal_text, read_json
from spider_opt.benchmarks.source import Fields, Source
from spider_opt.benchmarks.table import BENCHMARKS, source_named
from spider_opt.errors import DatasetError
from spider_opt.sql.spacing import same_query_key

FILE = "benchmark.json"
LAYOUT = "spider"
"""The layout of a folder that does not say it."""
SIZES = {"dev": 1034, "train_spider": 7000, "train_others": 1659, "train": 8659, "test": 2147}
"""Questions of Spider's splits. Of test no copy was at hand to take its hash, see ``like_test``."""
_TEST_DATABASES = 30
"""Its paper says 40, none of which is in training or dev."""
# By ``questions_hash``, and by how many there are: others need no hash.
_KNOWN: Mapping[int, Mapping[str, tuple[str, str]]] = {
    1034: {"493b0f588c662513": ("spider", "dev"), "9038291d5a07f3e3": ("spider-syn", "dev")},
    7000: {"ce28fd112303ee1e": ("spider", "train_spider")},
    1659: {"21ff39693c7b95a3": ("spider", "train_others")},
    8659: {"5e7c1810fca6b941": ("spider", "train")},
    508: {"ba9ea393b88abf4a": ("spider-realistic", "dev")},
}
_DK = (535, "spider-dk")
_OF_DK = frozenset({"new_concert_singer", "new_orchestra", "new_pets_1"})
"""Of Spider-DK too there was no copy: as many questions, some about each of the three databases that it changed."""
KNOWN_NAMES = frozenset({_DK[1], *(name for known in _KNOWN.values() for name, _ in known.values())})
"""Benchmarks whose questions as they were published are known."""
TAKEN = frozenset({*BENCHMARKS, *KNOWN_NAMES})


@dataclass(frozen=True, slots=True)
class Described:
    """What a folder's ``benchmark.json`` says: what it is called, whose layout it has, what its questions have beside.

    ``notes`` and ``metadata`` are as in ``Fields``; ``split_by`` is ``query`` where its halves share databases (see
    ``query_split``), else ``database``. Others of its keys are not read.
    """

    name: str
    layout: str = LAYOUT
    notes: str = ""
    metadata: Mapping[str, str] | None = None
    split_by: str = "database"

    @property
    def source(self) -> Source:
        """Where its files lie.

        Raises:
            DatasetError: there is no such layout.
        """
        source = source_named(self.layout)
        told: Fields = source.fields
        if self.notes:
            told = replace(told, notes=self.notes)
        if self.metadata is not None:
            told = replace(told, metadata=self.metadata)
        return replace(source, fields=told, shares_databases=self.split_by == "query")


def described(folder: Path) -> Described | None:
    """Read a folder's ``benchmark.json``; None where there is none.

    Raises:
        DatasetError: it is broken, or takes another benchmark's name.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    told = read_json(path)
    if not isinstance(told, dict) or not isinstance(told.get("name"), str) or not told["name"].strip():
        raise DatasetError(f'{path} must be an object that says its "name".')
    name = told["name"].strip()
    if name in TAKEN or ":" in name or not name.isprintable():
        raise DatasetError(f'{path} calls it "{name}", which is no name for a benchmark of your own: choose another.')
    layout, notes, metadata = told.get("layout", LAYOUT), told.get("notes", ""), told.get("metadata")
    texts = [layout, notes, *(metadata or {}), *(metadata.values() if isinstance(metadata, dict) else ())]
    if not all(isinstance(text, str) for text in texts) or not isinstance(metadata, dict | None):
        raise DatasetError(f'{path}: "layout" and "notes" must be text, "metadata" names by names.')
    if (split_by := told.get("split_by", "database")) not in ("database", "query"):
        raise DatasetError(f'{path}: "split_by" must be "database" or "query".')
    return Described(name, layout, notes, metadata, split_by)


def questions_hash(entries: Iterable[Entry]) -> str:
    """Return a hash of what is asked, whatever the order and the spelling of blanks: database, question and gold."""
    rows = []
    for entry in entries:
        golds = map(same_query_key, entry.golds or ("",))
        rows.append("\0".join([entry.db_id, normal_text(entry.question), *golds]))
    rows.sort()
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def known_split(entries: Sequence[Entry]) -> tuple[str, str] | None:
    """Return the benchmark and split that these questions are; None for any others.

    Dev, training, Spider-Syn and Spider-Realistic are known by all that they ask, Spider-DK by its size and databases.
    """
    if len(entries) == _DK[0] and {entry.db_id.lower() for entry in entries} >= _OF_DK:
        return _DK[1], "dev"
    known = _KNOWN.get(len(entries), {})
    return known.get(questions_hash(entries)) if known else None


def like_test(entries: Sequence[Entry], others: Iterable[Entry] = ()) -> bool:
    """Tell whether questions may be Spider's test: so many, of so many databases, none of which the others have."""
    databases = {entry.db_id.lower() for entry in entries}
    size = (len(entries), len(databases) >= _TEST_DATABASES)
    return size == (SIZES["test"], True) and not databases & {entry.db_id.lower() for entry in others}


def own_name(folder: Path) -> str:
    """Return what the questions in a folder are called that is not described.

    >>> own_name(Path("/data/shop")), own_name(Path("/data/spider"))
    ('shop', 'own-spider')
    """
    name = folder.resolve().name or "own"
    return f"own-{name}" if name.lower() in TAKEN else name
