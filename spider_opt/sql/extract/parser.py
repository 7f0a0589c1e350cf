"""Whether a text is a whole query: SQLite is asked, as a parser that is allowed nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType

MAX_CHARS = 100_000
"""Of a longer text SQLite is not asked: its tree takes 50 times the memory of the text."""
_PER_CHAR, _AT_LEAST, _PER_ASKING = 1, 800_000, 500


class Says(Enum):
    """What SQLite says of a text: it can be ``WHOLE``, only ``BEGUN``, or no query; or it was not asked."""

    WHOLE = auto()
    BEGUN = auto()
    WRONG = auto()
    NOT_ASKED = auto()


class Parser:
    """SQLite's own parser, without tables and without leave to compile, let alone run, anything.

    A text that SQLite takes for a statement is refused by the authorizer, before names are looked up. What an answer
    makes it read in all is bounded in proportion to the answer's length, ``n_chars``; ``NOT_ASKED`` after that.
    """

    def __init__(self, n_chars: int) -> None:
        self._left = _AT_LEAST + _PER_CHAR * n_chars
        self._half = self._left // 2
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)

    @property
    def is_spent(self) -> bool:
        """Whether it answers no more."""
        return self._left < 0

    @property
    def is_half_spent(self) -> bool:
        """Whether the rest is for what is surely offered."""
        return self._left < self._half

    def count(self, n_chars: int) -> None:
        """Count characters that were looked through for it."""
        self._left -= n_chars // 4

    def __enter__(self) -> Parser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def says(self, sql: str) -> Says:
        """Return what SQLite says of a text that begins as a statement; no semicolon may stand in it."""
        self._left -= len(sql) + _PER_ASKING
        if self._left < 0 or len(sql) > MAX_CHARS:
            return Says.NOT_ASKED
        try:
            self._connection.execute(sql)
        except UnicodeEncodeError:  # half of a pair of surrogates
            return Says.WRONG
        except (sqlite3.Error, sqlite3.Warning) as error:
            return _read(str(error))
        return Says.BEGUN  # a comment, or nothing

    def first_wrong(self, ends: Callable[[int], int | None], sql: str) -> int:
        """Return the number of pieces of ``sql`` before the one at which SQLite stops, found by halving.

        ``ends(n)`` is where the first ``n`` pieces end, None where there are fewer.
        """
        good, bad, step = 0, None, 16
        while bad is None:
            end = ends(good + step)
            if end is None:
                step //= 2
                if step == 0:
                    return good
            elif self.says(sql[:end]) is Says.WRONG:
                bad = good + step
            else:
                good, step = good + step, step * 2
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.says(sql[: ends(middle)]) is Says.WRONG:
                bad = middle
            else:
                good = middle
        return good


def _read(message: str) -> Says:
    if message.endswith("syntax error") or "unrecognized token" in message or "null character" in message:
        return Says.WRONG
    return Says.BEGUN if message == "incomplete input" else Says.WHOLE  # also what it refuses for its meaning
