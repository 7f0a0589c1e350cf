"""Text files: a query a line, alone or with a tab and its db_id behind it; or one code fence after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spider_opt.runs.prediction_files.entries import Entry, Known

BIRD = re.compile(r"\t----- bird -----\t")
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

    BIRD's files have ``\t----- bird -----\t`` between the two.
    """
    if found := BIRD.search(text):
        return text[: found.start()].strip(), text[found.end() :].strip(), ""
    query, tab, last = text.strip().rpartition("\t")
    if last in known.db_ids and (tab or "\t" in text):  # without the tab nothing stands before the db_id
        return query.strip(), last, ""
    return text.strip(), "", last if tab else ""


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
