"""The query that begins at a word of a text: in its quotes if it has any, and as what it was written in spells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice

from spider_opt.sql.extract.characters import INVISIBLE, first_entity, plain, without_entities, without_escapes
from spider_opt.sql.extract.ends import Body, body_at, scan
from spider_opt.sql.extract.parser import MAX_CHARS, Parser, Says
from spider_opt.sql.extract.prose import CLAUSES, Style
from spider_opt.sql.from_first import from_from_first
from spider_opt.sql.lexer import Token, tokens

CLOSING = {
    '"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "‘": "’", "«": "»", "‹": "›", "「": "」", "『": "』", "《": "》",
    "(": ")", "（": "）", "[": "]", "{": "}", "*": "*", "**": "**", "***": "***", "~~": "~~", "__": "__", "$": "$",
    "|": "|", "``": "``", '"""': '"""', "'''": "'''", "==": "==",
}  # fmt: skip
"""Signs of quotation, of Markdown, brackets, and a table's bars, by those that open them."""
_NEAR = 2_000
_AS_LONG = 8
"""So much longer does it take to read HTML's names than SQLite takes to read a text."""
_MAX_CLOSINGS, _MAX_LINES, _MAX_FROM_FIRST, _MAX_WORDS = 40, 30, 20_000, 10_000
_UNION = re.compile(r"\s*(?:UNION|INTERSECT|EXCEPT)\b", re.IGNORECASE)
_SELECT = re.compile(r"\s*SELECT\b")
_HIDDEN = re.compile(f"[{INVISIBLE}]")
_IN_WORD = re.compile(r"\w", re.ASCII)
_WORD = re.compile(r"\w+")
_BEFORE_TEXTS = CLAUSES.union(("ESCAPE", "GLOB", "MATCH", "REGEXP", "SELECT"))
_DOUBLED = re.compile(r"''[\w%]")
_BAR = re.compile(r"(?<![|\\])\|(?!\|)")
_FROM = re.compile(r"\bFROM\b", re.IGNORECASE)
_LINE_END = re.compile(r"\s*\n")


def query_at(text: str, start: int, parser: Parser, *, opening: str = "", in_sentence: bool = False) -> Body:
    """Return the query that begins at ``start``, without the comments that stand first in it.

    ``opening`` is the sign of quotation directly before it, if any; ``in_sentence`` is whether words stand before it.
    """
    body = _query_at(text, start, parser, opening, in_sentence)
    if not body.sql.startswith(("-", "/")):
        return body
    return body._replace(sql=next((body.sql[t.start :] for t in tokens(body.sql) if not t.says_nothing), ""))


def _query_at(text: str, start: int, parser: Parser, opening: str, in_sentence: bool) -> Body:
    if text.find("&", start, start + MAX_CHARS) < 0:
        return _written(text, start, parser, opening, in_sentence)
    before = text[max(start - 2, 0) : start]
    if len(text) - start > _NEAR:
        near = text[start : start + _NEAR]
        if first_entity(near) is None:
            body = _written(text, start, parser, opening, in_sentence)
            if body.end - start < _NEAR:
                return body
        else:
            body = _for_html(before, near, parser, opening, in_sentence)
            if body.end < _NEAR // 2:  # far from where it was cut off
                return body._replace(end=start + body.end)
    parser.count(min(len(text) - start, MAX_CHARS) * _AS_LONG)
    rest = text[start : start + MAX_CHARS]
    if first_entity(rest) is None:
        return _written(text, start, parser, opening, in_sentence)
    body = _for_html(before, rest, parser, opening, in_sentence)
    return body._replace(end=start + body.end)


def _for_html(before: str, text: str, parser: Parser, opening: str, in_sentence: bool) -> Body:
    """Return the query at the beginning of a text that has HTML's names for characters, which a string may have too.

    ``before`` are the characters before it.
    """
    entity = first_entity(text) or 0
    as_it_stands = text[: entity - 1]
    if not text[entity:].strip() and parser.says(as_it_stands) is Says.WHOLE:
        return Body(as_it_stands, entity, Says.WHOLE)
    body = _written(before + without_entities(text), len(before), parser, opening, in_sentence)
    return body._replace(end=body.end - len(before))


def _written(text: str, start: int, parser: Parser, opening: str, in_sentence: bool) -> Body:
    if opening and (quoted := _quoted(text, start, opening, parser)):
        return quoted
    body = body_at(text, start, parser, in_sentence=in_sentence)
    if opening == "(" and body.says is Says.WRONG:
        return body._replace(sql="(" + body.sql)  # of a union in parentheses, which SQLite does not take
    if body.says is Says.NOT_ASKED or (body.says is Says.WHOLE and not body.in_line):
        return body
    if body.says is Says.WHOLE and "\\" in body.sql:
        return body  # in its strings, which are as they are meant
    for reading in _readings(text[start : body.end], opening, hidden=body.says is not Says.WHOLE):
        other = body_at(reading, 0, parser, in_sentence=in_sentence)
        if other.says is Says.WHOLE and not other.in_line:
            return other._replace(end=body.end)
    return body


def reads_as_query(body: Body) -> bool:
    """Whether what begins in a sentence is a query, whole or cut off, by its words and by its quotes.

    >>> reads_as_query(Body("select the singer's name from 'a'", 33, Says.WHOLE))
    False
    """
    if body.says is Says.WRONG:
        return False  # of what is too long to be asked the beginning was
    before: Token | None = None
    n_queries, names_a_table = 0, body.sql[:6].upper() == "VALUES"
    for token in tokens(body.sql[:_MAX_WORDS]):
        if token.kind == "string" and before and before.kind == "word" and before.text.upper() not in _BEFORE_TEXTS:
            return False  # it begins with an apostrophe
        names_a_table = names_a_table or token.text.upper() == "FROM"
        n_queries += token.text.upper() == "SELECT"
        before = token
    return names_a_table or n_queries > 1 or body.sql[:4].isupper()


def _quoted(text: str, start: int, opening: str, parser: Parser) -> Body | None:
    """Return the query up to the sign that closes its quotation, None where there is none such."""
    as_json = _as_json(text, start, parser) if opening == '"' else None
    if as_json and start == 1 and not text[as_json.end :].strip():
        return as_json
    ends = list(_cells(text, start) if opening == "|" else _closings(text, start, CLOSING[opening]))
    doubled = opening == "'" and ends and _DOUBLED.search(text, start, ends[-1][0])  # which SQLite reads otherwise
    for other_readings in (True, False) if doubled else (False, True):
        later: Body | None = None
        for end, behind in ends:
            inside = text[start:end]
            for reading in _readings(inside, opening) if other_readings else (inside,):
                stop, _ = scan(reading, 0, parser)
                sql = plain(reading[:stop]).strip()
                if reading[stop:].strip("; \n") or parser.says(sql) is not Says.WHOLE:
                    continue
                if opening == "(" and _UNION.match(text, behind):
                    return None
                body = Body(sql, behind, Says.WHOLE)
                if not inside[-1:].isspace() and inside[-1:] != opening:
                    return body
                later = body
        if later or as_json:
            return later or as_json
    return None


def _closings(text: str, start: int, closing: str) -> Iterator[tuple[int, int]]:
    """Yield where signs begin and end that may close a quotation, which no word follows."""
    behind = start
    for _ in range(_MAX_CLOSINGS):
        end = text.find(closing, behind, start + MAX_CHARS)
        if end < 0:
            return
        behind = end + len(closing)
        while len(closing) == 3 and text.startswith(closing[0], behind):  # a quote of the query's own stands before
            end, behind = end + 1, behind + 1
        within = _IN_WORD.match(text, behind) or text[end - 1] == "\\"
        if not within and not (closing in "\"'`*" and text.startswith(closing, behind)):
            yield end, behind


def _cells(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where bars begin and end that may close a table's cell, those behind a whole line of SQL first."""
    line = text.find("\n", start, start + MAX_CHARS)
    bars = [bar.span() for bar in islice(_BAR.finditer(text, start, line if line >= 0 else len(text)), _MAX_CLOSINGS)]
    return iter(sorted(bars, key=lambda bar: not _FROM.search(text, start, bar[0])))


def _as_json(text: str, start: int, parser: Parser) -> Body | None:
    try:
        said, end = json.JSONDecoder(strict=False).raw_decode(text[start - 1 : start + MAX_CHARS])
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, str) or "\\" not in text[start : start + end]:
        return None
    body = body_at(said, 0, parser)
    return body._replace(end=start - 1 + end) if body.says is Says.WHOLE and not body.in_line else None


def _readings(text: str, opening: str, *, hidden: bool = True) -> Iterator[str]:
    """Yield other readings of a text, of which one that SQLite takes whole is what was meant."""
    if "\\" in text:
        yield without_escapes(text)
    if opening in ('"', "'") and opening * 2 in text:
        yield text.replace(opening * 2, opening)
    if hidden and _HIDDEN.search(text):
        yield _HIDDEN.sub(" ", text)


def from_first_at(text: str, start: int, parser: Parser) -> Body | None:
    """Return the query with FROM first that begins at ``start`` in SQLite's order of clauses, None if there is none."""
    end, _ = scan(text, start, parser)
    written = plain(text[start:end]).strip()
    turned = from_from_first(written) if len(written) <= _MAX_FROM_FIRST else written
    if turned == written or not _SELECT.match(turned):
        return None  # it is the rest of another query
    if parser.says(turned) is Says.WHOLE:
        return Body(turned, end, Says.WHOLE)
    for line in [*_LINE_END.finditer(written)][: -_MAX_LINES - 1 : -1]:
        fewer = written[: line.start()]
        whole = from_from_first(fewer)
        if whole != fewer and parser.says(whole) is Says.WHOLE:
            if not Style(_WORD.findall(fewer)).other_than_sql(written[line.end() :]):
                break
            return Body(whole, start + len(fewer), Says.WHOLE)
    return Body(turned, end, parser.says(turned))
