"""Never asks a model the same thing twice: answers kept on disk, in one SQLite file.

Several threads and processes may share the file, and a process killed at any moment leaves it whole. A
cache only saves time, so no trouble with it costs an answer: a broken file is set aside with a warning.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spider_opt.paths import use_wal
from spider_opt.types import ChatModel, Completion, ModelInfo, Request, Usage

BUSY_TIMEOUT_S = 60.0
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LOG = logging.getLogger("spider_opt")


def request_key(info: ModelInfo, request: Request, cache_tag: str = "") -> str:
    """Return the SHA-256 of everything an answer depends on.

    ``cache_tag`` is what the model adds to its info: the endpoint where the weights are not known.
    """
    messages = request.messages
    asked: dict[str, Any] = {
        "model": info_to_json(info),
        "tag": cache_tag,
        "prompt": messages if isinstance(messages, str) else [[message.role, message.content] for message in messages],
        "n": request.n,
        "temperature": float(request.temperature),
        "seed": request.seed,
        "stop": list(request.stop),
        "grammar": request.grammar,
        "max_tokens": request.max_tokens,
    }
    if request.extra:  # without them the key is what it was before there were any
        asked["extra"] = dict(request.extra)
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def info_to_json(info: ModelInfo) -> dict[str, str]:
    """Return a model's info as it is hashed and written down; without an engine as before there were any."""
    said = asdict(info)
    return said if info.engine else {name: value for name, value in said.items() if name != "engine"}


def completions_to_json(completions: Sequence[Completion]) -> list[dict[str, Any]]:
    """Turn completions into JSON-able objects; ``completions_from_json`` gives equal ones back."""
    return [asdict(completion) for completion in completions]


def completions_from_json(objects: Sequence[dict[str, Any]]) -> list[Completion]:
    """Read what ``completions_to_json`` made.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    return [Completion(**{**fields, "usage": Usage(**fields["usage"])}) for fields in objects]


class CachedModel:
    """Answers from the file at ``path`` what was asked before, with the usage it had then.

    ``hits`` and ``misses`` count the calls since this object was made.
    """

    def __init__(self, inner: ChatModel, path: Path) -> None:
        self.inner = inner
        self.path = path
        self.hits = 0
        self.misses = 0
        self._tag = str(getattr(inner, "cache_tag", ""))
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._usable = True

    @property
    def info(self) -> ModelInfo:
        """The inner model's."""
        return self.inner.info

    def complete(self, request: Request) -> list[Completion]:
        """Return the kept samples, or ask the inner model and keep them; of two who ask at once, the first counts.

        Raises:
            ModelError: the inner model gave no answer; nothing is kept.
        """
        key = request_key(self.info, request, self._tag)
        kept = self._get(key)
        if kept is not None:
            return kept
        return self._put(key, self.inner.complete(request))

    def close(self) -> None:
        """Close the file and the inner model; the next call opens them again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()

    def _get(self, key: str) -> list[Completion] | None:
        with self._lock:
            found = self._run(self._select, key)
            self.hits += found is not None
            self.misses += found is None
            return found

    def _put(self, key: str, fresh: list[Completion]) -> list[Completion]:
        with self._lock:
            return self._run(self._insert, key, fresh) or fresh

    def _run(self, work: Any, *args: Any) -> list[Completion] | None:
        """Do work on the open file; set a broken file aside and do it once more; else do without."""
        for _ in range(2):
            if not self._usable:
                return None
            try:
                if self._db is None:
                    self._db = _open(self.path)
                done: list[Completion] | None = work(self._db, *args)
                return done
            except (sqlite3.Error, OSError) as error:
                self._recover(error)
        return None

    def _recover(self, error: sqlite3.Error | OSError) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        try:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
                aside = _set_aside(self.path)
                _LOG.warning("The response cache %s is broken (%s); it was moved to %s.", self.path, error, aside.name)
                return
        except OSError as second:
            error = second
        self._usable = False
        _LOG.warning("The response cache %s cannot be used (%s); answers are not kept.", self.path, error)

    @staticmethod
    def _select(db: sqlite3.Connection, key: str) -> list[Completion] | None:
        row = db.execute("SELECT completions FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            return completions_from_json(json.loads(row[0]))
        except (ValueError, TypeError, KeyError, AttributeError):
            db.execute("DELETE FROM answers WHERE key = ?", (key,))
            return None

    @classmethod
    def _insert(cls, db: sqlite3.Connection, key: str, fresh: list[Completion]) -> list[Completion] | None:
        text = json.dumps(completions_to_json(fresh))
        db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, text))
        return cls._select(db, key)


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        # A write is then safe from kill -9 without waiting for the disk.
        use_wal(db, BUSY_TIMEOUT_S)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, completions TEXT NOT NULL) WITHOUT ROWID")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    return path.replace(aside)
