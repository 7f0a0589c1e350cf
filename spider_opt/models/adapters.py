"""LoRA adapters: where they are kept, and the card that says what each is.

An adapter is a folder with ``adapter.gguf`` and ``card.json``; a model that was tuned at a provider has the card alone.
Those that come with the package stand in ``models/adapters/``, as they are or compact (see ``models.compact``), those
made on this machine in the cache. ``learnt.txt`` beside the card has hashes of the questions that were learnt (see
``benchmarks.learnt``).
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.errors import UsageError, WeightsError
from spider_opt.models import compact
from spider_opt.models.catalog import AUTO
from spider_opt.paths import cache_dir, file_hash, locked, write_whole
from spider_opt.wording import argument

FILE, CARD, LEARNT = "adapter.gguf", "card.json", "learnt.txt"
NEXT = "next.gguf"
"""The file that a card is of which is written before it is in place, see ``replace``."""
SHIPPED = Path(__file__).parent / "adapters"
_LOG = logging.getLogger("spider_opt")
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A folder and its card: ``base`` (name and sha256), ``sha256`` of its file, ``look``, ``target``, ``data``, ….

    Where the file comes compact ``sha256`` is of what that is written out to, ``compact_sha256`` of the compact one.
    The card of a model at a provider has the provider's ``base_url`` and its name for the ``model``.
    """

    folder: Path
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.resolve().name

    @property
    def hosted(self) -> bool:
        """Whether the tuned model is at a provider, so that there is no file."""
        return "base_url" in self.card

    @property
    def is_shipped(self) -> bool:
        """Whether it comes with the package."""
        return self.folder.resolve().parent == SHIPPED.resolve()

    @property
    def kept_in(self) -> Path | None:
        """The file that its folder has, None where the tuned model is at a provider."""
        is_compact = not (self.folder / FILE).exists() and (self.folder / compact.FILE).exists()
        return None if self.hosted else self.folder / (compact.FILE if is_compact else FILE)

    @property
    def path(self) -> Path | None:
        """Its GGUF file, which a compact one is written out to first; None where the tuned model is at a provider.

        Raises:
            WeightsError: it cannot be written out.
        """
        kept = self.kept_in
        return compact.written_out(kept, self.sha256) if kept and kept.name == compact.FILE else kept

    @property
    def sha256(self) -> str:
        """The hash of its GGUF file, which it was compared with when it was found; '' for one at a provider."""
        return "" if self.hosted else str(self.card["sha256"])

    @property
    def base(self) -> str:
        """The name of the model that it is for."""
        return str(self.card["base"]["name"])

    @property
    def learnt_databases(self) -> frozenset[str] | None:
        """The ids of the databases that it learnt from; None where its card does not say."""
        data = self.card.get("data")
        db_ids = data.get("db_ids") if isinstance(data, dict) else None
        return frozenset(map(str, db_ids)) if isinstance(db_ids, list) else None

    @property
    def learnt_questions(self) -> frozenset[str] | None:
        """Hashes of the questions that it learnt; None where that was not written down."""
        try:
            return frozenset((self.folder / LEARNT).read_text(encoding="ascii").split())
        except (OSError, UnicodeDecodeError):
            return None


def adapters_dir() -> Path:
    """Return the folder of the adapters made on this machine; it may not exist."""
    return cache_dir() / "adapters"


def adapter_folders() -> list[Path]:
    """Return the folders of all adapters there are by name, those that come with the package first."""
    return [card.parent for root in (SHIPPED, adapters_dir()) for card in sorted(root.glob(f"*/{CARD}"))]


def adapter_names() -> list[str]:
    """Return the names of all adapters there are; one that stands in two places is named once."""
    return list(dict.fromkeys(folder.name for folder in adapter_folders()))


def is_here(name: str) -> bool:
    """Whether ``name`` is an adapter, or was begun to be trained on this machine."""
    return name in adapter_names() or (_NAME.fullmatch(name) is not None and (adapters_dir() / name).is_dir())


def remove_adapter(name: str) -> int:
    """Delete an adapter that was made on this machine, its checkpoint and log too; return the bytes that became free.

    One whose training never came so far as to have a card is deleted too.

    Raises:
        UsageError: it comes with the package.
        WeightsError: it is being trained, or cannot be deleted.
    """
    folder = adapters_dir() / name
    if not folder.is_dir():
        raise UsageError(f"The adapter {name!r} comes with spider-opt, and stays")
    freed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    try:
        with locked(folder):
            shutil.rmtree(folder)
    except BlockingIOError:
        raise WeightsError(f"{folder} is in use by a training; stop that first") from None
    except OSError as error:
        raise WeightsError(f"{folder} cannot be deleted: {error.strerror or error}") from error
    return freed


def folder_for(name: str) -> Path:
    """Return the folder of an adapter that is made on this machine.

    Raises:
        UsageError: no adapter can have that name, or one that comes with the package has it, which is found first.
    """
    if not _NAME.fullmatch(name) or name == AUTO:
        raise UsageError(f"An adapter cannot be called {name!r}: take letters, digits, '_', '-' and '.'")
    if (SHIPPED / name / CARD).is_file():
        raise UsageError(f"The adapter {name!r} comes with spider-opt: give another {argument('name')}")
    return adapters_dir() / name


def find_adapter(name: str) -> Adapter:
    """Return an adapter by its name, or by the path of its folder (``./mine``).

    Raises:
        UsageError: there is none.
        WeightsError: its card cannot be read, or its file has not the bytes that the card says.
    """
    if _NAME.fullmatch(name):
        folders = [SHIPPED / name, adapters_dir() / name]
        known = ", ".join(adapter_names()) or "none"
        none = f"There is no adapter {name!r} (there are: {known}); make it with: spider-opt finetune --name {name}"
    else:
        folders = [Path(os.path.expanduser(name))]
        none = f"There is no adapter in {name!r}: a folder with a {CARD} would be one"
    there = [folder for folder in folders if (folder / CARD).is_file()]
    if len(there) > 1:
        _LOG.warning("two adapters are called %s: the one that comes with the package is taken, not %s", name, there[1])
    for folder in folders:
        if (folder / CARD).is_file():
            adapter = read_adapter(folder)
            if _is_whole(adapter) or _is_whole(adapter := read_adapter(folder)):  # a training may replace it meanwhile
                return adapter
            file = adapter.kept_in
            wrong = "has not the bytes that its card says" if file and file.is_file() else "is missing"
            raise WeightsError(f"{file} {wrong}: get the adapter again, or remove its folder")
    raise UsageError(none)


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter's card.

    Raises:
        WeightsError: it is none.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        which = "base_url" if "base_url" in card else "sha256"
        for said in (card["base"]["name"], card["base"].get("sha256", ""), card[which]):
            if not isinstance(said, str):
                raise TypeError(f"{said!r} is no text")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{folder / CARD} is no adapter's card ({error!r})") from error
    return Adapter(folder, card)


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write an adapter's card, whole or not at all."""
    write_whole(folder / CARD, json.dumps(card, indent=2) + "\n")


def replace(folder: Path, card: Mapping[str, Any]) -> None:
    """Make the file ``next.gguf`` of a folder its adapter, with this card; a kill leaves the old one or the new one.

    It is the new one as soon as the card is there: the file is put in its place now, or by who looks for it.
    """
    write_card(folder, card)
    _take_next(folder)


def write_learnt(folder: Path, questions: frozenset[str] | None) -> None:
    """Write the hashes of the questions that an adapter learnt; None where not all are known, so that none is said."""
    if questions is None:
        (folder / LEARNT).unlink(missing_ok=True)
    else:
        write_whole(folder / LEARNT, "".join(f"{question}\n" for question in sorted(questions)))


def check_unchanged(files: Sequence[Path], sha256: str) -> None:
    """Make sure that adapters' files still have the hashes, joined by '+', that they had when they were found.

    Whoever reads one calls this afterwards: a training may have replaced it, and answers are kept by the hash.

    Raises:
        WeightsError: one has not.
    """
    for file, known in zip(files, sha256.split("+"), strict=True):
        if _hash(file) != known:
            raise WeightsError(f"{file} was replaced after it was found, by a training of that name maybe: ask again")


def all_learnt(parts: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """Return what was learnt in all parts together; None where one of them does not say.

    >>> all_learnt([frozenset("a"), None]) is None
    True
    """
    together: frozenset[str] = frozenset()
    for part in parts:
        if part is None:
            return None
        together |= part
    return together


def _is_whole(adapter: Adapter) -> bool:
    """Tell whether an adapter's file has the bytes that its card says; one that a kill left is put in its place."""
    if adapter.hosted:
        return True
    if _hash(adapter.folder / NEXT) == adapter.sha256:
        _take_next(adapter.folder)
    file = adapter.kept_in
    assert file is not None
    return _hash(file) == str(adapter.card.get("compact_sha256" if file.name == compact.FILE else "sha256"))


def _hash(file: Path) -> str | None:
    try:
        return file_hash(file)
    except OSError:
        return None


def _take_next(folder: Path) -> None:
    with suppress(OSError):  # another process has done it, or the folder is not to be written to
        (folder / NEXT).replace(folder / FILE)
