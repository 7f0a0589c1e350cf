"""The query that begins at a word of a text: in its quotes if it has any, and as what it was written in spells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from spider_opt.sql.extract.characters import INVISIBLE, first_entity, plain, without_entities, without_escapes
from spider_opt.sql.extract.ends import Body, body_at, scan
from spider_opt.sql.extract.parser import MAX_CHARS, Parser, Says
from spider_opt.sql.extract.prose import Style
from spider_opt.sql.from_first import from_from_first

CLOSING = {
    '"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "‘": "’", "«": "»", "‹": "›", "「": "」", "『": "』", "《": "》",
    "(": ")", "（": "）", "[": "]", "{": "}", "*": "*", "**": "**", "***": "***", "~~": "~~", "__": "__", "$": "$",
    "``": "``", '"""': '"""', "'''": "'''", "==": "==",
}  # fmt: skip
"""Signs of quotation, of Markdown, and brackets, by those that open them."""
_MAX_CLOSINGS, _MAX_LINES, _MAX_FROM_FIRST = 40, 30, 20_000
_UNION = re.compile(r"\s*(?:UNION|INTERSECT|EXCEPT)\b", re.IGNORECASE)
_SELECT = re.compile(r"\s*SELECT\b")
_HIDDEN = re.compile(f"[{INVISIBLE}]")
_IN_WORD = re.compile(r"\w", re.ASCII)
_WORD = re.compile(r"\w+")
_LINE_END = re.compile(r"\s*\n")


def query_at(text: str, start: int, parser: Parser, *, opening: str = "", in_sentence: bool = False) -> Body:
    """Return the query that begins at ``start``; ``opening`` is the sign of quotation directly before it, if any."""
    rest = text[start : start + MAX_CHARS]
    if entity := first_entity(rest):
        as_it_stands = rest[: entity - 1]
        if not rest[entity:].strip() and parser.says(as_it_stands) is Says.WHOLE:
            return Body(as_it_stands, start + entity, Says.WHOLE)
        text = text[:start] + without_entities(rest)
    if opening and (quoted := _quoted(text, start, opening, parser)):
        return quoted
    body = body_at(text, start, parser, in_sentence=in_sentence)
    if opening == "(" and body.says is Says.WRONG:
        return body._replace(sql="(" + body.sql)  # of a union in parentheses, which SQLite does not take
    if body.says is Says.NOT_ASKED or (body.says is Says.WHOLE and not body.in_line):
        return body
    for reading in _readings(text[start : body.end], opening):
        other = body_at(reading, 0, parser, in_sentence=in_sentence)
        if other.says is Says.WHOLE and not other.in_line:
            return other._replace(end=body.end)
    return body


def _quoted(text: str, start: int, opening: str, parser: Parser) -> Body | None:
    """Return the query up to the sign that closes its quotation, None where there is none such."""
    as_json = _as_json(text, start, parser) if opening == '"' else None
    if as_json and start == 1 and not text[as_json.end :].strip():
        return as_json
    ends = list(_closings(text, start, CLOSING[opening]))
    for other_readings in (False, True):
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
        within = _IN_WORD.match(text, behind) or text[end - 1] == "\\"
        if not within and not (closing in "\"'`*" and text.startswith(closing, behind)):
            yield end, behind


def _as_json(text: str, start: int, parser: Parser) -> Body | None:
    try:
        said, end = json.JSONDecoder(strict=False).raw_decode(text[start - 1 : start + MAX_CHARS])
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, str) or "\\" not in text[start : start + end]:
        return None
    body = body_at(said, 0, parser)
    return body._replace(end=start - 1 + end) if body.says is Says.WHOLE and not body.in_line else None


def _readings(text: str, opening: str) -> Iterator[str]:
    """Yield other readings of a text, of which one that SQLite takes whole is what was meant."""
    if "\\" in text:
        yield without_escapes(text)
    if opening in ('"', "'") and opening * 2 in text:
        yield text.replace(opening * 2, opening)
    if _HIDDEN.search(text):
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
