"""Text files: a query a line, alone or with a tab and its db_id behind it; or one code fence after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spider_opt.runs.prediction_files.entries import Entry, Known

BIRD = re.compile(r"\t----- bird -----\t")
_GOES_ON = re.compile(
    r"(?:\b(?:from|join|as|in|into|update|table|select|distinct|where|and|or|on|by)|[,(=<>+*/|-])$", re.IGNORECASE
)
_FENCED = re.compile(r"^[ \t]*(?:```|~~~).*?\n.*?^[ \t]*(?:```|~~~)[ \t]*$", re.DOTALL | re.MULTILINE)


def text_entries(text: str, known: Known, *, extract: bool) -> list[Entry]:
    """Return an entry for each line; where queries are to be taken out of answers, for each code fence if it has some.

    An empty line is an answer without SQL.
    """
    if extract and (fences := list(_FENCED.finditer(text))):
        return [_fenced(found, text, known) for found in fences]
    lines = text.removesuffix("\n").split("\n")
    return [_of_line(line, f"line {number}", known) for number, line in enumerate(lines, 1)]


def split_db_id(text: str, known: Known) -> tuple[str, str, str]:
    r"""Split what an answer says into its query, its db_id, and what stands behind its last tab and is none.

    BIRD's files have ``\t----- bird -----\t`` between the two; of what stands before that only SQLite's own blanks go.
    """
    if found := BIRD.search(text):
        return text[: found.start()].strip(" \t\n\f\r"), text[found.end() :].strip(), ""
    query, tab, last = text.strip().rpartition("\t")
    if last in known.db_ids and (tab or "\t" in text):  # without the tab nothing stands before the db_id
        return query.strip(), last, ""
    return text.strip(), "", last if tab else ""


def without_db_ids(texts: Sequence[str], known: Known, *, told: bool = False) -> list[tuple[str, str]]:
    r"""Return (query, db_id) of texts that are no lines of a text file, '' for a db_id that is not behind the query.

    A tab is a blank of SQL, and a table may be called as a database is (``FROM\tsinger``): only where most queries have
    a db_id behind a tab, and it is not ``told`` elsewhere, is it none of theirs. BIRD's mark leaves no doubt.
    """
    split = [split_db_id(text, known)[:2] for text in texts]
    marked = [BIRD.search(text) is not None for text in texts]
    behind = [db_id != "" and not _GOES_ON.search(sql) for sql, db_id in split]
    are_lines = not told and sum(behind) * 2 > sum(text.strip() != "" for text in texts)
    return [
        found if mark or (are_lines and ends) else (text.strip(), "")
        for text, found, mark, ends in zip(texts, split, marked, behind, strict=True)
    ]


def _of_line(line: str, place: str, known: Known) -> Entry:
    sql, db_id, tail = split_db_id(line, known)
    cut = sql if BIRD.search(line) or not sql else line.strip().partition("\t")[0]
    return Entry(place, sql, cut, tail, db_id)


def _fenced(found: re.Match[str], text: str, known: Known) -> Entry:
    sql, db_id, _ = split_db_id(found[0], known)
    return Entry(f"line {text.count(chr(10), 0, found.start()) + 1}", sql, sql, "", db_id)


def begin_no_query(entries: list[Entry]) -> Iterator[Entry]:
    """Yield the lines that begin no query although something stands there: a part of one, perhaps."""
    begins = re.compile(r"[(\s]*(?:select|with|from|insert|update|delete|create|drop|pragma|values)\b", re.IGNORECASE)
    return (entry for entry in entries if entry.sql and not begins.match(entry.sql))
