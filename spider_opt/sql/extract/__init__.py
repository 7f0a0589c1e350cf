r"""The query in what a model said.

Queries are found by structure: fenced blocks, tags, JSON, quotes, labels, lines. Where one ends is asked of the
tokenizer and of SQLite's own parser; a query that SQLite takes is never altered but for its white space and comments.

Covered: thoughts and what ends a turn, by the signs of ``marks``; words before and behind in any language; several
queries, of which the last one counts that is offered as the answer; queries with FROM first, turned into SQLite's
order; characters of full width or of none, HTML's and JSON's names for characters. Not covered: texts of which no more
than the beginning and the end can be read in time; queries of more than 100,000 characters, which are taken as they
stand, up to what no query has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from spider_opt.sql.extract.characters import narrow, one_line, without_entities
from spider_opt.sql.extract.choice import chosen
from spider_opt.sql.extract.offers import Reader
from spider_opt.sql.extract.parser import Parser
from spider_opt.sql.extract.thoughts import continued, without_thoughts

__all__ = ["continued", "extract_sql", "without_thoughts"]
_FINAL = "assistantfinal"
# Markdown's quoted lines, where a query or the block of one begins in them.
_QUOTE = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_QUOTED_QUERY = re.compile(r"^[ \t]*>[ \t]*(?:```|~~~|SELECT\b|WITH\b)", re.MULTILINE | re.IGNORECASE)
_QUOTED_LINES = re.compile(r"(?:^[ \t]*>[^\n]*\n?)+", re.MULTILINE)
_FULL_WIDTH = re.compile("[\uff21-\uff3a\uff41-\uff5a]")


def extract_sql(text: str) -> str:
    r"""Return the query that ``text`` gives as the answer, on one line, without comments and final semicolon, or ''.

    An answer that is another statement than a query is returned too, for the database to refuse.

    >>> extract_sql("Sure! ```sql\nSELECT a -- the id\nFROM t;\n```")
    'SELECT a FROM t'
    >>> extract_sql("To select the names, use:\nSELECT a FROM t\n\nIt lists them with their songs.")
    'SELECT a FROM t'
    >>> extract_sql("<think>SELECT b?</think>First: SELECT c FROM t. No, wrong. Corrected: **SELECT a FROM t**")
    'SELECT a FROM t'
    >>> extract_sql("FROM t SELECT a WHERE b IN (FROM u SELECT c)")
    'SELECT a FROM t WHERE b IN (SELECT c FROM u)'
    >>> extract_sql("-- SELECT _ FROM _ WHERE _ = ?\nSELECT a FROM t WHERE b = 2")
    'SELECT a FROM t WHERE b = 2'
    """
    with Parser(len(text)) as parser:
        for reading in _readings(text):
            best = chosen(Reader(reading, parser).read()) or chosen(Reader(reading, parser, comments=False).read())
            if best is not None:
                return one_line(best.sql)
    return ""


def _readings(text: str) -> Iterator[str]:
    """Yield the text, and where that offers no query, what it may have been before something spelled it otherwise."""
    if _QUOTED_QUERY.search(text):
        text = _QUOTED_LINES.sub(_as_block, text)
    if text.lstrip().startswith("analysis") and _FINAL in text:  # a server has left the signs of channels away
        text = text.rpartition(_FINAL)[2]
    yield text
    if "&quot;" in text or "&#" in text:
        yield without_entities(text)
    if _FULL_WIDTH.search(text):
        yield narrow(text)


def _as_block(lines: re.Match[str]) -> str:
    said = _QUOTE.sub("", lines[0])
    return said if "```" in said or "~~~" in said else f"```\n{said}\n```\n"
